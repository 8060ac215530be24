//! Why an errand stopped.

use card::piv::{Error as PivError, Secret};
use card::relay::{PasscodeNotChosen, PasscodeNotEntered};

use crate::cards::attestation::NotAttested;
use crate::error::Error;

/// Why an errand stopped. What it says goes to the workstation and into the errand's row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The card did not do it, or was not reached.
    #[error("{0}")]
    Card(#[source] PivError),
    /// The holder has no passcode.
    #[error("{0}")]
    Passcode(#[source] PasscodeNotChosen),
    /// The holder has not entered the passcode that the card has.
    #[error("{0}")]
    Entry(#[source] PasscodeNotEntered),
    /// Another card is in the reader.
    #[error("the card in the reader has the serial number {found}; put in the one with {expected}")]
    OtherCard {
        /// What the card says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// The card does not say which it is.
    #[error("the card does not say its serial number, so nobody can tell which one it is")]
    NoSerial,
    /// No key that it may have opens it.
    #[error(
        "the card refuses the management key that it should have: it was issued elsewhere, or changed by somebody else. \
         No key is tried twice. Cancel it as damaged and take another"
    )]
    ForeignManagementKey,
    /// A key was tried, and nobody heard whether the card took it.
    #[error(
        "nobody knows whether the card took its management key, since its answer was lost. A wrong key is never tried twice, as some cards \
         lock by that, so it is not tried again by itself. If this is the right card and nobody has changed it, ask somebody who may issue \
         cards to have the key tried once more, and go on; if not, cancel the card as damaged and take another"
    )]
    ManagementAnswerLost,
    /// No unblocking key that it may have is its own.
    #[error(
        "the card refuses the unblocking key that it should have, which is not tried again. Cancel it as damaged and take another"
    )]
    ForeignPuk,
    /// The unblocking key is locked.
    #[error(
        "the card's unblocking key is locked after too many wrong entries. Cancel it as damaged and take another"
    )]
    PukLocked,
    /// A new key did not prove itself.
    #[error("the key that was made on the card did not sign what was asked of it")]
    KeyNotProven,
    /// The card does not vouch for the key as it must.
    #[error("{0}")]
    NotAttested(#[from] NotAttested),
    /// The card shows no secure messaging, and gets no secret without.
    #[error(
        "the card offers no secure messaging, or nobody is known any more who vouches for it, and no secret goes to it without: the \
         configuration requires it, or the card has shown it before, and whoever is between may hide it"
    )]
    NotSecured,
    /// It is another card's secure messaging.
    #[error(
        "the card in the reader is another one than that which has shown secure messaging under this serial number"
    )]
    OtherSecuredCard,
    /// What was read back is not what was written.
    #[error("what the card gives back is not what was written ({0})")]
    NotAsWritten(&'static str),
    /// The same certificate was asked for before in another name, or under another profile.
    #[error(
        "what the register says of the holder, or the configuration of cards, has changed since the first certificate of this errand \
         was made. Give the errand up and begin a new one"
    )]
    HolderChanged,
    /// Another agent goes on with it, or it was ended.
    #[error("this errand was ended, or another workstation goes on with it")]
    Superseded,
    /// The work on the card broke off.
    #[error("the work with the card broke off; begin again with a new ticket")]
    BrokeOff,
    /// The authority did not do its part.
    #[error("{}", .0)]
    Authority(#[from] Error),
}

impl From<PivError> for Fault {
    fn from(error: PivError) -> Self {
        match error {
            PivError::Locked(Secret::Puk) => Self::PukLocked,
            error => Self::Card(error),
        }
    }
}

impl From<PasscodeNotChosen> for Fault {
    fn from(error: PasscodeNotChosen) -> Self {
        Self::Passcode(error)
    }
}

impl From<PasscodeNotEntered> for Fault {
    fn from(error: PasscodeNotEntered) -> Self {
        Self::Entry(error)
    }
}

impl From<platform::db::Error> for Fault {
    fn from(error: platform::db::Error) -> Self {
        Self::Authority(error.into())
    }
}

impl From<platform::problem::Problem> for Fault {
    fn from(problem: platform::problem::Problem) -> Self {
        Self::Authority(problem.into())
    }
}
