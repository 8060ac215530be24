//! What is recorded of questions over LDAP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question over LDAP that concerns people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LdapEvent {
    /// Entries of people were answered or counted, or asked about. What was asked for is not written here: it may hold names.
    PeopleShown {
        /// The name below which was searched.
        base: String,
        /// How far: `base`, `onelevel`, `subtree` or `children`; `compare` for one value, `assertion` for what was asserted of the base.
        scope: String,
        /// How many entries, with those that were said to be gone; none where somebody was asked about and nothing was found.
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
