//! The `[authn.throttle]` section of the configuration file.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;

/// How wrong attempts with passwords and codes are slowed down.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// How many wrong attempts on one account from one network cost nothing.
    pub free: u32,
    /// How many on one account from all networks together from which its holder has not signed in.
    pub strangers_free: u32,
    /// How many networks that have not failed at an account have one attempt at it while strangers are slowed down.
    pub newcomers_free: u32,
    /// How many from one network on all accounts together: many people may be behind one address.
    pub network_free: u32,
    /// How many seconds the first one beyond waits; each further one waits twice as long.
    pub first_delay_seconds: u32,
    /// How many seconds one waits at most.
    pub longest_delay_seconds: u32,
    /// Over how many hours wrong attempts are forgotten, one after the other: as many as count at most in so many hours.
    pub forget_hours: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            free: 5,
            strangers_free: 30,
            newcomers_free: 100,
            network_free: 100,
            first_delay_seconds: 2,
            longest_delay_seconds: 900,
            forget_hours: 24,
        }
    }
}

impl Throttle {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |value: u32, most: u32| (1..=most).contains(&value);
        if !within(self.free, 20) || !within(self.strangers_free, 1000) || !within(self.network_free, 100_000)
        {
            return Err(Error::Setting {
                sentence: "authn.throttle: free is between 1 and 20, strangers_free between 1 and 1000, network_free \
                           between 1 and 100000",
            });
        }
        if !within(self.newcomers_free, 10_000) {
            return Err(Error::Setting { sentence: "authn.throttle.newcomers_free is between 1 and 10000" });
        }
        if !within(self.first_delay_seconds, 60) || !within(self.longest_delay_seconds, 3600) {
            return Err(Error::Setting {
                sentence: "authn.throttle: first_delay_seconds is between 1 and 60, longest_delay_seconds between 1 and \
                           3600",
            });
        }
        if !within(self.forget_hours, 48) {
            return Err(Error::Setting { sentence: "authn.throttle.forget_hours is between 1 and 48" });
        }
        Ok(())
    }

    /// How long the first delay is.
    pub(crate) fn first_delay(&self) -> Duration {
        Duration::from_secs(u64::from(self.first_delay_seconds))
    }

    /// How long an attempt counts.
    pub(crate) fn forget(&self) -> Duration {
        Duration::from_hours(u64::from(self.forget_hours))
    }
}
