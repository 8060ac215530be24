//! What campaigns write into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

/// An act of a campaign. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum CampaignEvent {
    /// A campaign was started.
    CampaignStarted {
        /// The campaign.
        campaign: String,
        /// The organisation; those below it are in it too.
        organisation: String,
        /// The last day.
        by: String,
        /// What becomes of what nobody confirms.
        unconfirmed: String,
        /// How many assignments are in it.
        assignments: u64,
    },
    /// Somebody confirmed an assignment.
    AssignmentConfirmed {
        /// The campaign.
        campaign: String,
        /// The assignment.
        assignment: String,
        /// Whose it is.
        user: String,
    },
    /// A campaign was called off.
    CampaignCancelled {
        /// The campaign.
        campaign: String,
    },
    /// The day of a campaign has passed, and everything in it was dealt with.
    CampaignOver {
        /// The campaign.
        campaign: String,
        /// How many assignments somebody confirmed.
        confirmed: u64,
        /// How many somebody ended.
        ended: u64,
        /// How many ended because nobody confirmed them.
        lapsed: u64,
        /// How many nobody confirmed, and they stay.
        unconfirmed: u64,
        /// How many had ended otherwise.
        gone: u64,
    },
}

impl audit::Event for CampaignEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::CampaignStarted { .. } => "campaign-started",
            Self::AssignmentConfirmed { .. } => "assignment-confirmed",
            Self::CampaignCancelled { .. } => "campaign-cancelled",
            Self::CampaignOver { .. } => "campaign-over",
        }
    }
}
