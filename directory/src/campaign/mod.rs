//! Campaigns of recertification: every assignment of an organisation and of those below it is confirmed or ended by a day.

mod act;
mod events;
mod part;
mod sweep;

use std::str::FromStr;

use platform::clock::Millis;
use platform::id::{NotAnId, OdsCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::day::Day;
use crate::ids::CampaignId;
use crate::version::Version;

pub(crate) use act::{Decided, Decision, Start, cancel, decide, items, start};
pub use events::CampaignEvent;
pub(crate) use part::{Reach, above, has_part};
pub(crate) use sweep::sweep;

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Campaign {
    pub(crate) id: CampaignId,
    pub(crate) organisation: OdsCode,
    pub(crate) name: String,
    /// The last day on which an assignment can be confirmed.
    pub(crate) by: Day,
    pub(crate) unconfirmed: Unconfirmed,
    pub(crate) state: State,
    pub(crate) made_by: String,
    pub(crate) made_at: Millis,
    pub(crate) version: Version,
}

/// What becomes of what nobody confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unconfirmed {
    /// It ends.
    End,
    /// It is reported, and stays.
    Report,
}

/// Where a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Assignments can be confirmed and ended.
    Running,
    /// Its day has passed, and what nobody confirmed was dealt with.
    Over,
    /// It was called off.
    Cancelled,
}

/// Where an assignment in a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    /// Nobody has said anything.
    Open,
    /// Somebody confirmed it.
    Confirmed,
    /// Somebody ended it in the campaign.
    Ended,
    /// It ended because nobody confirmed it.
    Lapsed,
    /// Nobody confirmed it, and it stays.
    Unconfirmed,
    /// It had ended otherwise.
    Gone,
}

/// An assignment in a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) assignment: crate::ids::AssignmentId,
    pub(crate) state: ItemState,
    pub(crate) decided_by: Option<String>,
    pub(crate) decided_at: Option<Millis>,
    pub(crate) notes: Option<String>,
    pub(crate) version: Version,
}

/// Makes the words of an enum, on the wire and in the table.
macro_rules! words {
    ($name:ident, $expected:literal, $($variant:ident = $word:literal),+) => {
        impl $name {
            /// The word on the wire and in the table.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(NotAnId { expected: $expected }),
                }
            }
        }
    };
}

words!(Unconfirmed, "end or report", End = "end", Report = "report");
words!(State, "the state of a campaign", Running = "running", Over = "over", Cancelled = "cancelled");
words!(
    ItemState,
    "open, confirmed, ended, lapsed, unconfirmed or gone",
    Open = "open",
    Confirmed = "confirmed",
    Ended = "ended",
    Lapsed = "lapsed",
    Unconfirmed = "unconfirmed",
    Gone = "gone"
);
