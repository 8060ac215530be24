//! Workgroups on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A workgroup to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkgroup {
    /// Its organisation.
    pub organisation: String,
    /// The one above. Left out for the first of an organisation, which is the root; name that after the organisation.
    #[serde(default)]
    pub parent: Option<String>,
    /// What it is called.
    pub name: String,
}

/// What is to change about a workgroup; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkgroupChange {
    /// The one above: it moves there with everything below it.
    #[serde(default)]
    pub parent: Option<String>,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
}

/// A workgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workgroup {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// Its organisation.
    pub organisation: String,
    /// The one above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is called.
    pub name: String,
}

/// Which workgroups are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkgroupQuery {
    /// Of this organisation.
    pub organisation: String,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A role profile is to be put into a workgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkgroupMember {
    /// The role profile.
    pub role_profile: String,
    /// The first day; today if it is left out.
    #[serde(default)]
    pub start: Option<String>,
    /// The last day; no end if it is left out.
    #[serde(default)]
    pub end: Option<String>,
}

/// A membership is to end on another day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkgroupMemberChange {
    /// The last day; null for no end.
    pub end: Option<String>,
}

/// A role profile in a workgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkgroupMember {
    /// The id of the membership; none where a position gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How often it was written: its entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The role profile.
    pub role_profile: String,
    /// Whose it is: a user id.
    pub person: String,
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// Which members are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkgroupMemberQuery {
    /// `direct`, if it is left out, or `position`: those whom a position puts there.
    pub by: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}
