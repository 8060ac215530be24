//! The token keys that were asked for in this process.

use std::sync::Arc;

use crate::Error;
use crate::key::KeyInner;
use crate::task::KeyId;

/// The token keys that were asked for; a token that opens looks each of them up.
#[derive(Default)]
pub(crate) struct Registry {
    keys: Vec<Arc<KeyInner>>,
    /// How many were ever registered: what is looked at twice has changed if this has.
    made: KeyId,
}

impl Registry {
    /// The key under this label.
    pub(crate) fn find(&self, label: &str) -> Option<Arc<KeyInner>> {
        self.keys.iter().find(|key| &*key.label == label).cloned()
    }

    /// Every key, and how many were ever registered.
    pub(crate) fn all(&self) -> (Vec<Arc<KeyInner>>, KeyId) {
        (self.keys.clone(), self.made)
    }

    /// How many were ever registered.
    pub(crate) fn made(&self) -> KeyId {
        self.made
    }

    /// Registers the key that is made with a new id.
    pub(crate) fn add(&mut self, key: impl FnOnce(KeyId) -> Arc<KeyInner>) -> Arc<KeyInner> {
        let key = key(self.made);
        self.made = self.made.checked_add(1).expect("a process sees fewer than 2^32 keys");
        self.keys.push(Arc::clone(&key));
        key
    }

    /// Takes a key out, if it is here. Refuses one that somebody holds: nobody gets hold of it meanwhile, for the whole
    /// registry is borrowed.
    pub(crate) fn take_unused(&mut self, label: &str) -> Result<Option<Arc<KeyInner>>, Error> {
        let Some(at) = self.keys.iter().position(|key| &*key.label == label) else { return Ok(None) };
        if Arc::strong_count(&self.keys[at]) > 1 {
            return Err(Error::KeyInUse { label: label.to_owned() });
        }
        Ok(Some(self.keys.swap_remove(at)))
    }
}
