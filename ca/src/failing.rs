//! Which revocation lists could not be made, and since when: what this process knows of itself, for its readiness.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use platform::clock::Millis;

/// Scopes whose last attempt failed. The lock is held for a look only.
#[derive(Default)]
pub(crate) struct Failing(Mutex<BTreeMap<(String, i64), Millis>>);

impl Failing {
    /// The list of this issuer and shard could not be made.
    pub(crate) fn failed(&self, issuer: &str, shard: i64, now: Millis) {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.entry((issuer.to_owned(), shard)).or_insert(now);
    }

    /// It was made, or is none to be made here.
    pub(crate) fn mended(&self, issuer: &str, shard: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(issuer.to_owned(), shard));
    }

    /// Since when it cannot be made.
    pub(crate) fn since(&self, issuer: &str, shard: i64) -> Option<Millis> {
        let scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.get(&(issuer.to_owned(), shard)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first failure counts until the list is made.
    #[test]
    fn the_first_failure_counts() {
        let failing = Failing::default();
        failing.failed("card", 1, Millis(5));
        failing.failed("card", 1, Millis(9));
        assert_eq!((failing.since("card", 1), failing.since("card", 2)), (Some(Millis(5)), None));
        failing.mended("card", 1);
        assert_eq!(failing.since("card", 1), None);
    }
}
