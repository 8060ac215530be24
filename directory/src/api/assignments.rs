//! Assignments, roles and leavings on the wire.

use platform::problem::Body;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::given;
pub use crate::assignment::{Mode, Via};

/// Somebody is to be put into a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssignment {
    /// The user id.
    pub person: String,
    /// The id of the position.
    pub position: String,
    /// The first day, `YYYY-MM-DD`; today if it is left out. It cannot be changed afterwards.
    #[serde(default)]
    pub start: Option<String>,
    /// The last day; no end if it is left out.
    #[serde(default)]
    pub end: Option<String>,
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
}

/// What is to change about an assignment; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignmentChange {
    /// The last day; null for no end.
    #[serde(default, deserialize_with = "given")]
    pub end: Option<Option<String>>,
    /// What is worth knowing; null takes it away.
    #[serde(default, deserialize_with = "given")]
    pub notes: Option<Option<String>>,
}

/// Why an assignment is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// What is worth knowing about it.
    pub notes: String,
}

/// A person in a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// The user id.
    pub person: String,
    /// The position.
    pub position: String,
    /// The organisation of the position.
    pub organisation: String,
    /// The first day.
    pub start: String,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// `to-come`, `live`, `ended` or `removed`, as of today.
    pub state: String,
    /// What is worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// How it came about.
    pub via: Via,
    /// Who made it: a user id or a client id.
    pub made_by: String,
    /// When, in milliseconds since 1970.
    pub made_at: i64,
    /// How it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
}

/// How an assignment was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// By whom: a user id or a client id.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// Which assignments are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AssignmentQuery {
    /// `live`, those to come among them, if it is left out; `all` for those that ended or were taken away too.
    pub state: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Up to a hundred people are to be put into one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchAssign {
    /// The user ids.
    pub people: Vec<String>,
    /// The first day for all of them; today if it is left out.
    #[serde(default)]
    pub start: Option<String>,
    /// The last day for all of them; no end if it is left out.
    #[serde(default)]
    pub end: Option<String>,
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
    /// What becomes of the good rows where others are bad.
    #[serde(default)]
    pub mode: Mode,
}

/// An assignment in a list: by its id, or as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Meant {
    /// Its id; whatever its version is.
    Id(String),
    /// Its id and the version that is meant.
    AsRead(MeantVersion),
}

impl Meant {
    /// Its id, as it stands there.
    pub fn assignment(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::AsRead(meant) => &meant.assignment,
        }
    }
}

/// An assignment as it was read: if it was changed since, it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeantVersion {
    /// Its id.
    pub assignment: String,
    /// The version of the last read.
    pub version: i64,
}

/// Up to a hundred assignments of one position are to end on another day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRedate {
    /// Which, each by its id or with the version that is meant.
    pub assignments: Vec<Meant>,
    /// The last day for all of them; null for no end.
    pub end: Option<String>,
    /// What becomes of the good rows where others are bad.
    #[serde(default)]
    pub mode: Mode,
}

/// Up to a hundred assignments of one position are to be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRemove {
    /// Which, each by its id or with the version that is meant.
    pub assignments: Vec<Meant>,
    /// What is worth knowing about it.
    pub notes: String,
    /// What becomes of the good rows where others are bad.
    #[serde(default)]
    pub mode: Mode,
}

/// Several assignments of one person in one act: some are taken away, some get another end, some are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeveralAssignments {
    /// New ones.
    #[serde(default)]
    pub assign: Vec<SeveralAssign>,
    /// Those that get another end.
    #[serde(default)]
    pub redate: Vec<SeveralRedate>,
    /// Those that are taken away, each by its id or with the version that is meant.
    #[serde(default)]
    pub remove: Vec<Meant>,
    /// What is worth knowing about those taken away.
    #[serde(default)]
    pub notes: Option<String>,
    /// What becomes of the good rows where others are bad.
    #[serde(default)]
    pub mode: Mode,
}

/// A new assignment among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeveralAssign {
    /// The id of the position.
    pub position: String,
    /// The first day; today if it is left out.
    #[serde(default)]
    pub start: Option<String>,
    /// The last day; no end if it is left out.
    #[serde(default)]
    pub end: Option<String>,
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
}

/// An assignment among several that gets another end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeveralRedate {
    /// Its id.
    pub assignment: String,
    /// The version of the last read: if it was changed since, it is refused. Left out for whatever it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The last day; null for no end.
    pub end: Option<String>,
}

/// What was done, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// Where nothing was done, what every problem says.
    #[serde(flatten)]
    pub problem: Option<Body>,
    /// The assignments as they are now.
    pub done: Vec<Assignment>,
    /// What could not be done. If nothing was to be done unless everything can be, nothing was.
    pub refused: Vec<RefusedRow>,
}

/// A row that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedRow {
    /// Which list it stood in: `people`, `assignments`, `assign`, `redate` or `remove`.
    pub list: String,
    /// Its place in the list, from 0.
    pub place: u64,
    /// What stood there: a user id, or the id of a position or an assignment.
    pub what: String,
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

/// A role of a person, as relying parties get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonRole {
    /// The person in the organisation: twelve digits for life.
    pub person_orgid: String,
    /// The role profile: twelve digits for life.
    pub person_roleid: String,
    /// The organisation.
    pub org_code: String,
    /// The job role with its groups.
    pub role_code: String,
    /// Activities that were added to those of the job role.
    pub added_activity_codes: Vec<String>,
    /// Every activity that it comes to.
    pub activity_codes: Vec<String>,
    /// Areas of work.
    pub aow_codes: Vec<String>,
    /// Workgroups, by position and directly.
    pub workgroups_codes: Vec<String>,
    /// The position that gives it.
    pub position: String,
    /// The last day on which it can be used, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The roles that a person can use today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonRoles {
    /// The user id.
    pub person: String,
    /// The roles.
    pub roles: Vec<PersonRole>,
}

/// Somebody leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLeaving {
    /// From where; from everywhere if it is left out.
    #[serde(default)]
    pub organisation: Option<String>,
    /// The last day. One that has passed ends everything at once.
    pub day: String,
    /// Why.
    pub reason: String,
}

/// Somebody's leaving, with how far those are who follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leaving {
    /// Its id.
    pub id: String,
    /// The user id.
    pub person: String,
    /// From where; from everywhere if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The last day.
    pub day: String,
    /// Why.
    pub reason: String,
    /// When it was said, in milliseconds since 1970.
    pub at: i64,
    /// The number of the change feed from which on it is told; left out before the last day has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<u64>,
    /// What becomes of the profile if nothing is held anywhere after the last day: `closed` or `open`.
    pub afterwards: String,
    /// When it was taken back, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<i64>,
    /// Those who follow the feed, by name; at most a hundred, and `/directory/consumers` has all. Nobody of a leaving that was
    /// taken back.
    pub consumers: Vec<LeavingConsumer>,
}

/// How far one who follows the feed is with a leaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeavingConsumer {
    /// Its name.
    pub name: String,
    /// `waiting` for the last day, `behind` or `applied`.
    pub state: String,
}

/// The leavings of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leavings {
    /// Latest first.
    pub leavings: Vec<Leaving>,
    /// Where to read on: give it as `after`. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
