//! The `[authn.passwords]` section of the configuration file.

use serde::Deserialize;

use crate::error::Error;

/// What hashing a password costs, here and whoever would guess it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passwords {
    /// KiB of memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Threads that hash.
    pub threads: usize,
    /// How many may wait for them; further ones are asked to come again.
    pub queue: usize,
}

impl Default for Passwords {
    fn default() -> Self {
        // The second of the choices that OWASP recommends.
        Self { memory_kib: 19 * 1024, passes: 2, threads: 2, queue: 256 }
    }
}

impl Passwords {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = (64..=1024 * 1024).contains(&self.memory_kib)
            && (1..=10).contains(&self.passes)
            && (1..=64).contains(&self.threads)
            && (1..=4096).contains(&self.queue);
        if within {
            return Ok(());
        }
        Err(Error::Setting {
            sentence: "authn.passwords: memory_kib is between 64 and 1048576, passes between 1 and 10, threads between 1 \
                       and 64, queue between 1 and 4096",
        })
    }
}
