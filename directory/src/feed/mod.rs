//! The feed of a personnel system: somebody starts, changes their position, leaves.
//!
//! A position of theirs stands for one here where the registration authority has linked the two. What an event asks for is
//! done at once, by the rank that the matrix gives a personnel system; what cannot be done lies in quarantine until
//! somebody of the registration authority has it tried again, by their own rank, or puts it aside.

mod apply;
mod events;
mod link;
mod person;
mod settle;
mod sweeping;
mod take;

use platform::clock::Millis;
use platform::id::OdsCode;

use crate::api::{FeedDone, FeedEvent, FeedReason, FeedState};
use crate::error::Error;
use crate::ids::{FeedEventId, FeedLinkId, PositionId};
use crate::position::Approval;
use crate::version::Version;

pub use events::FeedAct;
pub(crate) use link::{end as end_link, make as make_link};
pub(crate) use settle::{discard, retry};
pub(crate) use take::{MOST, take};

/// Who tells, and for which employer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The client id.
    pub(crate) client: String,
    /// The employer.
    pub(crate) employer: OdsCode,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: FeedEventId,
    pub(crate) sender: Sender,
    /// SHA-256 over the event, in hexadecimal.
    pub(crate) fingerprint: String,
    /// The event as it came.
    pub(crate) sent: FeedEvent,
    pub(crate) state: FeedState,
    pub(crate) reason: Option<FeedReason>,
    pub(crate) sentence: Option<String>,
    pub(crate) done: FeedDone,
    pub(crate) received_at: Millis,
    pub(crate) settled: Option<Settled>,
    pub(crate) version: Version,
}

/// How somebody of the registration authority decided an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) by: String,
    pub(crate) at: Millis,
    /// Why it was put aside, if it was.
    pub(crate) discarded_why: Option<String>,
}

/// A position of theirs that stands for one here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PositionLink {
    pub(crate) id: FeedLinkId,
    pub(crate) employer: OdsCode,
    pub(crate) their_position: String,
    pub(crate) position: PositionId,
    pub(crate) approval: Approval,
    pub(crate) made_by: String,
    pub(crate) made_at: Millis,
    pub(crate) ended: Option<(String, Millis)>,
    pub(crate) version: Version,
}

/// Why an event was not done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The event is kept in quarantine.
    Quarantine(FeedReason, String),
    /// Something failed here, and the sender sends it again.
    Failed(Error),
}

impl Stop {
    fn because(reason: FeedReason, sentence: impl Into<String>) -> Self {
        Self::Quarantine(reason, sentence.into())
    }
}

impl From<Error> for Stop {
    /// What the rules of the register refuse is a matter for the quarantine; anything else is not the event's fault.
    fn from(error: Error) -> Self {
        let reason = match &error {
            Error::Field { .. } => FeedReason::BadDate,
            Error::NotAllowed { .. } => FeedReason::NotAllowed,
            Error::Conflict { code: "position-closed", .. } => FeedReason::PositionClosed,
            Error::Conflict { code: "profile-closed", .. } => FeedReason::ProfileClosed,
            Error::Conflict { .. } | Error::Unknown { .. } | Error::Changed { .. } => FeedReason::Contradicts,
            _ => return Self::Failed(error),
        };
        let sentence = match error {
            Error::Field { sentence, .. }
            | Error::NotAllowed { sentence, .. }
            | Error::Conflict { sentence, .. } => sentence,
            other => other.to_string(),
        };
        Self::Quarantine(reason, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule refuses goes into quarantine with its sentence; what fails here does not.
    #[test]
    fn refusals_go_into_quarantine() {
        let reason = |error: Error| match Stop::from(error) {
            Stop::Quarantine(reason, _) => Some(reason),
            Stop::Failed(_) => None,
        };
        assert_eq!(reason(Error::field("end", "It has passed.")), Some(FeedReason::BadDate));
        assert_eq!(reason(Error::conflict("position-closed", "Closed.")), Some(FeedReason::PositionClosed));
        assert_eq!(reason(Error::conflict("assignment-overlaps", "There.")), Some(FeedReason::Contradicts));
        assert_eq!(reason(Error::unknown("position", "x")), Some(FeedReason::Contradicts));
        assert_eq!(reason(Error::NoRandomness), None);
        assert_eq!(reason(Error::Stored { what: "state" }), None);
    }
}
