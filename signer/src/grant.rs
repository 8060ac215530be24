//! Authorisations that were given or used a moment ago, kept in memory.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::ids::AuthorisationId;
use crate::store::authorisations::{AuthorisationRow, Signed};

/// An authorisation, and what this process knows to be signed under it.
pub(crate) struct Grant {
    pub(crate) row: AuthorisationRow,
    signed: Mutex<HashSet<usize>>,
}

impl Grant {
    /// One of whose signatures nothing is known.
    pub(crate) fn new(row: AuthorisationRow) -> Self {
        Self { row, signed: Mutex::default() }
    }

    /// Whether this process knows of a signature at one of these positions. Another may have made one: the ledger decides.
    pub(crate) fn signed(&self, positions: &[usize]) -> Signed {
        let signed = self.positions();
        if positions.iter().any(|position| signed.contains(position)) {
            Signed::Something
        } else {
            Signed::Nothing
        }
    }

    /// Positions whose signatures are in the ledger.
    pub(crate) fn mark<'a>(&self, positions: impl Iterator<Item = &'a usize>) {
        self.positions().extend(positions);
    }

    fn positions(&self) -> MutexGuard<'_, HashSet<usize>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most recently used authorisations, by the stored form of their secret.
///
/// What is in here may be older than the database: an authorisation can have been ended since. So the transaction that stores
/// signatures looks at the row, and a refusal is looked at again there before it is told.
pub(crate) struct Grants(Mutex<LruCache<String, Arc<Grant>>>);

/// How many are kept.
const MOST: NonZeroUsize = match NonZeroUsize::new(4096) {
    Some(most) => most,
    None => NonZeroUsize::MIN,
};
/// Authorisations over more digests are not kept: they would take much memory, and a read is little beside their signatures.
const DIGESTS: usize = 32;

impl Grants {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }

    /// One that is in memory.
    pub(crate) fn get(&self, sad: &str) -> Option<Arc<Grant>> {
        self.grants().get(sad).cloned()
    }

    /// Keeps one, unless it is kept already or is too large.
    pub(crate) fn keep(&self, sad: String, grant: &Arc<Grant>) {
        if grant.row.digests.len() <= DIGESTS {
            self.grants().get_or_insert(sad, || Arc::clone(grant));
        }
    }

    /// Takes those of an authorisation out: it has another secret.
    pub(crate) fn forget_of(&self, authorisation: &AuthorisationId) {
        let mut grants = self.grants();
        let is_of = |grant: &Grant| grant.row.authorisation_id == *authorisation;
        let known: Vec<String> =
            grants.iter().filter(|(_, grant)| is_of(grant)).map(|(sad, _)| sad.clone()).collect();
        for sad in known {
            grants.pop(&sad);
        }
    }

    /// Takes one out.
    pub(crate) fn forget(&self, sad: &str) {
        self.grants().pop(sad);
    }

    fn grants(&self) -> MutexGuard<'_, LruCache<String, Arc<Grant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::digest::{Authorised, Digest};
    use crate::ids::CredentialId;

    fn grant(digests: u8) -> Arc<Grant> {
        let digests = (0..digests).map(|number| Digest::of(&[number])).collect();
        Arc::new(Grant::new(AuthorisationRow {
            authorisation_id: AuthorisationId::new(Millis(1)),
            credential_id: CredentialId::new(Millis(1)),
            client: "practice-system".to_owned(),
            digests: Authorised::new(digests).unwrap(),
            named: None,
            authors: None,
            expires_at: Millis(2),
            consent: None,
        }))
    }

    /// What was signed is known by position, also to who got the authorisation before; what was taken out is not there.
    #[test]
    fn positions_are_known_once_marked() {
        let grants = Grants::new();
        grants.keep("a".to_owned(), &grant(3));
        let before = grants.get("a").unwrap();
        assert_eq!(before.signed(&[0, 1, 2]), Signed::Nothing);
        grants.get("a").unwrap().mark([1].iter());
        grants.keep("a".to_owned(), &grant(3));
        assert_eq!(before.signed(&[0, 1]), Signed::Something, "keeping it again forgets nothing");
        assert_eq!(before.signed(&[0, 2]), Signed::Nothing);
        grants.forget("a");
        assert!(grants.get("a").is_none());
        let (one, other) = (grant(1), grant(1));
        grants.keep("one".to_owned(), &one);
        grants.keep("other".to_owned(), &other);
        grants.forget_of(&one.row.authorisation_id);
        assert!(grants.get("one").is_none() && grants.get("other").is_some());
    }

    /// Memory is bounded in number and in size.
    #[test]
    fn memory_is_bounded() {
        let grants = Grants::new();
        grants.keep("large".to_owned(), &grant(33));
        assert!(grants.get("large").is_none());
        for number in 0..=MOST.get() {
            grants.keep(number.to_string(), &grant(1));
        }
        assert_eq!(grants.grants().len(), MOST.get());
        assert!(grants.get("0").is_none());
    }
}
