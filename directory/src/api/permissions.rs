//! Questions about permission on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Who would do something to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PermissionQuery {
    /// The user id of who would do it.
    pub by: String,
    /// The user id of the person it would be done to.
    pub person: String,
    /// How sure their sign-in was: `aal2` or `aal3`; worth nothing if it is left out.
    pub assurance: Option<String>,
    /// The role profile in which they act; every live role counts if it is left out.
    pub role_profile: Option<String>,
}

/// Who would read which report, of where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportPermissionQuery {
    /// `smartcards`, `authenticators` or `logins`.
    pub report: String,
    /// The organisation, by its ODS code.
    pub organisation: String,
    /// The user id of who would read it; left out for a system that may read all.
    pub by: Option<String>,
    /// How sure their sign-in was: `aal2` or `aal3`; worth nothing if it is left out.
    pub assurance: Option<String>,
    /// The role profile in which they act; every live role counts if it is left out.
    pub role_profile: Option<String>,
}

/// A report may be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPermission {
    /// The organisation as its code is written.
    pub organisation: String,
}

/// Which people of an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleThereQuery {
    /// `yes`, if it is left out: those of the organisations below it too; `no`: of it alone.
    pub below: Option<String>,
    /// From this user id on.
    pub from: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
}

/// Somebody who holds something in an organisation, or a card or a robot of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonThere {
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
}

/// People of an organisation, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeopleThere {
    /// These.
    pub items: Vec<PersonThere>,
    /// The user id to read on from; left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
