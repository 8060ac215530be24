//! The codes of other machines' problems, kept once each so that a code is `&'static str` wherever it was made.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// More different codes than the whole program has; a peer that sends more is not one of ours.
const LIMIT: usize = 1024;

/// Every code seen so far. The lock is held for one look-up.
static SEEN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// The code as one that lives as long as the process. What does not look like a code is `peer-refused`.
pub(super) fn known(code: &str) -> &'static str {
    const UNKNOWN: &str = "peer-refused";
    if code.len() > 64
        || !code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    {
        return UNKNOWN;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    if let Some(known) = seen.get(code) {
        return known;
    }
    if seen.len() >= LIMIT {
        return UNKNOWN;
    }
    let kept: &'static str = Box::leak(code.to_owned().into_boxed_str());
    seen.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code is the same word on this side, nonsense is not taken over, and the memory it takes has a bound.
    #[test]
    fn codes_are_kept_once() {
        assert!(std::ptr::eq(known("profile-not-allowed"), known("profile-not-allowed")));
        assert_eq!(known("Something <else>"), "peer-refused");
        for n in 0..LIMIT {
            known(&format!("code-{n}"));
        }
        assert_eq!(known("one-too-many"), "peer-refused");
        assert_eq!(known("profile-not-allowed"), "profile-not-allowed");
    }
}
