//! What is recorded of questions over LDAP.

use serde::Serialize;
use utoipa::ToSchema;

/// A question over LDAP that concerns people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LdapEvent {
    /// Entries of people were answered. What was asked for is not written here: it may hold names.
    PeopleShown {
        /// The name below which was searched.
        base: String,
        /// How far: `base`, `onelevel`, `subtree` or `children`; `compare` where one value was asked about.
        scope: String,
        /// How many entries.
        entries: i64,
    },
}

impl audit::Event for LdapEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::PeopleShown { .. } => "people-shown",
        }
    }
}
