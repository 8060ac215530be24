//! The `[authn.cis1]` section of the configuration file.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;

/// How the broker of CIS1 behaves. That the section is there turns it on.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cis1 {
    /// Whether a card may sign its challenge with SHA-1, as the agents of CIS1 have it do: `refused` or `accepted`. SHA-256 always
    /// may.
    pub sha1: Sha1,
    /// The profiles whose keys lie on cards and nowhere else.
    pub profiles: Vec<String>,
    /// For how many seconds a challenge can be answered.
    pub challenge_seconds: u32,
    /// Whether an agent that asks the session manager about a session thereby keeps it from being idle: `refused` or `asked`. What
    /// it is told of `sso_keep_alive` says so.
    pub keep_alive: KeepAlive,
}

/// Whether asking about a session makes it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepAlive {
    /// It does not: an agent asks by itself, whether or not somebody is there.
    Refused,
    /// It does, up to the absolute limit.
    Asked,
}

impl KeepAlive {
    /// As agents are told.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Refused => "false",
            Self::Asked => "true",
        }
    }
}

/// Whether SHA-1 is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sha1 {
    /// It is not.
    Refused,
    /// It is, for the challenges of cards and nothing else.
    Accepted,
}

impl Default for Cis1 {
    fn default() -> Self {
        Self {
            sha1: Sha1::Refused,
            profiles: vec!["card-authentication".to_owned()],
            challenge_seconds: 120,
            keep_alive: KeepAlive::Refused,
        }
    }
}

impl Cis1 {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(10..=600).contains(&self.challenge_seconds) {
            return Err(Error::Setting { sentence: "authn.cis1.challenge_seconds is between 10 and 600" });
        }
        if self.profiles.is_empty() || self.profiles.len() > 20 {
            return Err(Error::Setting { sentence: "authn.cis1.profiles names 1 to 20 profiles of cards" });
        }
        Ok(())
    }

    /// How long a challenge can be answered.
    pub(crate) fn challenge(&self) -> Duration {
        Duration::from_secs(self.challenge_seconds.into())
    }
}
