//! Telling every session of a token which live keys to destroy.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Orders that are kept for sessions that were busy. One that missed more drops all its live keys.
const KEPT: usize = 1_024;

/// The orders to destroy live keys, read by each session at its own pace.
#[derive(Default)]
pub(crate) struct Forgotten {
    /// How many orders were ever given; changed under the lock.
    given: AtomicU64,
    last: Mutex<VecDeque<[u8; 32]>>,
}

/// What a session has to destroy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// These, if it has them.
    These(Vec<[u8; 32]>),
    /// Everything: it missed orders.
    All,
}

impl Forgotten {
    /// How many orders were ever given.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    /// Orders a key destroyed.
    pub(crate) fn order(&self, identity: [u8; 32]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.push_back(identity);
        if last.len() > KEPT {
            last.pop_front();
        }
        self.given.fetch_add(1, Ordering::AcqRel);
    }

    /// The orders given after the first `seen`. Without any this is one atomic read.
    pub(crate) fn since(&self, seen: &mut u64) -> Option<Order> {
        if self.given() == *seen {
            return None;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let given = self.given();
        let missed = usize::try_from(given - *seen).unwrap_or(usize::MAX);
        *seen = given;
        if missed > last.len() {
            return Some(Order::All);
        }
        Some(Order::These(last.iter().skip(last.len() - missed).copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session gets each order once, and one that missed too many is told to drop everything.
    #[test]
    fn orders_are_read_once() {
        let forgotten = Forgotten::default();
        let mut seen = forgotten.given();
        assert_eq!(forgotten.since(&mut seen), None);
        forgotten.order([1; 32]);
        forgotten.order([2; 32]);
        assert_eq!(forgotten.since(&mut seen), Some(Order::These(vec![[1; 32], [2; 32]])));
        assert_eq!(forgotten.since(&mut seen), None);
        for _ in 0..=KEPT {
            forgotten.order([3; 32]);
        }
        assert_eq!(forgotten.since(&mut seen), Some(Order::All));
        assert_eq!(forgotten.since(&mut seen), None);
    }
}
