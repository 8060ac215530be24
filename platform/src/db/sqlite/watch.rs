//! Until when the statement of a connection goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Its connection alone changes it, and runs one statement at a time.
#[derive(Debug)]
pub(super) struct Watch {
    began: Instant,
    /// In microseconds since the beginning.
    until: AtomicU64,
    /// How often a statement may still be asked whether it goes on.
    turns: AtomicU64,
}

/// No statement runs.
const RESTS: u64 = u64::MAX;
/// Nobody waits any more for the one that runs.
const LEFT: u64 = 0;

impl Watch {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), until: AtomicU64::new(RESTS), turns: AtomicU64::new(RESTS) }
    }

    /// Asked by SQLite, on whatever thread the statement runs.
    pub(super) fn goes_on(&self) -> bool {
        // It is one thread that asks.
        let turns = self.turns.load(Ordering::Relaxed);
        self.turns.store(turns.saturating_sub(1), Ordering::Relaxed);
        turns > 0 && micros(self.began.elapsed()) < self.until.load(Ordering::Acquire)
    }

    /// Whether the statement that runs is one that nobody waits for.
    #[cfg(test)]
    pub(super) fn is_left(&self) -> bool {
        self.until.load(Ordering::Acquire) == LEFT
    }

    pub(super) fn rest(&self) {
        self.until.store(RESTS, Ordering::Release);
    }

    /// A statement begins that may take so long.
    pub(super) fn begin(self: &Arc<Self>, limit: Duration) -> Running {
        self.begin_with(limit, RESTS)
    }

    /// One that may take so long, and so many turns.
    pub(super) fn begin_with(self: &Arc<Self>, limit: Duration, turns: u64) -> Running {
        self.turns.store(turns, Ordering::Relaxed);
        self.until.store(micros(self.began.elapsed().saturating_add(limit)), Ordering::Release);
        Running { watch: Arc::clone(self), is_over: false }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(RESTS)
}

/// A statement that runs. Dropped before it is over, it is left.
#[derive(Debug)]
pub(super) struct Running {
    watch: Arc<Watch>,
    is_over: bool,
}

impl Running {
    pub(super) fn end(mut self) {
        self.is_over = true;
        self.watch.rest();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.watch.until.store(LEFT, Ordering::Release);
        }
    }
}
