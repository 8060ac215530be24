//! Cards on the wire.

use platform::caller::Act;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rfc3339;

pub use crate::cards::{CancelReason, CardMove, CardState};

/// May manage the stock and the cards of everybody: for programs. What people may do, the register says for each card.
pub const CARDS: Act = Act("ca:cards");

/// A place where cards are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardLocation {
    /// Its id.
    pub id: String,
    /// Whose place it is, by its ODS code.
    pub organisation: String,
    /// What people call it.
    pub name: String,
}

/// A place to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCardLocation {
    /// Whose place it is, by its ODS code.
    #[schema(example = "RXX")]
    pub organisation: String,
    /// What people call it: one line of 1 to 80 letters, once for each organisation.
    #[schema(example = "RA office, cupboard 2")]
    pub name: String,
}

/// Which places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardLocationQuery {
    /// Of which organisation.
    pub organisation: String,
    /// The mark of the page before.
    pub after: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
}

/// One page of places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardLocationPage {
    /// The places.
    pub locations: Vec<CardLocation>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Cards to be registered, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCards {
    /// The serial numbers that the cards say of themselves, in decimal: 1 to 500 of them.
    pub serials: Vec<String>,
    /// Where they are, or where they will come.
    pub location: String,
    /// Whether they are still on their way. Otherwise they are in stock.
    #[serde(default)]
    pub ordered: bool,
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardInfo {
    /// Its id.
    pub id: String,
    /// The serial number that it says of itself.
    pub serial: String,
    /// Where it is, or was when it was issued.
    pub location: String,
    /// Whose place that is.
    pub organisation: String,
    /// What it is now.
    pub state: CardState,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// The serial of its certificate for signing in, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// The serial of its certificate for signing, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Which versions of its keys it has, such as `1.2`; `factory` before it was first issued.
    pub management_key: String,
    /// The same of its unblocking key.
    pub unblocking_key: String,
    /// When its unblocking key was told to somebody; it gets another one at its next contact, before anything else is done, and is told
    /// to nobody before.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub unblocking_key_told_at: Option<Millis>,
    /// When its unblocking key went to a workstation in an unlock that was not done; it gets another one at its next contact, before
    /// anything else is done.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub unblocking_key_seen_at: Option<Millis>,
    /// When a renewal that is not done began to make other keys than those of its certificates. If it ends before it is done the
    /// certificates are revoked, and the card is to be renewed again or replaced.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keys_changed_at: Option<Millis>,
    /// How often it was written, as in its entity tag.
    pub version: i64,
    /// When it was registered.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Millis,
    /// When it was changed last.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Millis,
}

/// What the face of a card is made as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CardFaceForm {
    /// A page of PDF.
    #[default]
    Pdf,
    /// A picture with 300 dots to the inch.
    Png,
}

impl CardFaceForm {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
        }
    }

    /// How a file of it begins. ISO 32000-1 7.5.2; PNG 5.2.
    pub(crate) fn first_octets(self) -> &'static [u8] {
        match self {
            Self::Pdf => b"%PDF-1.",
            Self::Png => b"\x89PNG\r\n\x1a\n",
        }
    }
}

/// What the face of a card is made as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardFaceQuery {
    /// `pdf`, if it is left out, or `png`.
    pub form: CardFaceForm,
}

/// That a card is to be printed: it says nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrintCard {}

/// A face that goes to the printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPrint {
    /// Its id.
    pub id: String,
    /// The card.
    pub card: String,
    /// `printing`, `printed` or `failed`; what failed has cancelled the card.
    pub state: String,
    /// Why it failed, as the printer says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Who had it printed.
    pub by: String,
    /// When it began.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub begun_at: Millis,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Millis>,
}

/// Which cards. One of the first three is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardQuery {
    /// Of the stock of this organisation, or issued from it.
    pub organisation: Option<String>,
    /// Of this person.
    pub user_id: Option<String>,
    /// With this serial number.
    pub serial: Option<String>,
    /// In this place.
    pub location: Option<String>,
    /// In this state.
    pub state: Option<CardState>,
    /// The mark of the page before.
    pub after: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
}

/// One page of cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPage {
    /// The cards, in the order in which they were registered.
    pub cards: Vec<CardInfo>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A move of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveCard {
    /// What happens: `receive`, `reserve`, `release`, `lock`, `suspend`, `resume`, `cancel`, `restock` or `destroy`.
    #[serde(rename = "move")]
    pub step: CardMove,
    /// With `reserve`: for whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// With `receive` and `restock`: where it came, if that is another place than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// With `cancel`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// With `destroy`: the user id of who saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// One line of 200 letters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Something that happened to a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardActInfo {
    /// Its id.
    pub id: String,
    /// What happened.
    #[serde(rename = "move")]
    pub step: String,
    /// The state it led to.
    pub state: String,
    /// Who did it.
    pub by: String,
    /// By way of which program.
    pub client: String,
    /// Whose the card was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Where it was.
    pub location: String,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who saw it destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// What was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
}

/// Which page of a card's history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardActQuery {
    /// The mark of the page before.
    pub after: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
}

/// One page of a card's history, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardActPage {
    /// What happened.
    pub acts: Vec<CardActInfo>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What is done with a card in a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrandAct {
    /// Keys are changed and made, and certificates written.
    Issue,
    /// The same for a card in use.
    Renew,
    /// The holder chooses a new passcode.
    Unlock,
    /// What was written is written again, and the card's own keys move to the master key of now.
    Repair,
    /// Keys and certificates are taken away from a cancelled card.
    Clear,
}

/// An errand to be begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewErrand {
    /// What is to be done.
    pub act: ErrandAct,
    /// With `issue`: whether the card gets a passcode that nobody knows, until it is unlocked. Otherwise the holder chooses one.
    #[serde(default)]
    pub locked: bool,
}

/// An errand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrandInfo {
    /// Its id.
    pub id: String,
    /// The card.
    pub card: String,
    /// What is to be done.
    pub act: String,
    /// `open`, `done`, or `ended` before it was done.
    pub state: String,
    /// How far it has come: `begun`, `keyed`, `first-key`, `second-key`, `certified`, `written` or `done`.
    pub step: String,
    /// Why it stopped last, for people. A new ticket goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Who else said that it may be gone on with, where the configuration wants two persons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it ends by itself. An agent that goes on with it shortly before has it end later.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Millis,
}

/// What a page gives the workstation's agent, shown this once. The agent's protocol is in `docs/agent.md`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayTicket {
    /// The version of the protocol.
    pub version: u32,
    /// Where the agent connects.
    pub address: String,
    /// What is to be done.
    pub act: String,
    /// The serial number of the card that it is done with.
    pub serial: String,
    /// Good once.
    pub ticket: String,
    /// Until when it is taken, in milliseconds since 1970.
    pub expires_at: i64,
}
