//! Watching threads that are in a call to the token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one thread is doing, written by it and read by the watch.
pub(crate) struct Busy {
    /// Times below count from here.
    start: Instant,
    /// Nanoseconds at which the call has to be back, or 0 when the thread is in none.
    due: AtomicU64,
    /// The call outlived its time; set by the watch, cleared by the thread when it is back.
    abandoned: AtomicBool,
}

impl Busy {
    pub(crate) fn new() -> Arc<Busy> {
        Arc::new(Busy { start: Instant::now(), due: AtomicU64::new(0), abandoned: AtomicBool::new(false) })
    }

    /// A call begins that may take this long.
    pub(crate) fn begin(&self, limit: Duration) {
        let due = u64::try_from((self.start.elapsed() + limit).as_nanos()).unwrap_or(u64::MAX);
        self.due.store(due.max(1), Ordering::Release);
    }

    /// The call is back. Says whether it had been abandoned.
    pub(crate) fn end(&self) -> bool {
        self.due.store(0, Ordering::Release);
        self.abandoned.swap(false, Ordering::AcqRel)
    }

    /// Marks the thread abandoned if its call is overdue; true the first time only.
    pub(crate) fn newly_overdue(&self) -> bool {
        let due = self.due.load(Ordering::Acquire);
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        due != 0 && now > due && !self.abandoned.swap(true, Ordering::AcqRel)
    }

    /// How long ago the call should have been back.
    pub(crate) fn overdue(&self) -> Duration {
        match self.due.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            due => self.start.elapsed().saturating_sub(Duration::from_nanos(due)),
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call past its time is reported once, and its end says so; one in time is never reported.
    #[test]
    fn overdue_is_reported_once() {
        let busy = Busy::new();
        assert!(!busy.newly_overdue());
        busy.begin(Duration::from_hours(1));
        assert!(!busy.newly_overdue());
        assert!(!busy.end());
        busy.begin(Duration::ZERO);
        while !busy.newly_overdue() {
            std::thread::yield_now();
        }
        assert!(!busy.newly_overdue());
        assert!(busy.is_abandoned() && busy.end() && !busy.is_abandoned());
    }
}
