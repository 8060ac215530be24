//! The register: what every request shares.

use std::sync::Arc;

use platform::clock::{Clock, Millis};
use platform::db::Db;

use crate::config::Config;
use crate::day::Day;
use crate::error::Error;
use crate::person::DocumentKey;

/// What the register is made of.
pub struct Parts {
    /// Its section of the configuration.
    pub config: Config,
    /// The database, migrated.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// The key under which numbers of documents are hashed.
    pub document_key: DocumentKey,
}

/// The register, ready for requests. Clones share everything.
#[derive(Clone)]
pub struct Register(Arc<Shared>);

/// What the clones share.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) document_key: DocumentKey,
}

impl std::ops::Deref for Register {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Register {
    /// Takes requests from then on.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let Parts { config, db, clock, document_key } = parts;
        config.check()?;
        Ok(Self(Arc::new(Shared { config, db, clock, document_key })))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What day it is.
    pub(crate) fn today(&self) -> Day {
        Day::of(self.now())
    }
}
