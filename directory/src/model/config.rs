//! The `[directory.model]` section of the configuration file.

use serde::Deserialize;

use crate::error::Error;

/// What the read model takes. Every key has a default.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// How much memory it takes at most, in MiB; 0 for no model, so that the database answers everything.
    pub most_mib: u32,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { most_mib: 1_024 }
    }
}

impl ModelConfig {
    /// Refuses what makes no sense.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self.most_mib > 65_536 {
            return Err(Error::Setting { sentence: "directory.model.most_mib is between 0 and 65536" });
        }
        Ok(())
    }

    /// The most octets.
    pub(crate) fn octets(self) -> usize {
        usize::try_from(self.most_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}
