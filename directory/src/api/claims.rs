//! What relying parties are told of a person, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{IdentityLevel, Name, PersonRole, Registration};

/// What is asked of a person beside name and identity level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimsPart {
    /// The e-mail address.
    Email,
    /// Professional registrations.
    Registrations,
    /// The roles of today.
    Roles,
}

impl ClaimsPart {
    /// Each.
    pub const ALL: [Self; 3] = [Self::Email, Self::Registrations, Self::Roles];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Registrations => "registrations",
            Self::Roles => "roles",
        }
    }
}

/// Which parts are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClaimsQuery {
    /// `email`, `registrations` and `roles`, joined by commas; all of them if it is left out. What is not asked for is empty.
    pub parts: Option<String>,
}

impl ClaimsQuery {
    /// The parts; none where a word is not one.
    pub fn read(&self) -> Option<Vec<ClaimsPart>> {
        let Some(parts) = &self.parts else { return Some(ClaimsPart::ALL.to_vec()) };
        let words = parts.split(',').filter(|word| !word.is_empty());
        words.map(|word| ClaimsPart::ALL.into_iter().find(|part| part.word() == word)).collect()
    }
}

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
