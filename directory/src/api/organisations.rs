//! Organisations on the wire.

use platform::id::OdsCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::day::Day;
use crate::version::Version;

words! {
    /// Where an organisation comes from.
    OrganisationKind, "national or virtual" {
        /// The national register of organisations; its imports say what it is.
        National = "national",
        /// This register; an operator made it, such as FFFFF for locums.
        Virtual = "virtual",
    }
}

words! {
    /// Whether something is in use.
    OrganisationStatus, "active or inactive" {
        /// It is.
        Active = "active",
        /// It is not, or no longer.
        Inactive = "inactive",
    }
}

words! {
    /// The record class of the Organisation Data Service.
    RecordClass, "organisation or site" {
        /// RC1: an organisation.
        Organisation = "organisation",
        /// RC2: a site of one.
        Site = "site",
    }
}

words! {
    /// How much of an organisation the national register keeps.
    RecordUse, "full or reference-only" {
        /// Everything.
        Full = "full",
        /// A skeleton, so that others can refer to it.
        ReferenceOnly = "reference-only",
    }
}

words! {
    /// What a role is among the roles of its organisation.
    RoleWeight, "primary or other" {
        /// The one that says what the organisation is.
        Primary = "primary",
        /// One beside it.
        Other = "other",
    }
}

words! {
    /// Which way a succession goes.
    SuccessionKind, "predecessor or successor" {
        /// The target was there before.
        Predecessor = "predecessor",
        /// The target comes after.
        Successor = "successor",
    }
}

/// From a day to a day, both included. Either may be unknown or not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

impl Period {
    /// Whether it has no day at all.
    pub fn is_empty(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether a day lies in it.
    pub fn contains(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether it ends before it begins.
    pub fn is_backward(&self) -> bool {
        matches!((self.from, self.to), (Some(from), Some(to)) if to < from)
    }
}

/// The two periods that the national register keeps of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Dates {
    /// In law.
    #[serde(default, skip_serializing_if = "Period::is_empty")]
    pub legal: Period,
    /// In practice.
    #[serde(default, skip_serializing_if = "Period::is_empty")]
    pub operational: Period,
}

/// A role of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationRole {
    /// The id of this instance of the role.
    pub instance: String,
    /// The role, such as `RO182` for a pharmacy.
    pub role: String,
    /// Whether it is the primary one.
    pub weight: RoleWeight,
    /// Whether it is in use.
    pub status: OrganisationStatus,
    /// From when to when.
    #[serde(flatten)]
    pub dates: Dates,
}

/// A relationship of an organisation to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationRelationship {
    /// The id of this instance of the relationship.
    pub instance: String,
    /// Which, such as `RE6` for: is operated by.
    pub relationship: String,
    /// The other organisation.
    pub target: OdsCode,
    /// The primary role of the other organisation, as the relationship states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role: Option<String>,
    /// Whether it is in force.
    pub status: OrganisationStatus,
    /// From when to when.
    #[serde(flatten)]
    pub dates: Dates,
}

/// Which organisation came before, or comes after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Succession {
    /// The id of this instance of the succession.
    pub instance: String,
    /// Which way.
    pub kind: SuccessionKind,
    /// The other organisation.
    pub target: OdsCode,
    /// The primary role of the other organisation, as the succession states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role: Option<String>,
    /// Since when in law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_day: Option<Day>,
    /// Since when in practice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operational_day: Option<Day>,
}

/// Where an organisation is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganisationAddress {
    /// The lines before the town, at most five.
    pub lines: Vec<String>,
    /// The town.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub town: Option<String>,
    /// The county.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub county: Option<String>,
    /// The postcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The unique property reference number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uprn: Option<String>,
}

/// How an organisation is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationContact {
    /// In which way: `tel`, `fax`, `mail`, `http`.
    pub kind: String,
    /// The number or address.
    pub value: String,
}

/// What is kept of an organisation in the national model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationRecord {
    /// The code.
    pub ods: OdsCode,
    /// The name.
    pub name: String,
    /// The record class.
    pub record_class: RecordClass,
    /// How much of it is kept.
    pub record_use: RecordUse,
    /// Whether it is open.
    pub status: OrganisationStatus,
    /// When the national register changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Day>,
    /// From when to when it is open.
    #[serde(flatten)]
    pub dates: Dates,
    /// Where it is.
    pub address: OrganisationAddress,
    /// How it is reached.
    pub contacts: Vec<OrganisationContact>,
    /// What it is: exactly one of them is primary.
    pub roles: Vec<OrganisationRole>,
    /// To whom it stands how.
    pub relationships: Vec<OrganisationRelationship>,
    /// Whom it follows, and who follows it.
    pub successions: Vec<Succession>,
}

impl OrganisationRecord {
    /// The primary role.
    pub fn primary_role(&self) -> &str {
        let primary = self.roles.iter().find(|role| role.weight == RoleWeight::Primary);
        primary.map_or("", |role| &role.role)
    }
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organisation {
    /// Where it comes from.
    pub kind: OrganisationKind,
    /// Whose registration authority acts for it, beside its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ra_host: Option<OdsCode>,
    /// Which organisations it follows, whichever side says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<OdsCode>,
    /// Which organisations took its place, whichever side says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successors: Vec<OdsCode>,
    /// What is kept of it.
    #[serde(flatten)]
    pub record: OrganisationRecord,
    /// How often it was written.
    pub version: Version,
}

/// An organisation in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationSummary {
    /// The code.
    pub ods: OdsCode,
    /// The name.
    pub name: String,
    /// Where it comes from.
    pub kind: OrganisationKind,
    /// Whether it is open.
    pub status: OrganisationStatus,
    /// What it is.
    pub primary_role: String,
    /// The town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub town: Option<String>,
    /// The postcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// Whose registration authority acts for it, beside its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ra_host: Option<OdsCode>,
}

/// A part of a list of organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organisations {
    /// The organisations.
    pub items: Vec<OrganisationSummary>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which organisations are looked for; what is given must all hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrganisationQuery {
    /// How the name begins. Capitals, punctuation and blanks do not count.
    pub name: Option<String>,
    /// The code; blanks and small letters are taken as meant.
    pub code: Option<String>,
    /// A role that it has now, such as `RO182`.
    pub role: Option<String>,
    /// `active` or `inactive`.
    pub status: Option<OrganisationStatus>,
    /// How the postcode begins. Capitals and blanks do not count.
    pub postcode: Option<String>,
    /// The code of the organisation that hosts its registration authority.
    pub ra_host: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the part before.
    pub after: Option<String>,
}

/// Which children of an organisation are looked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChildrenQuery {
    /// Children by this relationship, such as `RE6`; if it is left out, those whose registration authority is hosted.
    pub relationship: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the part before.
    pub after: Option<String>,
}

/// A virtual organisation to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    /// Its code, which no national organisation has; blanks and small letters are taken as meant.
    pub ods: String,
    /// Its name.
    pub name: String,
    /// What it is, such as `RO182`.
    pub primary_role: String,
    /// The first day; today if it is left out.
    #[serde(default)]
    pub from: Option<Day>,
    /// Where it is.
    #[serde(default)]
    pub address: OrganisationAddress,
    /// How it is reached; at most ten.
    #[serde(default)]
    pub contacts: Vec<OrganisationContact>,
    /// Whose registration authority acts for it.
    #[serde(default)]
    pub ra_host: Option<String>,
}

/// What is to change of a virtual organisation; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganisationChange {
    /// Its name.
    pub name: Option<String>,
    /// Where it is.
    pub address: Option<OrganisationAddress>,
    /// How it is reached; at most ten, in place of those before.
    pub contacts: Option<Vec<OrganisationContact>>,
}

/// A virtual organisation is closed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseOrganisation {
    /// Why.
    pub reason: String,
}

/// Who hosts the registration authority of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaHost {
    /// The code of the host; `null` for nobody: then only its own registration authority acts for it.
    pub host: Option<String>,
}
