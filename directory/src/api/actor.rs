//! Who acts, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PositionSummary;
use crate::authority::{Assurance, Rank};

/// Who the caller is in the registration authority now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActingAs {
    /// The user id; left out for a system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// How sure the sign-in was.
    pub assurance: Assurance,
    /// The roles that count now: all live ones, or the one that was chosen.
    pub roles: Vec<ActingRole>,
}

/// A role that counts now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActingRole {
    /// The role profile, to be chosen by `NHSD-Session-URID`; left out for a system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_profile: Option<String>,
    /// The organisation it is for; those below it are within its reach. Left out where it reaches everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Its rank.
    pub rank: Rank,
    /// The positions that it assigns without anybody's approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignable: Vec<PositionSummary>,
}
