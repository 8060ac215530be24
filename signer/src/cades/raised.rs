//! Signatures that were raised to their levels a while ago, kept in memory: who asks again gets what was made first, and no further time-stamps.
//! Another process makes it anew around the same signature value, with a time-stamp of then, which is as good: the ledger has the signature alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use lru::LruCache;

use super::Signed;

/// How many octets are kept.
const MOST: usize = 64 * 1024 * 1024;
/// What is larger is made anew each time, within the share of whoever asks.
const LARGEST: usize = 1024 * 1024;

/// The most recently used ones.
pub(crate) struct Raised(Mutex<State>);

struct State {
    kept: LruCache<[u8; 32], Vec<u8>>,
    octets: usize,
}

impl Raised {
    /// Nothing is kept yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { kept: LruCache::unbounded(), octets: 0 }))
    }

    /// What was made of a signature.
    pub(super) fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.state().kept.get(key).cloned()
    }

    /// Keeps what was made, and the first of two that were made at the same time; what of both is to be answered.
    pub(super) fn keep(&self, key: [u8; 32], raised: Vec<u8>) -> Vec<u8> {
        if raised.len() > LARGEST {
            return raised;
        }
        let mut state = self.state();
        if let Some(first) = state.kept.get(&key) {
            return first.clone();
        }
        state.octets += raised.len();
        state.kept.put(key, raised.clone());
        while state.octets > MOST
            && let Some((_, oldest)) = state.kept.pop_lru()
        {
            state.octets -= oldest.len();
        }
        raised
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of which signature it is made, and up to which level.
pub(super) fn key(of: &Signed) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(
        digest(&SHA256, &[of.level.name().as_bytes(), b"\0".as_slice(), of.cms.as_slice()].concat()).as_ref(),
    );
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cades::Level;
    use crate::suite::Hash;

    /// The first is answered again, of each level another; memory is bounded, and the oldest goes first.
    #[test]
    fn the_first_is_kept() {
        let raised = Raised::new();
        let signed = |level| Signed { cms: vec![1], level, hash: Hash::Sha256, digest: Vec::new() };
        let (t, lta) = (key(&signed(Level::T)), key(&signed(Level::Lta)));
        assert_ne!(t, lta);
        assert_eq!(raised.keep(t, vec![1]), [1]);
        assert_eq!(raised.keep(t, vec![2]), [1], "who came second gets the same");
        assert_eq!((raised.get(&t), raised.get(&lta)), (Some(vec![1]), None));
        let large = vec![0; LARGEST];
        for number in 0..=u8::try_from(MOST / LARGEST).unwrap() {
            raised.keep([number; 32], large.clone());
        }
        assert!(raised.get(&t).is_none() && raised.state().octets <= MOST);
        raised.keep(lta, vec![0; LARGEST + 1]);
        assert!(raised.get(&lta).is_none(), "too large to be kept");
    }
}
