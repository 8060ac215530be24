//! Copies of token keys in the sessions that sign with them.
//!
//! A token that keeps its objects in files reads a key of its own anew for every signature, and a key that lies in a
//! session it does not. So a key that signs often is copied into the session, by the token and within it: the copy is as
//! sensitive and as little extractable as the key, and ends with the session. Once a second the key itself signs, so
//! that one which is gone from the token does not live on as a copy. A token that copies no keys signs with them as before.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use cryptoki::object::{Attribute, ObjectHandle};
use lru::LruCache;

use crate::task::KeyId;
use crate::worker::Bench;

/// So many signatures of one session are worth a copy.
const WORTH: u32 = 8;
/// How long a copy signs before the key itself does again.
const TERM: Duration = Duration::from_secs(1);
/// How many keys a session keeps count of.
const MOST: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// What a session knows of the token keys that it signs with.
pub(crate) struct Copies {
    keys: LruCache<KeyId, Known>,
    /// How many keys were destroyed when this was last looked through.
    followed: u64,
}

struct Known {
    /// The key's own handle. Another means that the token was asked for it anew.
    key: ObjectHandle,
    copy: Copy,
}

enum Copy {
    /// None yet, after so many signatures.
    Counted(u32),
    Made {
        handle: ObjectHandle,
        /// When the key itself signs next.
        term: Instant,
    },
    /// The token makes none of this key.
    Refused,
}

/// What signs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The key itself.
    Key(ObjectHandle),
    /// Its copy.
    Copy(ObjectHandle),
}

impl Default for Copies {
    fn default() -> Copies {
        Copies { keys: LruCache::new(MOST), followed: 0 }
    }
}

impl Bench {
    /// Which object signs next for this token key.
    pub(crate) fn signer(&mut self, id: KeyId, key: ObjectHandle) -> Signer {
        if !self.token.config.session_copies {
            return Signer::Key(key);
        }
        let now = Instant::now();
        let known = self.copies.keys.pop(&id).filter(|known| known.key == key);
        let (signer, copy) = match known.map_or(Copy::Counted(0), |known| known.copy) {
            Copy::Counted(signed) if signed >= WORTH => self.copy(key, now),
            Copy::Counted(signed) => (Signer::Key(key), Copy::Counted(signed + 1)),
            Copy::Made { handle, term } if now < term => (Signer::Copy(handle), Copy::Made { handle, term }),
            Copy::Made { handle, .. } => (Signer::Key(key), Copy::Made { handle, term: now + TERM }),
            Copy::Refused => (Signer::Key(key), Copy::Refused),
        };
        if let Some((_, displaced)) = self.copies.keys.push(id, Known { key, copy }) {
            self.discard(&displaced);
        }
        signer
    }

    fn copy(&self, key: ObjectHandle, now: Instant) -> (Signer, Copy) {
        match self.session.copy_object(key, &[Attribute::Token(false)]) {
            Ok(handle) => (Signer::Copy(handle), Copy::Made { handle, term: now + TERM }),
            Err(error) => {
                let token = &self.token.config.label;
                // What ails it, if anything does, shows when the key itself signs.
                tracing::debug!(%error, "token {token} makes no copies of its keys: {error}");
                (Signer::Key(key), Copy::Refused)
            }
        }
    }

    /// Ends the copy of a key that did not sign.
    pub(crate) fn forget_copy(&mut self, id: KeyId) {
        if let Some(known) = self.copies.keys.pop(&id) {
            self.discard(&known);
        }
    }

    /// Ends the copies of keys that were destroyed.
    pub(crate) fn forget_copies_of_destroyed(&mut self) {
        let destroyed = self.opened.destroyed();
        if std::mem::replace(&mut self.copies.followed, destroyed) == destroyed {
            return;
        }
        let known = self.copies.keys.iter().map(|(id, _)| *id);
        let gone: Vec<KeyId> = known.filter(|id| self.opened.token_key(*id).is_none()).collect();
        for id in gone {
            self.forget_copy(id);
        }
    }

    fn discard(&self, known: &Known) {
        if let Copy::Made { handle, .. } = known.copy {
            self.destroy(handle);
        }
    }
}
