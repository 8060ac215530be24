//! How many requests wait, as far as this machine knows.
//!
//! Counting many rows for each request would cost more than the request. So a crowd is counted once a second, and what comes meanwhile is
//! counted on here; when that says that there is no room, the rows are counted again before anything follows from it. One request counts
//! while the others go on with what was known: nobody waits. The lock is held for no longer than a look into the table.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use platform::clock::Millis;

use crate::store::crowd::Crowd;

/// For how long what was counted is good, and for how long others leave the counting to whoever began it.
const GOOD: Duration = Duration::from_secs(1);
/// Of how many crowds at most something is known.
const MOST: usize = 10_000;

/// What is known of crowds.
#[derive(Default)]
pub(crate) struct Crowds(Mutex<HashMap<Crowd, Known>>);

/// What is known of one.
#[derive(Default)]
struct Known {
    rows: u32,
    good_until: Millis,
    /// Until when somebody counts.
    counted_until: Millis,
}

/// Whether there is room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joins {
    /// There is, and it is counted.
    Room,
    /// Whoever is told so counts the rows, and says how many there are.
    Unknown,
    /// As far as is known there is none; somebody else counts.
    Full,
}

impl Crowds {
    /// One more comes to a crowd of so many at most.
    pub(crate) fn joins(&self, crowd: &Crowd, most: u32, now: Millis) -> Joins {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(crowd) {
            all.retain(|_, known| now < known.good_until);
            if all.len() >= MOST {
                all.clear();
            }
        }
        let known = all.entry(crowd.clone()).or_default();
        let room = known.rows < most;
        if now < known.counted_until || (now < known.good_until && room) {
            known.rows = known.rows.saturating_add(1);
            return if room { Joins::Room } else { Joins::Full };
        }
        known.counted_until = now.plus(GOOD);
        Joins::Unknown
    }

    /// So many rows there are, with whoever counted them.
    pub(crate) fn knows(&self, crowd: &Crowd, rows: u32, now: Millis) {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = Known { rows, good_until: now.plus(GOOD), counted_until: Millis::default() };
        all.insert(crowd.clone(), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crowd is counted once a second, by one, and again before it is full; meanwhile what comes is counted on.
    #[test]
    fn rows_are_counted_now_and_then() {
        let (crowds, crowd) = (Crowds::default(), Crowd::Everybody);
        let joins = |at: i64| crowds.joins(&crowd, 5, Millis(at));
        assert_eq!(joins(1), Joins::Unknown, "nothing is known");
        assert_eq!(joins(1), Joins::Room, "somebody else counts");
        crowds.knows(&crowd, 2, Millis(2));
        assert_eq!([joins(2), joins(500), joins(1_001)], [Joins::Room; 3]);
        assert_eq!(joins(1_001), Joins::Unknown, "the sixth: counted before it is refused");
        assert_eq!(joins(1_001), Joins::Full);
        crowds.knows(&crowd, 3, Millis(1_001));
        assert_eq!(joins(2_000), Joins::Room);
        assert_eq!(joins(2_001), Joins::Unknown, "a second is over");
        assert_eq!(joins(3_000), Joins::Room, "whoever counts has a second");
        assert_eq!(joins(3_001), Joins::Unknown, "and may have stopped");
        assert_eq!(
            crowds.joins(&Crowd::Pushed, 5, Millis(3_001)),
            Joins::Unknown,
            "each is counted by itself"
        );
    }
}
