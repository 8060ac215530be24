//! How many wrong secrets one address may try.
//!
//! Right ones are not counted: a program that binds for each of its searches tries nothing out. Whoever has tried too many is refused for a
//! while before anything is compared, and so is not told that one of them was right.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long one wrong secret counts.
const EACH: Duration = Duration::from_millis(500);
/// How many may be tried at once after a pause.
const AT_ONCE: u32 = 20;
/// After so many the addresses are forgotten of which none counts any more.
const FORGET_EVERY: u32 = 4_096;

/// Counts wrong secrets by address.
#[derive(Default)]
pub(super) struct Tries(Mutex<Wrong>);

/// The counts. Held for a look-up only.
#[derive(Default)]
struct Wrong {
    /// Until when those of an address count, one after the other.
    until: HashMap<IpAddr, Instant>,
    since_forgetting: u32,
}

impl Tries {
    /// Whether an address has tried too many to try another one now.
    pub(super) fn are_too_many(&self, address: IpAddr, now: Instant) -> bool {
        let until = self.lock().until.get(&address).copied();
        until.is_some_and(|until| until.saturating_duration_since(now) > EACH * (AT_ONCE - 1))
    }

    /// Counts a wrong one more.
    pub(super) fn count(&self, address: IpAddr, now: Instant) {
        let mut wrong = self.lock();
        wrong.since_forgetting += 1;
        if wrong.since_forgetting >= FORGET_EVERY {
            wrong.since_forgetting = 0;
            wrong.until.retain(|_, until| *until > now);
        }
        let until = wrong.until.entry(address).or_insert(now);
        *until = (*until).max(now) + EACH;
    }

    fn lock(&self) -> MutexGuard<'_, Wrong> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty may be tried at once, and two a second after that; another address has its own, and what counts no more is forgotten.
    #[test]
    fn wrong_secrets_are_counted_by_address() {
        let (tries, now) = (Tries::default(), Instant::now());
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        for number in 0..AT_ONCE {
            assert!(!tries.are_too_many(one, now), "{number}");
            tries.count(one, now);
        }
        let after = |millis| now + Duration::from_millis(millis);
        assert!(tries.are_too_many(one, now) && tries.are_too_many(one, after(499)));
        assert!(!tries.are_too_many(one, after(500)) && !tries.are_too_many(other, now));
        tries.count(one, after(500));
        assert!(tries.are_too_many(one, after(999)) && !tries.are_too_many(one, after(1_000)));
        for _ in 0..FORGET_EVERY {
            tries.count(other, after(60_000));
        }
        let kept: Vec<IpAddr> = tries.lock().until.keys().copied().collect();
        assert_eq!(kept, [other]);
    }
}
