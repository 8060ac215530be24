//! Why an act on a card failed.

use crate::apdu::{ExchangeError, Status};
use crate::tlv;

use super::objects::MalformedObject;
use super::secure::SecureError;

/// Which secret a card did not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The holder's passcode, the PIV Card Application PIN.
    Passcode,
    /// The unblocking key.
    Puk,
}

impl Secret {
    fn word(self) -> &'static str {
        match self {
            Self::Passcode => "passcode",
            Self::Puk => "unblocking key",
        }
    }
}

/// Why an act on a card failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The card was not reached, or its answer has no form.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The answer reads as none of what it could be.
    #[error("the card's answer to {act} cannot be read")]
    Unreadable {
        /// What was asked.
        act: &'static str,
    },
    /// What the card holds cannot be read.
    #[error(transparent)]
    Object(#[from] MalformedObject),
    /// There is no PIV application.
    #[error("this card is not a PIV card")]
    NotPiv,
    /// The secret is wrong, and so many tries are left.
    #[error("wrong {}: {tries} tries are left", .secret.word())]
    Wrong {
        /// Which secret.
        secret: Secret,
        /// How many tries are left.
        tries: u8,
    },
    /// The secret is wrong, and the card does not say how many tries are left.
    #[error("wrong {}", .0.word())]
    WrongUncounted(Secret),
    /// The secret was wrong too often.
    #[error("the {} is locked after too many wrong entries", .0.word())]
    Locked(Secret),
    /// The card did not accept the management key. It must not be tried again: some cards lock.
    #[error("the card did not accept the management key")]
    ManagementKeyRefused,
    /// The card does not know the management key that it accepted: it is not the card that it seems.
    #[error("the card could not prove that it knows its management key")]
    CardNotProven,
    /// A passcode or the management key must come first.
    #[error("{act}: the card wants a passcode or its management key first")]
    NotAuthorised {
        /// What was asked.
        act: &'static str,
    },
    /// The card does not have this.
    #[error("{act}: the card cannot do this")]
    Unsupported {
        /// What was asked.
        act: &'static str,
    },
    /// The card has no room.
    #[error("{act}: the card is full")]
    Full {
        /// What was asked.
        act: &'static str,
    },
    /// There is no secure messaging with the card, or none any more.
    #[error(transparent)]
    Secure(#[from] SecureError),
    /// The card takes this in clear alone.
    #[error("{act}: the card does not take this under secure messaging")]
    NotUnderProtection {
        /// What was asked.
        act: &'static str,
    },
    /// The card refused for another reason.
    #[error("{act}: {status}")]
    Refused {
        /// What was asked.
        act: &'static str,
        /// What the card said.
        status: Status,
    },
}

impl Error {
    /// The error of a status that is not success, where the act has no meaning of its own for it.
    pub(crate) fn of(act: &'static str, status: Status) -> Self {
        match status {
            Status::SecurityNotSatisfied => Self::NotAuthorised { act },
            Status::NoSpace => Self::Full { act },
            status if status.is_unsupported() => Self::Unsupported { act },
            status => Self::Refused { act, status },
        }
    }

    /// The error of an answer in which something is missing.
    pub(crate) fn unreadable(act: &'static str) -> impl Fn(tlv::Malformed) -> Self {
        move |_| Self::Unreadable { act }
    }
}
