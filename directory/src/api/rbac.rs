//! National role-based access control on the wire.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rbac::{ActivityCode, AreaCode, JobRoleCode};

/// A release of the national role-based access control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    /// Its running number here; the highest is in force.
    pub number: u64,
    /// Its name, such as `27.2`.
    pub name: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// When it was brought in, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub imported_at: Millis,
    /// How many job roles it has.
    pub job_roles: u64,
    /// How many areas of work.
    pub areas: u64,
    /// How many activities.
    pub activities: u64,
    /// How many inclusions of one activity in another.
    pub inclusions: u64,
    /// How many rows of baselines.
    pub baselines: u64,
}

/// The releases, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Releases {
    /// The releases.
    pub items: Vec<Release>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which codes are looked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CodeQuery {
    /// The number of a release; the one in force if it is left out.
    pub release: Option<u64>,
    /// A part of the name. Capitals do not count.
    pub name: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the part before.
    pub after: Option<String>,
}

/// A job role or an area of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CodeItem {
    /// The code, such as `R8000`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The code below its group and category, such as `S8000:G8000:R8000`, if those are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The name of its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The name of its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// A part of the job roles or areas of work, by code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Codes {
    /// The number of the release.
    pub release: u64,
    /// The codes.
    pub items: Vec<CodeItem>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityItem {
    /// The code, such as `B0825`.
    pub code: ActivityCode,
    /// Its name.
    pub name: String,
    /// The activities that it includes itself.
    pub includes: Vec<ActivityCode>,
}

/// A part of the activities, by code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activities {
    /// The number of the release.
    pub release: u64,
    /// The activities.
    pub items: Vec<ActivityItem>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A role profile whose rights are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectiveRequest {
    /// The job role, as `R8000` or as `S8000:G8000:R8000`.
    pub job_role: JobRoleCode,
    /// The areas of work; at most 100.
    #[serde(default)]
    pub areas: Vec<AreaCode>,
    /// The activities that are added to the baseline; at most 500.
    #[serde(default)]
    pub activities: Vec<ActivityCode>,
    /// The restriction sets that apply, such as that of a product; at most 100.
    #[serde(default)]
    pub restriction_sets: Vec<String>,
    /// The number of a release; the one in force if it is left out.
    #[serde(default)]
    pub release: Option<u64>,
}

/// Why somebody may do an activity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// It belongs to the baseline of the job role.
    Baseline {
        /// The name of the release.
        release: String,
        /// In this area of work; in all if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        area: Option<AreaCode>,
        /// Under this restriction set; under none if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restriction_set: Option<String>,
    },
    /// It was added to the baseline.
    Added,
    /// Another activity includes it.
    Included {
        /// The way: the first includes it, the next includes the first, and the last belongs to the baseline or was added.
        by: Vec<ActivityCode>,
    },
}

/// An activity that somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveRight {
    /// The code.
    pub activity: ActivityCode,
    /// Its name.
    pub name: String,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// The rights of a role profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveRights {
    /// The number of the release.
    pub release: u64,
    /// The activities, by code.
    pub rights: Vec<EffectiveRight>,
    /// Codes of the role profile that the release does not have; they give nothing.
    pub unknown: Vec<String>,
}

/// With which release one is compared.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferenceQuery {
    /// The number of the other release; the one before if it is left out, and 0 for an empty one.
    pub from: Option<u64>,
}

/// A code whose name changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenamedCode {
    /// The code.
    pub code: String,
    /// The name before.
    pub before: String,
    /// The name now.
    pub now: String,
}

/// What came and what went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    /// New ones.
    pub came: Vec<String>,
    /// Those that are there no longer.
    pub gone: Vec<String>,
    /// Those with another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<RenamedCode>,
}

impl Shift {
    /// Whether nothing came, went or changed its name.
    pub fn is_empty(&self) -> bool {
        self.came.is_empty() && self.gone.is_empty() && self.renamed.is_empty()
    }
}

/// How a baseline of a job role changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaselineDifference {
    /// The job role.
    pub job_role: JobRoleCode,
    /// The area of work; all if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaCode>,
    /// The restriction set; none if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction_set: Option<String>,
    /// Activities that it gives now.
    pub gained: Vec<ActivityCode>,
    /// Activities that it gives no longer.
    pub lost: Vec<ActivityCode>,
}

/// How one release differs from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The number of the release it is compared with.
    pub from: u64,
    /// The number of the release.
    pub to: u64,
    /// Job roles.
    pub job_roles: Shift,
    /// Areas of work.
    pub areas: Shift,
    /// Activities.
    pub activities: Shift,
    /// Inclusions, each as `B0825 includes B0820`.
    pub inclusions: Shift,
    /// The baselines that changed.
    pub baselines: Vec<BaselineDifference>,
    /// How many access profiles open positions give.
    pub profiles: u64,
    /// How many of them gain rights.
    pub profiles_gaining: u64,
    /// How many of them lose rights.
    pub profiles_losing: u64,
    /// How many positions gain or lose rights, by themselves or by what they include.
    pub positions_affected: u64,
    /// How many people hold one of those today.
    pub people_affected: u64,
    /// The first hundred of those positions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<String>,
}
