//! Campaigns of recertification on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use crate::campaign::{ItemState as CampaignItemState, State as CampaignState, Unconfirmed};

/// A campaign to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    /// The organisation; those below it are in it too.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// The last day on which an assignment can be confirmed.
    pub by: String,
    /// What becomes of what nobody confirms.
    pub unconfirmed: Unconfirmed,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// The organisation; those below it are in it too.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// The last day on which an assignment can be confirmed.
    pub by: String,
    /// What becomes of what nobody confirms.
    pub unconfirmed: Unconfirmed,
    /// Where it is.
    pub state: CampaignState,
    /// Who started it.
    pub made_by: String,
    /// When, in milliseconds since 1970.
    pub made_at: i64,
    /// How many assignments are in each state; only where one campaign is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<CampaignProgress>,
}

/// How many assignments of a campaign are in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignProgress {
    /// The state.
    pub state: CampaignItemState,
    /// How many.
    pub assignments: u64,
}

/// Which campaigns are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CampaignQuery {
    /// Of this organisation and those below it; of those above it too that one has something to confirm in.
    pub organisation: String,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which assignments of a campaign are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CampaignItemQuery {
    /// In this state; all if it is left out.
    pub state: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out. A page may hold fewer and still have a next one.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// What is said at a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignNotes {
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
}

/// An assignment in a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignItem {
    /// The assignment.
    pub assignment: String,
    /// How often it was written in the campaign: its entity tag.
    pub version: i64,
    /// Where it is in the campaign.
    pub state: CampaignItemState,
    /// Whose it is: a user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The organisation of the position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<i64>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}
