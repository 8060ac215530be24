//! What is done with cards beyond one errand, on the wire: replacing, unlocking by the holder and off line, and batches.

use directory::api::Channel;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{CancelReason, CardInfo, CardState};
use crate::rfc3339;

/// One card takes another one's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceCard {
    /// The card in stock that is issued instead, by its id.
    pub by: String,
    /// Why the old one ends.
    pub reason: CancelReason,
    /// Whether the new one gets a passcode that nobody knows, until it is unlocked.
    #[serde(default)]
    pub locked: bool,
    /// One line of 200 letters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A holder wants to unlock their card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskUnlock {
    /// The serial number that the card says of itself, in decimal.
    pub serial: String,
    /// How the code is to come: `email` or `mobile`.
    pub channel: Channel,
    /// The holder's address, as they know it.
    pub address: String,
}

/// A code may be on its way: this answer is the same if it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnlockAsked {
    /// The id under which the code is given back.
    pub id: String,
    /// Until when it can be used.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Millis,
}

/// A holder wants a colleague to vouch for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskColleague {
    /// The serial number that the card says of itself, in decimal.
    pub serial: String,
}

/// What the holder reads out to a colleague.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColleagueAsked {
    /// The id under which the code is given back, once the colleague has approved.
    pub id: String,
    /// Six digits.
    pub code: String,
    /// Until when it can be used.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Millis,
}

/// A request that waits for a colleague.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingUnlock {
    /// Its id.
    pub id: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Millis,
    /// Until when it can be approved.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Millis,
}

/// The requests for a card that wait for a colleague.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingUnlocks {
    /// Oldest first, fifty at most.
    pub unlocks: Vec<WaitingUnlock>,
}

/// A code that somebody received, or heard.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockCode {
    /// Six digits.
    pub code: String,
}

/// The unblocking key of a card is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasePuk {
    /// How the card's holder was identified: one line of 200 letters at most.
    pub identified: String,
}

/// The unblocking key of a card, shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
pub struct PukReleased {
    /// Eight digits, to be typed into the agent.
    pub unblocking_key: String,
}

/// Cards to be issued together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCardBatch {
    /// Of whose stock all of them are, by its ODS code.
    pub organisation: String,
    /// 1 to 100 cards in stock, each with its holder.
    pub cards: Vec<BatchCard>,
    /// Whether they get passcodes that nobody knows, until they are unlocked. Otherwise each holder chooses one.
    #[serde(default)]
    pub locked: bool,
}

/// A card of a batch and whose it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchCard {
    /// The card's id.
    pub card: String,
    /// The holder's user id.
    pub user_id: String,
}

/// How far a batch has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardBatch {
    /// Its id.
    pub id: String,
    /// Of whose stock the cards are.
    pub organisation: String,
    /// How many cards there are.
    pub cards: u64,
    /// How many of them are issued.
    pub done: u64,
    /// How many errands have ended before that.
    pub ended: u64,
    /// How many stopped, and wait for a new ticket.
    pub stopped: u64,
    /// How many an agent is working on, or nobody has begun with.
    pub open: u64,
    /// In how many seconds the rest would be done at the speed of those that are; left out before the first is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<u64>,
    /// Its cards, in the order in which they were named.
    pub errands: Vec<BatchErrand>,
    /// When it was begun.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Millis,
}

/// A card of a batch, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchErrand {
    /// The errand.
    pub errand: String,
    /// The card.
    pub card: String,
    /// What the card says of itself.
    pub serial: String,
    /// What the card is now.
    pub card_state: CardState,
    /// Whose it will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `open`, `done` or `ended`.
    pub state: String,
    /// How far it has come.
    pub step: String,
    /// Why it stopped last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Whose cards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RediversificationQuery {
    /// Of the stock of this organisation, or issued from it.
    pub organisation: String,
    /// The mark of the page before.
    pub after: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
}

/// How far the cards of an organisation have moved to keys from the master key of now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rediversification {
    /// The version of the master key from which cards get their keys now.
    pub master_key: u32,
    /// How many cards have keys from any master key; those that were destroyed do not count.
    pub cards: u64,
    /// How many of them have both keys from that of now.
    pub moved: u64,
    /// What the others are.
    pub left: Vec<CardsLeft>,
    /// One page of the others, in the order in which they were registered.
    pub page: Vec<CardInfo>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How many cards in one state have a key from an older master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardsLeft {
    /// The state.
    pub state: CardState,
    /// How many.
    pub cards: u64,
}

/// Cards that are to move now, at one desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRediversification {
    /// Of whose stock all of them are, by its ODS code.
    pub organisation: String,
    /// 1 to 100 cards in use or in stock, by their ids.
    pub cards: Vec<String>,
}

/// An unblocking key that was told is wiped when its answer goes.
#[test]
fn told_key_is_wiped() {
    fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}

    let mut told = PukReleased { unblocking_key: "90817263".to_owned() };
    is_wiped(&told);
    told.zeroize();
    assert_eq!(told.unblocking_key, "");
}
