//! The one place that asks what time it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

mod discipline;
mod high_water;
mod source;

pub use discipline::Discipline;
pub use high_water::{HighWater, TOLERANCE};
pub use source::{Accuracy, Source, Untrusted};

/// A point in time: milliseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// This long after.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This long before.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(at) = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000) else {
            return write!(f, "{} ms", self.0);
        };
        let (date, clock) = (at.date(), at.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second(),
            clock.millisecond()
        )
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What says the time. Clones of a manual clock move together.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands still until the test moves it.
    pub fn manual(start: Millis) -> (Self, ManualClock) {
        let at = Arc::new(AtomicI64::new(start.0));
        (Self(Kind::Manual(Arc::clone(&at))), ManualClock(at))
    }

    /// The present.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Kind::System => system_now(),
            Kind::Manual(at) => Millis(at.load(Ordering::SeqCst)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::System => "Clock::system",
            Kind::Manual(_) => "Clock::manual",
        })
    }
}

/// The hand that moves a manual clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Puts the clock to a time, also backwards.
    pub fn set(&self, to: Millis) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn system_now() -> Millis {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Millis(millis(since)),
        Err(before) => Millis(-millis(before.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times print as RFC 3339, also before the epoch.
    #[test]
    fn times_print_as_rfc_3339() {
        let check = |at: i64, text: &str| assert_eq!(Millis(at).to_string(), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_700_000_000_123, "2023-11-14T22:13:20.123Z");
        check(-1, "1969-12-31T23:59:59.999Z");
    }

    /// A manual clock moves only by hand, and its clones with it.
    #[test]
    fn manual_clock_moves_by_hand() {
        let (clock, hand) = Clock::manual(Millis(5));
        let clone = clock.clone();
        assert_eq!(clock.now(), Millis(5));
        hand.advance(Duration::from_secs(1));
        assert_eq!(clone.now(), Millis(1005));
        hand.set(Millis(3));
        assert_eq!(clone.now(), Millis(3));
        assert_eq!(Millis(3).since(Millis(5)), Duration::ZERO);
    }
}
