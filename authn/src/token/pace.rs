//! How many proofs of `DPoP` are remembered: so many of one key, and so many in all, that nobody fills the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use platform::clock::Millis;

/// How many of one key in a minute: 200 a second.
const OF_ONE_KEY: u32 = 12_000;
/// How many in all in a minute, in one process.
const IN_ALL: u32 = 600_000;
/// How many keys are counted in a minute.
const KEYS: usize = 100_000;
/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// Counts proofs in this process.
#[derive(Default)]
pub(crate) struct Pace {
    /// Held only to count, never across an await.
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    minute: i64,
    in_all: u32,
    keys: HashMap<String, u32>,
}

impl Pace {
    /// Counts a proof by a key; false if there are too many.
    pub(crate) fn admits(&self, thumbprint: &str, now: Millis) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        if counted.minute != minute {
            *counted = Counted { minute, ..Counted::default() };
        }
        if counted.in_all >= IN_ALL {
            return false;
        }
        let known = counted.keys.len();
        let count = match counted.keys.get_mut(thumbprint) {
            Some(count) if *count >= OF_ONE_KEY => return false,
            Some(count) => count,
            None if known >= KEYS => return false,
            None => counted.keys.entry(thumbprint.to_owned()).or_default(),
        };
        *count += 1;
        counted.in_all += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One key has so many in a minute and no more, others are not concerned, and the next minute begins anew.
    #[test]
    fn keys_have_their_pace() {
        let pace = Pace::default();
        let now = Millis(120_000);
        for _ in 0..OF_ONE_KEY {
            assert!(pace.admits("one", now));
        }
        assert!(!pace.admits("one", now));
        assert!(pace.admits("other", now));
        assert!(pace.admits("one", Millis(180_000)));
    }
}
