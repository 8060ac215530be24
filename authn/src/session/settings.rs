//! The `[authn.sessions]` section of the configuration file.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;

/// How long sessions live, and how many one person may have.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// After how many minutes without a sign-in of the browser a session signs nobody in any more.
    pub idle_minutes: u32,
    /// What ends when a session was idle that long: `sign-on`, so that the browser asks for the authenticator again, or the
    /// whole `session`, with what relying parties hold of it.
    pub idle_ends: IdleEnds,
    /// After how many hours a session ends, whatever happens.
    pub absolute_hours: u32,
    /// What becomes of somebody's other sessions when they sign in: `many` are allowed, the `newest` ends the others, or the
    /// `first` keeps new ones out until it has ended.
    pub concurrent: Concurrent,
    /// What becomes of a session when the agent of a workstation tells that its card was taken out: it ends (`end`), gives nobody
    /// anything until its holder signs in again (`lock`), or goes on (`keep`). Relying parties and organisations can ask for more.
    pub card_removed: CardRemoved,
    /// For how many days ended sessions are kept, for those who look after what happened.
    pub keep_days: u32,
}

/// What ends when a session was idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleEnds {
    /// Single sign-on. What relying parties hold goes on to the absolute limit: they see their users' activity, we do not.
    SignOn,
    /// All of it.
    Session,
}

/// What becomes of somebody's other sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concurrent {
    /// They stay.
    Many,
    /// They end.
    Newest,
    /// They keep new ones out.
    First,
}

/// What becomes of a session whose card is taken out, the strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CardRemoved {
    /// It goes on.
    Keep,
    /// It gives nobody anything until its holder signs in again.
    Lock,
    /// It ends.
    End,
}

impl fmt::Display for CardRemoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Lock => "lock",
            Self::End => "end",
        })
    }
}

impl Default for Sessions {
    fn default() -> Self {
        // NIST SP 800-63B 4.3.3: the limits of assurance level three.
        Self {
            idle_minutes: 15,
            idle_ends: IdleEnds::SignOn,
            absolute_hours: 12,
            concurrent: Concurrent::Many,
            card_removed: CardRemoved::End,
            keep_days: 30,
        }
    }
}

impl Sessions {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |value: u32, most: u32| (1..=most).contains(&value);
        if !within(self.idle_minutes, 1440) {
            return Err(Error::Setting { sentence: "authn.sessions.idle_minutes is between 1 and 1440" });
        }
        if !within(self.absolute_hours, 24) {
            return Err(Error::Setting { sentence: "authn.sessions.absolute_hours is between 1 and 24" });
        }
        if !within(self.keep_days, 3650) {
            return Err(Error::Setting { sentence: "authn.sessions.keep_days is between 1 and 3650" });
        }
        Ok(())
    }

    /// How long a session may be idle.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_mins(u64::from(self.idle_minutes))
    }

    /// How long a session may be.
    pub(crate) fn absolute(&self) -> Duration {
        Duration::from_hours(u64::from(self.absolute_hours))
    }

    /// How long ended sessions are kept.
    pub(crate) fn keep(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_days))
    }
}
