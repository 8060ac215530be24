//! What is somebody's own of cards, on the wire: for sign-in, which knows who uses a browser.

use http::Method;
use platform::caller::Act;
use platform::clock::Millis;
use platform::id::UserId;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::search::percent_encoded;
use super::{CardState, Client, ErrandInfo, RelayTicket};
use crate::rfc3339;

/// May ask in the name of people whom it has signed in for what is their own: their cards, and renewing them.
pub const HOLDERS: Act = Act("ca:holders");

/// How somebody has signed in, in whose name a module asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HolderSignedIn {
    /// How sure the sign-in was: `aal2` or `aal3`; worth nothing if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assurance: Option<String>,
    /// The session's public name, for the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// The cards that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnCards {
    /// Those that are in use, locked or on hold, in the order in which they were registered: fifty at most.
    pub cards: Vec<OwnCard>,
}

/// A card as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnCard {
    /// Its id.
    pub id: String,
    /// The serial number that it says of itself.
    pub serial: String,
    /// What it is now.
    pub state: CardState,
    /// What its holder can do about its renewal.
    pub renewal: OwnRenewal,
    /// When the first of its certificates ends.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Millis,
    /// From when on it can be renewed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Millis,
    /// Until when the registration authority can renew it after its end.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Millis,
    /// What is being done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errand: Option<ErrandInfo>,
}

/// What the holder of a card can do about its renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OwnRenewal {
    /// Wait: its certificates do not end soon.
    TooEarly,
    /// Begin it.
    Open,
    /// Begin it anew: one broke off after the card's keys were changed.
    BrokeOff,
    /// Go on with it.
    UnderWay,
    /// Have it approved, and go on with it then.
    Unapproved,
    /// Go to the registration authority: its certificates have ended, and it can still be renewed there.
    InGrace,
    /// Have it replaced: its certificates ended too long ago.
    TooLate,
    /// Unlock it first.
    Locked,
    /// Ask why it is on hold.
    OnHold,
    /// Wait until something else is done with it.
    Busy,
}

impl Client {
    /// The cards that somebody has.
    pub async fn own_cards(&self, holder: &UserId) -> Result<OwnCards, Problem> {
        self.peer.call(Method::GET, &format!("/ca/card-holders/{holder}/cards"), None::<&()>).await
    }

    /// One of them.
    pub async fn own_card(&self, holder: &UserId, card: &str) -> Result<OwnCard, Problem> {
        let path = format!("/ca/card-holders/{holder}/cards/{}", percent_encoded(card));
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// A ticket with which an agent renews it: for the renewal that is open, or for one that is begun now.
    pub async fn renew_own_card(
        &self,
        holder: &UserId,
        card: &str,
        signed_in: &HolderSignedIn,
    ) -> Result<RelayTicket, Problem> {
        let path = format!("/ca/card-holders/{holder}/cards/{}/renewals", percent_encoded(card));
        self.peer.call(Method::POST, &path, Some(signed_in)).await
    }

    /// Gives up its renewal, of which nothing is done yet: the card as it is then.
    pub async fn give_up_own_card(
        &self,
        holder: &UserId,
        card: &str,
        signed_in: &HolderSignedIn,
    ) -> Result<OwnCard, Problem> {
        let path = format!("/ca/card-holders/{holder}/cards/{}/renewals/endings", percent_encoded(card));
        self.peer.call(Method::POST, &path, Some(signed_in)).await
    }
}
