//! What assignments write into the audit record.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An act on an assignment. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum AssignmentEvent {
    /// Somebody was put into a position.
    #[serde(rename = "position-assigned")]
    Assigned {
        /// The assignment.
        assignment: String,
        /// The person.
        user: String,
        /// The position.
        position: String,
        /// Its organisation.
        organisation: String,
        /// The first day.
        start: String,
        /// The last day.
        end: Option<String>,
        /// How it came about.
        via: String,
        /// The request that was approved.
        request: Option<String>,
    },
    /// The end of an assignment was changed.
    #[serde(rename = "assignment-redated")]
    Redated {
        /// The assignment.
        assignment: String,
        /// The person.
        user: String,
        /// The position.
        position: String,
        /// The last day before.
        before: Option<String>,
        /// The last day now.
        end: Option<String>,
        /// The request that was approved.
        request: Option<String>,
    },
    /// The notes of an assignment were changed.
    AssignmentNoted {
        /// The assignment.
        assignment: String,
        /// The person.
        user: String,
        /// The position.
        position: String,
    },
    /// Somebody who has a position was given the ids for life of what it came to give since they got it.
    RoleProfilesMinted {
        /// The person.
        user: String,
        /// The new role profiles.
        role_profiles: Vec<String>,
        /// The new ids of the person in organisations.
        organisation_people: Vec<String>,
    },
    /// An assignment was taken away.
    AssignmentRemoved {
        /// The assignment.
        assignment: String,
        /// The person.
        user: String,
        /// The position.
        position: String,
        /// Why.
        cause: Cause,
        /// The request that was approved.
        request: Option<String>,
    },
    /// Somebody leaves.
    PersonLeaves {
        /// The leaving.
        leaving: String,
        /// The person.
        user: String,
        /// From where; from everywhere if there is none.
        organisation: Option<String>,
        /// The last day.
        last_day: String,
        /// How many assignments end with it.
        assignments: u64,
    },
    /// A leaving was taken back before its last day had passed.
    LeavingWithdrawn {
        /// The leaving.
        leaving: String,
        /// The person.
        user: String,
        /// From where; from everywhere if there is none.
        organisation: Option<String>,
    },
    /// Assignments ended because their last day had passed, and that was told.
    AssignmentsExpired {
        /// The assignments.
        assignments: Vec<String>,
    },
}

/// Why an assignment was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody took it away.
    TakenAway,
    /// Its position was closed.
    PositionClosed,
    /// The person left.
    Left,
    /// Nobody confirmed it in a campaign, or somebody ended it there.
    Campaign,
    /// Two records were one person, and another assignment of theirs to the same position stays.
    Merged,
}

impl audit::Event for AssignmentEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "position-assigned",
            Self::Redated { .. } => "assignment-redated",
            Self::AssignmentNoted { .. } => "assignment-noted",
            Self::RoleProfilesMinted { .. } => "role-profiles-minted",
            Self::AssignmentRemoved { .. } => "assignment-removed",
            Self::PersonLeaves { .. } => "person-leaves",
            Self::LeavingWithdrawn { .. } => "leaving-withdrawn",
            Self::AssignmentsExpired { .. } => "assignments-expired",
        }
    }
}
