//! Why the broker refuses, in words for programs and for people.

use super::message::Unreadable;
use crate::error::Error;
use crate::session;

/// Why the broker did not do something.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The message or the parameters are not what they must be.
    Unreadable(Unreadable),
    /// Too many challenges of the network wait for a card.
    Crowded,
    /// The challenge is unknown, over, was answered before, or is another workstation's.
    ChallengeOver,
    /// The card signed with SHA-1, which is not taken here.
    Sha1Refused,
    /// The certificate was not issued here to this person, or is none of a card.
    CardUnknown,
    /// The card is on hold.
    CardHeld,
    /// The card has expired.
    CardExpired,
    /// The card was revoked.
    CardRevoked,
    /// Whether the card holds cannot be found out.
    CardUnknowable,
    /// The signature is not the card's over the challenge.
    SignatureWrong,
    /// They proved who they are and are not signed in all the same.
    Session(session::Refusal),
    /// There is no ticket.
    TicketMissing,
    /// The ticket is none of ours.
    TicketUnknown,
    /// The session of the ticket has ended, for this cause.
    SessionOver(String),
    /// The role is not one of theirs, or not any more.
    RoleNotTheirs,
    /// The role of the session is fixed.
    RoleFixed,
    /// Several roles could be meant.
    RoleNotChosen,
    /// The role that was chosen was taken away.
    RoleClosed,
    /// The organisation of the role does not take cards.
    RoleNotByCard,
    /// The register does not answer, or something failed here.
    Failed(Error),
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    /// A message that is not what it must be.
    pub(crate) fn unreadable(sentence: impl Into<String>) -> Self {
        Self::Unreadable(Unreadable::because(sentence))
    }

    /// A stable word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "request-unreadable",
            Self::Crowded => "too-many-challenges",
            Self::ChallengeOver => "challenge-over",
            Self::Sha1Refused => "sha1-refused",
            Self::CardUnknown => "card-unknown",
            Self::CardHeld => "card-held",
            Self::CardExpired => "card-expired",
            Self::CardRevoked => "card-revoked",
            Self::CardUnknowable => "authority-silent",
            Self::SignatureWrong => "signature-wrong",
            Self::Session(refusal) => refusal.word(),
            Self::TicketMissing => "ticket-missing",
            Self::TicketUnknown => "ticket-unknown",
            Self::SessionOver(_) => "session-over",
            Self::RoleNotTheirs => "role-not-theirs",
            Self::RoleFixed => "role-fixed",
            Self::RoleNotChosen => "role-not-chosen",
            Self::RoleClosed => "role-closed",
            Self::RoleNotByCard => "role-not-by-card",
            Self::Failed(error) if error.passes() => "try-again",
            Self::Failed(_) => "failed",
        }
    }

    /// The status of the answer: whoever reads only that knows enough.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Unreadable(_) | Self::TicketMissing => 400,
            Self::TicketUnknown | Self::SessionOver(_) => 401,
            Self::RoleFixed | Self::RoleNotChosen => 409,
            Self::Crowded | Self::CardUnknowable => 503,
            Self::Failed(error) if error.passes() => 503,
            Self::Failed(_) => 500,
            _ => 403,
        }
    }

    /// What happened, and what to do.
    pub(crate) fn sentence(&self) -> String {
        let text = match self {
            Self::Unreadable(unreadable) => return unreadable.0.clone(),
            Self::SessionOver(cause) => {
                return format!("The session of this ticket has ended ({cause}). Put the card in anew.");
            }
            Self::Crowded => {
                "Too many workstations on your network have asked for a challenge and have not answered it. Try again in a few minutes."
            }
            Self::ChallengeOver => {
                "The challenge is not known, was answered before, took too long, or is another workstation's. Begin anew."
            }
            Self::Sha1Refused => {
                "The card signed with SHA-1, which is not taken here. [authn.cis1] sha1 = \"accepted\" takes it."
            }
            Self::CardUnknown => "This smartcard was not issued here to this person.",
            Self::CardHeld => "The smartcard is on hold. The registration authority can lift that.",
            Self::CardExpired => "The smartcard has expired. The registration authority renews it.",
            Self::CardRevoked => {
                "The smartcard was cancelled. The registration authority issues another one."
            }
            Self::CardUnknowable => {
                "Whether the smartcard is still valid cannot be found out, so nobody comes in with one. Try again in a few minutes."
            }
            Self::SignatureWrong => {
                "What the smartcard signed is not the challenge, or the smartcard was not issued here."
            }
            Self::Session(session::Refusal::Left) => {
                "The profile of this person is closed. The registration authority can open it again."
            }
            Self::Session(session::Refusal::AuthenticatorGone) => "The smartcard was cancelled meanwhile.",
            Self::Session(session::Refusal::Elsewhere) => {
                "This person is signed in elsewhere, and one session is all they may have."
            }
            Self::Session(session::Refusal::Replayed) => "That was used already.",
            Self::TicketMissing => {
                "There is no ticket. Give it as the parameter token, encoded for an address."
            }
            Self::TicketUnknown => "The ticket is none of this service.",
            Self::RoleNotTheirs => "This person does not have that role.",
            Self::RoleFixed => {
                "The role of this session is fixed. To change it, take the card out and put it in again."
            }
            Self::RoleNotChosen => "This person has several roles and has chosen none yet.",
            Self::RoleClosed => "The role that was chosen was taken away. Choose another one.",
            Self::RoleNotByCard => {
                "The organisation of this role does not take smartcards. Choose another role, or sign in to it with what its organisation takes."
            }
            Self::Failed(error) if error.passes() => {
                "The service is not available at the moment. Try again shortly."
            }
            Self::Failed(_) => "Something went wrong on the server. It has been logged.",
        };
        text.to_owned()
    }

    /// Logs what went wrong here.
    pub(crate) fn logged(&self) {
        if let Self::Failed(error) = self {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, %cause, "a request to the broker of CIS1 failed: {error}");
        }
    }
}
