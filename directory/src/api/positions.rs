//! Positions on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::given;
use crate::authority::Rank;

/// Who approved something, and how. Whoever writes it down names somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// How it was approved, as in "minutes of the RA board of 3 November".
    pub how: String,
    /// Who approved it: a user id or a name of an office.
    pub approver: String,
}

/// What a position gives in one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessProfile {
    /// Its id. Leave it out for a new one; a role profile id is for one person and one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The organisation, below the same host as the position's.
    pub organisation: String,
    /// The job role with its groups, as in `S0080:G0450:R5080`.
    pub job_role: String,
    /// Areas of work, as in `P0010:Q0020:T0030`.
    #[serde(default)]
    pub areas: Vec<String>,
    /// Activities beside those of the job role, as in `B0264`.
    #[serde(default)]
    pub activities: Vec<String>,
    /// Ids of workgroups that the holders are in.
    #[serde(default)]
    pub workgroups: Vec<String>,
}

/// A position to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPosition {
    /// The organisation it belongs to.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
    /// What it gives: one at least, or included positions.
    #[serde(default)]
    pub access_profiles: Vec<AccessProfile>,
    /// Positions whose access it gives too.
    #[serde(default)]
    pub included: Vec<String>,
    /// Who approved it.
    pub approval: Approval,
}

/// What is to change about a position; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionChange {
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// What is worth knowing; null takes it away.
    #[serde(default, deserialize_with = "given")]
    pub notes: Option<Option<String>>,
    /// Everything it is to give. One with its id stays, with its organisation and job role; those left out go.
    #[serde(default)]
    pub access_profiles: Option<Vec<AccessProfile>>,
    /// Every position it is to include.
    #[serde(default)]
    pub included: Option<Vec<String>>,
    /// Who approved the change.
    pub approval: Approval,
}

/// The positions that the holders of a sponsor's position may assign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignable {
    /// Their ids: all of them.
    pub positions: Vec<String>,
    /// Who approved it.
    pub approval: Approval,
}

/// What becomes of live assignments when their position is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LiveAssignments {
    /// There must be none.
    #[default]
    MustHaveEnded,
    /// They end with it.
    End,
}

/// How a position is closed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosePosition {
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approver: String,
    /// The word CLOSE, typed.
    pub word: String,
    /// What becomes of live assignments.
    #[serde(default)]
    pub assignments: LiveAssignments,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// The organisation it belongs to.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// What is worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// `open` or `closed`.
    pub state: String,
    /// The highest rank in the registration authority that it gives, with what it includes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// What it gives.
    pub access_profiles: Vec<AccessProfile>,
    /// Positions whose access it gives too.
    pub included: Vec<String>,
    /// Positions that its holders may assign.
    pub assignable: Vec<String>,
    /// How it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedPosition>,
}

/// How a position was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosedPosition {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approver: String,
}

/// A position in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionSummary {
    /// Its id.
    pub id: String,
    /// The organisation it belongs to.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// `open` or `closed`.
    pub state: String,
    /// The highest rank in the registration authority that it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
}

/// Which positions are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PositionQuery {
    /// Of this organisation.
    pub organisation: String,
    /// `yes`: of the organisations below it too.
    pub below: Option<String>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// What the name begins with.
    pub name: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Something that was done to a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionPast {
    /// The version that it made.
    pub version: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// `created`, `changed`, `assignable-set` or `closed`.
    pub act: String,
    /// Who did it: a user id or a client id.
    pub by: String,
    /// Who approved it, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}
