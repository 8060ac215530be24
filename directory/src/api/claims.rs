//! What relying parties are told of a person, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IdentityLevel, Name, PersonRole, Registration};

/// A person as sign-in tells relying parties of them, with the names of everything that is told by a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonClaims {
    /// The user id.
    pub person: String,
    /// Their name.
    pub name: Name,
    /// How sure it is who they are.
    pub assurance: IdentityLevel,
    /// The e-mail address that they showed to be theirs, the first of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Professional registrations.
    pub registrations: Vec<Registration>,
    /// The roles that they can use today.
    pub roles: Vec<NamedRole>,
}

/// A role with its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedRole {
    /// The role.
    #[serde(flatten)]
    pub role: PersonRole,
    /// The name of its organisation.
    pub org_name: String,
    /// The names of category, group and job role, each in double quotes, joined by colons.
    pub role_name: String,
    /// The names of the activities, in the order of their codes.
    pub activities: Vec<String>,
    /// The names of the areas of work, in the order of their codes.
    pub aow: Vec<String>,
    /// The names of the workgroups, in the order of their codes.
    pub workgroups: Vec<String>,
}
