//! The `[directory]` section of the configuration file.

use serde::Deserialize;

use crate::authority::Assurance;
use crate::error::Error;
use crate::person::Retention;

/// How the register behaves on this machine. Every key has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For how many hours the answer to a POST is kept, to be given again for the same idempotency key.
    pub idempotency_hours: u32,
    /// For how many minutes a request is locked for the one who opened it.
    pub request_lock_minutes: u32,
    /// After how many days a request that nobody decided expires.
    pub request_days: u32,
    /// When what is erased of people who left.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idempotency_hours: 24,
            request_lock_minutes: 15,
            request_days: 30,
            retention: Retention::default(),
        }
    }
}

impl Config {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |value: u32, most: u32| (1..=most).contains(&value);
        if !within(self.idempotency_hours, 720) {
            return Err(Error::Setting { sentence: "directory.idempotency_hours is between 1 and 720" });
        }
        if !within(self.request_lock_minutes, 240) {
            return Err(Error::Setting { sentence: "directory.request_lock_minutes is between 1 and 240" });
        }
        if !within(self.request_days, 365) {
            return Err(Error::Setting { sentence: "directory.request_days is between 1 and 365" });
        }
        self.retention.check()
    }
}

/// Activities that give a rank of their own.
const RESERVED: [&str; 4] = ["B1300", "B0267", "B0272", "B0274"];
