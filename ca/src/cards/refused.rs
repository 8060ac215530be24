//! Why something is not done with a card.

use std::time::Duration;

use platform::clock::Millis;
use platform::problem::Problem;

use super::state::{CardMove, CardState};

/// Why something is not done with a card, for reasons of cards.
#[derive(Debug, thiserror::Error)]
pub enum CardRefused {
    /// No card has this id, or it belongs to whom the caller does not act for.
    #[error("there is no card with this id")]
    Unknown,
    /// No place has this id.
    #[error("there is no place with this id; make one at /ca/card-locations")]
    LocationUnknown,
    /// The organisation has a place of this name.
    #[error("the organisation has a place of this name already")]
    LocationExists,
    /// A card with this serial number is registered.
    #[error("a card with the serial number {0} is registered already; no card of this request was")]
    SerialExists(String),
    /// The card's state does not allow it.
    #[error("a card that is {state} cannot be moved by \"{step}\"")]
    NoSuchMove {
        /// What the card is.
        state: CardState,
        /// What was asked.
        step: CardMove,
    },
    /// Such a move is the end of an errand, and not asked for by itself.
    #[error("\"{0}\" happens at the end of an errand with the card in a reader; begin one at /errands")]
    MoveOfErrand(CardMove),
    /// Something that the move needs is missing, or is there and not needed.
    #[error("{0}")]
    Incomplete(&'static str),
    /// The card was changed since it was read.
    #[error("the card was changed since you read it; read it again")]
    Changed,
    /// The errand does not go with the card's state.
    #[error("a card that is {state} has no errand \"{act}\"")]
    NoSuchErrand {
        /// What the card is.
        state: CardState,
        /// What was asked.
        act: &'static str,
    },
    /// The card was moved since the errand was begun.
    #[error(
        "the card is somebody else's since this errand was begun, or in another state; end it and begin another"
    )]
    ErrandOfBefore,
    /// Its keys are not those of its certificates.
    #[error(
        "a renewal of this card broke off after it had begun to make other keys: it cannot be repaired; renew it, or replace it"
    )]
    KeysChanged,
    /// It has its keys from the master key of now.
    #[error(
        "the card with the serial number {0} has its keys from the master key of now; no card of this request was begun"
    )]
    KeysMoved(String),
    /// Another errand is open.
    #[error("another errand of this card is open; go on with it or end it first")]
    ErrandOpen,
    /// Its certificates end too late for a renewal.
    #[error("the card's certificates do not end soon: it can be renewed from {0} on")]
    RenewalTooEarly(Millis),
    /// Its certificates ended too long ago for a renewal.
    #[error(
        "the card's certificates ended, and it could be renewed until {0}: replace the card, or cancel it and issue it again"
    )]
    RenewalTooLate(Millis),
    /// Its certificates ended.
    #[error("the card's certificates have ended: the registration authority renews or replaces the card")]
    CertificatesEnded,
    /// A second person is wanted.
    #[error("somebody else than who began this errand must approve it first, at /approvals")]
    NotApproved,
    /// Whoever approves is who began it, or whose card it is.
    #[error("an errand is approved by somebody else than who began it, and not by the card's holder")]
    ApprovalByAnother,
    /// A program may not.
    #[error("people do this themselves, signed in; a program does not")]
    PeopleOnly,
    /// The code is not right, is good for nothing, or nobody has vouched for who has it: which of these is told to nobody.
    #[error(
        "this is not the code, it cannot be used any more, or the colleague to whom it was read out has not approved yet"
    )]
    CodeRefused,
    /// No answer to a management key was lost.
    #[error(
        "no answer of a card to its management key was lost here, or it is being worked on, so there is nothing to try once more"
    )]
    NoAnswerLost,
    /// Its unblocking key is not told.
    #[error("{0}")]
    PukNotTold(&'static str),
    /// Nobody has the card.
    #[error("nobody has this card, so none takes its place")]
    NobodysCard,
    /// No batch has this id.
    #[error("there is no batch with this id")]
    BatchUnknown,
    /// No errand has this id, or it is over.
    #[error("this card has no such errand, or it is over")]
    ErrandUnknown,
    /// The ticket is not good.
    #[error("the ticket is not known, was used, or has ended; ask for a new one")]
    TicketRefused,
    /// The card is nobody's.
    #[error("the card is nobody's; reserve it for somebody first")]
    NoOwner,
    /// There is no photograph.
    #[error(
        "the register has no photograph of the card's holder; PUT one at /directory/people/{{user_id}}/photo"
    )]
    NoPhoto,
    /// The template of faces cannot be used.
    #[error("the template of faces, [ca.cards] face_template, cannot be used: {0}")]
    FaceTemplate(String),
    /// The face was not drawn.
    #[error(
        "{program}, which draws faces, did not: {why}; [ca.cards] face_renderer names it (Debian: librsvg2-bin)"
    )]
    FaceNotDrawn {
        /// The program.
        program: String,
        /// What it said.
        why: String,
    },
    /// A card in this state has no face.
    #[error("a card that is {0} is not printed; only one that is reserved for somebody, or theirs, is")]
    NotPrinted(CardState),
    /// There is no printer.
    #[error(
        "[ca.cards] printer names no queue of this machine's CUPS, as in ipp://localhost:631/printers/desk"
    )]
    NoPrinter,
    /// The card is being printed.
    #[error("this card is being printed; ask how that ends")]
    PrintGoesOn,
    /// No print has this id.
    #[error("this card has no such print")]
    PrintUnknown,
    /// As many are printed as may be at once.
    #[error("as many cards are being printed as may be at once; ask again when one is done")]
    PrintsBusy,
    /// Nothing is relayed.
    #[error("no agent can reach this server: [ca.cards] has no address")]
    NoAddress,
    /// As many agents are relayed as may be at once.
    #[error("as many cards are being worked on as may be at once; ask again when one is done")]
    RelaysBusy,
    /// What asks is no WebSocket.
    #[error("this address is for agents, which speak WebSocket (RFC 6455) version 13")]
    NotAWebSocket,
    /// The idempotency key is missing or malformed.
    #[error(
        "send an Idempotency-Key with every POST: 1 to 128 visible characters, a new one for each new request"
    )]
    KeyMissing,
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request; choose a new one")]
    KeyReused,
    /// If-Match is missing.
    #[error("say which version you mean to change: If-Match with the ETag of your last read")]
    VersionMissing,
    /// If-Match is malformed.
    #[error("If-Match holds the ETag as it was answered")]
    VersionInvalid,
}

impl From<CardRefused> for Problem {
    fn from(refused: CardRefused) -> Self {
        use CardRefused as R;
        let detail = refused.to_string();
        match refused {
            R::Unknown => Self::not_found("card-unknown", detail),
            R::LocationUnknown => Self::invalid("card-location-unknown", detail),
            R::ErrandUnknown => Self::not_found("card-errand-unknown", detail),
            R::LocationExists => Self::conflict("card-location-exists", detail),
            R::SerialExists(_) => Self::conflict("card-serial-exists", detail),
            R::NoSuchMove { .. } | R::NoSuchErrand { .. } | R::NoOwner | R::NotPrinted(_) => {
                Self::conflict("card-state", detail)
            }
            R::ErrandOfBefore => Self::conflict("card-errand-of-before", detail),
            R::KeysChanged => Self::conflict("card-keys-changed", detail),
            R::KeysMoved(_) => Self::conflict("card-keys-moved", detail),
            R::MoveOfErrand(_) => Self::invalid("card-move-of-errand", detail),
            R::Incomplete(_) => Self::invalid("card-act-incomplete", detail),
            R::Changed => Self::precondition_failed("card-changed", detail),
            R::ErrandOpen => Self::conflict("card-errand-open", detail),
            R::RenewalTooEarly(_) => Self::conflict("card-renewal-too-early", detail),
            R::RenewalTooLate(_) => Self::conflict("card-renewal-too-late", detail),
            R::CertificatesEnded => Self::conflict("card-certificates-ended", detail),
            R::NotApproved => Self::conflict("card-errand-not-approved", detail),
            R::ApprovalByAnother => Self::conflict("card-approval-by-another", detail),
            R::PeopleOnly => Self::conflict("card-people-only", detail),
            R::CodeRefused => Self::invalid("card-unlock-code-refused", detail),
            R::NoAnswerLost => Self::conflict("card-no-answer-lost", detail),
            R::PukNotTold(_) => Self::conflict("card-unblocking-key-not-told", detail),
            R::NobodysCard => Self::conflict("card-nobodys", detail),
            R::BatchUnknown => Self::not_found("card-batch-unknown", detail),
            R::TicketRefused => Self::unauthenticated("relay-ticket-refused", detail),
            R::NoPhoto => Self::conflict("card-no-photo", detail),
            R::FaceTemplate(_) | R::FaceNotDrawn { .. } => {
                Self::unavailable("card-face-not-drawn", detail, Duration::from_mins(1))
            }
            R::NoPrinter => Self::conflict("cards-no-printer", detail),
            R::PrintGoesOn => Self::conflict("card-print-goes-on", detail),
            R::PrintUnknown => Self::not_found("card-print-unknown", detail),
            R::PrintsBusy => Self::unavailable("prints-busy", detail, Duration::from_secs(10)),
            R::NoAddress => Self::conflict("cards-no-address", detail),
            R::RelaysBusy => Self::unavailable("relays-busy", detail, Duration::from_secs(10)),
            R::NotAWebSocket => Self::invalid("websocket-expected", detail),
            R::KeyMissing => Self::invalid("idempotency-key-missing", detail),
            R::KeyReused => Self::conflict("idempotency-key-reused", detail),
            R::VersionMissing => Self::precondition_required("if-match-missing", detail),
            R::VersionInvalid => Self::invalid("if-match-invalid", detail),
        }
    }
}
