//! Why a card is cancelled, and what that means for its certificates.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Reason;

/// Why a card is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// Nobody knows where it is.
    Lost,
    /// Somebody else has it.
    Stolen,
    /// It does not work any more.
    Damaged,
    /// Its holder has another name.
    NameChange,
    /// Another card took its place.
    Replaced,
    /// Its holder has left.
    Leaver,
    /// It was not printed as it should be.
    PrintFailed,
}

impl CancelReason {
    /// Each.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Stolen,
        Self::Damaged,
        Self::NameChange,
        Self::Replaced,
        Self::Leaver,
        Self::PrintFailed,
    ];

    /// Its word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Damaged => "damaged",
            Self::NameChange => "name-change",
            Self::Replaced => "replaced",
            Self::Leaver => "leaver",
            Self::PrintFailed => "print-failed",
        }
    }

    /// The reason that stands on the revocation list. A lost card is still locked by its passcode, so nothing is said of its keys.
    pub(crate) fn revocation(self) -> Reason {
        match self {
            Self::Lost => Reason::Unspecified,
            Self::Stolen => Reason::KeyCompromise,
            Self::Damaged | Self::NameChange | Self::Replaced | Self::PrintFailed => Reason::Superseded,
            Self::Leaver => Reason::CessationOfOperation,
        }
    }
}

/// A word that is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no card is cancelled for this reason")]
pub struct UnknownCancelReason;

impl FromStr for CancelReason {
    type Err = UnknownCancelReason;

    fn from_str(word: &str) -> Result<Self, UnknownCancelReason> {
        Self::ALL.into_iter().find(|reason| reason.word() == word).ok_or(UnknownCancelReason)
    }
}

/// Words are those of the wire and read back.
#[test]
fn words_read_back() {
    for reason in CancelReason::ALL {
        assert_eq!(reason.word().parse(), Ok(reason));
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.word()));
    }
}
