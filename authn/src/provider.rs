//! The provider: what every request shares.

use std::sync::Arc;

use hsm::Hsm;
use platform::clock::{Clock, Millis};
use platform::db::Db;

use crate::config::Config;
use crate::error::Error;

/// What the provider is made of.
pub struct Parts {
    /// Its section of the configuration.
    pub config: Config,
    /// The database, migrated: the register's own, because whoever opens a session looks there whether its person has left.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// The tokens, opened.
    pub hsm: Hsm,
    /// The register, spoken to as sign-in: it needs the act to read.
    pub directory: directory::api::Client,
    /// The certificate authority, spoken to as sign-in: it needs the act to read.
    pub ca: ca::api::Client,
}

/// Sign-in, ready for requests. Clones share everything.
#[derive(Clone)]
pub struct Provider(Arc<Shared>);

/// What the clones share.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) hsm: Hsm,
    pub(crate) directory: directory::api::Client,
    pub(crate) ca: ca::api::Client,
}

impl std::ops::Deref for Provider {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Provider {
    /// Takes requests from then on.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        let Parts { config, db, clock, hsm, directory, ca } = parts;
        config.check()?;
        Ok(Self(Arc::new(Shared { config, db, clock, hsm, directory, ca })))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }
}
