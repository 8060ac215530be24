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

/// Something that is done with cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CardAct {
    /// Issue it, and what belongs to its stock.
    Issue,
    /// Write damaged content again.
    Repair,
    /// Wipe it for reuse, or destroy it.
    Clear,
    /// End it, or put it on hold.
    Cancel,
    /// Unlock it.
    Unlock,
    /// Renew it in its window before the end.
    Renew,
    /// Renew it after its end.
    RenewExpired,
}

impl CardAct {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Repair => "repair",
            Self::Clear => "clear",
            Self::Cancel => "cancel",
            Self::Unlock => "unlock",
            Self::Renew => "renew",
            Self::RenewExpired => "renew-expired",
        }
    }
}

/// Who would do what with a card: of a person, or of an organisation's stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardPermissionQuery {
    /// What would be done.
    pub act: CardAct,
    /// The user id of who would do it.
    pub by: String,
    /// The user id of the card's holder.
    pub person: Option<String>,
    /// Where nobody holds it: the organisation in whose stock it is.
    pub organisation: Option<String>,
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
