//! What is recorded of cards.

use serde::Serialize;
use utoipa::ToSchema;

use super::state::{CardMove, CardState};

/// An act of card management.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum CardEvent {
    /// A place for cards was made.
    CardLocationMade {
        /// The place.
        location: String,
        /// Of which organisation.
        organisation: String,
    },
    /// A card was registered.
    CardRegistered {
        /// The card.
        card: String,
        /// What it says of itself.
        serial: String,
        /// Where it is.
        location: String,
    },
    /// A card was moved from one state to another.
    CardMoved {
        /// The card.
        card: String,
        /// By what.
        by: CardMove,
        /// To which state.
        to: CardState,
        /// Whose it is.
        user_id: Option<String>,
        /// Where it is, or was when it was issued.
        location: String,
        /// Why it was cancelled.
        reason: Option<String>,
        /// Who saw it destroyed.
        witness: Option<String>,
    },
    /// Something is to be done with a card in a reader.
    CardErrandBegun {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
        /// What is to be done.
        act: String,
    },
    /// A second person said that an errand may be gone on with.
    CardErrandApproved {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
    },
    /// A code to unlock a card was sent to its holder.
    CardUnlockCodeSent {
        /// The code's id.
        unlock: String,
        /// The card.
        card: String,
        /// Whose it is.
        user_id: String,
        /// How it was sent.
        channel: String,
    },
    /// Whoever has a locked card asks a colleague to vouch for them.
    CardUnlockAsked {
        /// The code's id.
        unlock: String,
        /// The card.
        card: String,
        /// Whose it is.
        user_id: String,
    },
    /// A colleague vouched for whoever has a locked card.
    CardUnlockApproved {
        /// The code's id.
        unlock: String,
        /// The card.
        card: String,
    },
    /// Somebody gave a wrong code.
    CardUnlockCodeRefused {
        /// The code's id.
        unlock: String,
        /// The card.
        card: String,
        /// How often it was tried by now.
        tries: i64,
    },
    /// The unblocking key of a card was told to somebody; here stands which version, and never the key.
    CardPukReleased {
        /// The card.
        card: String,
        /// Which version.
        puk: String,
        /// How its holder was identified.
        identified: String,
    },
    /// Cards are issued together.
    CardBatchBegun {
        /// The batch.
        batch: String,
        /// Whose stock they are of.
        organisation: String,
        /// How many there are.
        cards: i64,
    },
    /// A card takes another one's place.
    CardReplaced {
        /// The card that ended.
        card: String,
        /// The one that is issued.
        by: String,
        /// Why.
        reason: String,
    },
    /// A workstation's agent was given a ticket for an errand.
    CardTicketGiven {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
    },
    /// An agent goes on with an errand.
    CardErrandResumed {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
        /// Which agent that is, counted from 1.
        run: i64,
    },
    /// The keys of a card were changed; here stands which version it has, and never a key.
    CardKeysChanged {
        /// The card.
        card: String,
        /// The management key.
        management: String,
        /// The unblocking key.
        puk: String,
    },
    /// A card showed secure messaging for the first time: no secret goes to it without from then on, nor to a card with another identifier.
    CardSecured {
        /// The card.
        card: String,
        /// The card's own identifier in the certificate that it showed.
        identifier: String,
    },
    /// A secret goes to a card in clear that has secure messaging, since the card does not take it under that.
    CardSecretInClear {
        /// The card.
        card: String,
        /// Which: `unblocking-key`, which is changed at once, or `management-key`.
        secret: String,
    },
    /// A card refused a key that it should have, which is not tried again.
    CardKeyRefused {
        /// The card.
        card: String,
        /// Which key.
        key: String,
    },
    /// Somebody said that a management key is tried once more of which nobody heard whether the card took it.
    CardSecondTryAllowed {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
        /// Which keys.
        keys: Vec<String>,
    },
    /// All of an errand was done.
    CardErrandDone {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
        /// What was done.
        act: String,
        /// Of which of its new keys the card attested that it made them: `9a`, `9c`.
        attested: Vec<String>,
    },
    /// The face of a card goes to the printer.
    CardPrintBegun {
        /// The print.
        print: String,
        /// The card.
        card: String,
        /// Whose it is.
        user_id: String,
    },
    /// The face of a card was printed, or was not and the card is cancelled.
    CardPrintEnded {
        /// The print.
        print: String,
        /// The card.
        card: String,
        /// Why it was not printed.
        words: Option<String>,
    },
    /// An errand ended before it was done.
    CardErrandEnded {
        /// The errand.
        errand: String,
        /// The card.
        card: String,
        /// The serials that were revoked: of its certificates, and of those of a card whose keys are no longer theirs.
        revoked: Vec<String>,
    },
}

impl audit::Event for CardEvent {
    const MODULE: &'static str = "ca";

    fn name(&self) -> &'static str {
        match self {
            Self::CardLocationMade { .. } => "card-location-made",
            Self::CardRegistered { .. } => "card-registered",
            Self::CardMoved { .. } => "card-moved",
            Self::CardErrandBegun { .. } => "card-errand-begun",
            Self::CardErrandApproved { .. } => "card-errand-approved",
            Self::CardUnlockCodeSent { .. } => "card-unlock-code-sent",
            Self::CardUnlockAsked { .. } => "card-unlock-asked",
            Self::CardUnlockApproved { .. } => "card-unlock-approved",
            Self::CardUnlockCodeRefused { .. } => "card-unlock-code-refused",
            Self::CardPukReleased { .. } => "card-puk-released",
            Self::CardBatchBegun { .. } => "card-batch-begun",
            Self::CardReplaced { .. } => "card-replaced",
            Self::CardTicketGiven { .. } => "card-ticket-given",
            Self::CardErrandResumed { .. } => "card-errand-resumed",
            Self::CardKeysChanged { .. } => "card-keys-changed",
            Self::CardSecured { .. } => "card-secured",
            Self::CardSecretInClear { .. } => "card-secret-in-clear",
            Self::CardKeyRefused { .. } => "card-key-refused",
            Self::CardSecondTryAllowed { .. } => "card-second-try-allowed",
            Self::CardErrandDone { .. } => "card-errand-done",
            Self::CardPrintBegun { .. } => "card-print-begun",
            Self::CardPrintEnded { .. } => "card-print-ended",
            Self::CardErrandEnded { .. } => "card-errand-ended",
        }
    }
}
