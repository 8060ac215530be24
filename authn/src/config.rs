//! The `[authn]` section of the configuration file.

use serde::Deserialize;

use crate::error::Error;

/// How sign-in behaves on this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The issuer of the plain paths: `https://`, a host, and a port where it is not 443.
    pub issuer: String,
}

impl Config {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.issuer.starts_with("https://") {
            return Err(Error::Setting { sentence: "authn.issuer starts with https://" });
        }
        Ok(())
    }
}
