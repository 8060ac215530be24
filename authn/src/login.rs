//! What the sign-in pages share beside the database.

use crate::authenticator::app::Decoy;
use crate::authenticator::password::Pool;
use crate::authenticator::webauthn::Site;
use crate::config::Config;
use crate::error::Error;

/// What verifies passwords, codes and keys.
pub(crate) struct Login {
    /// The threads that hash passwords.
    pub passwords: Pool,
    /// What verifies keys.
    pub site: Site,
    /// What is opened where somebody has no app.
    pub decoy: Decoy,
}

impl Login {
    /// Starts it.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            passwords: Pool::start(&config.passwords)?,
            site: Site::open(&config.webauthn, &config.name, &config.issuer)?,
            decoy: Decoy::default(),
        })
    }
}
