//! Requests on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::NewEvidence;
pub use crate::request::{Ask, ContactChange};

/// Something is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// What.
    pub ask: Ask,
    /// `submitted`, if it is left out, or `draft`, to be handed in later.
    #[serde(default)]
    pub state: NewRequestState,
    /// What is worth knowing for whoever decides.
    #[serde(default)]
    pub notes: Option<String>,
}

/// Whether a new request is handed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewRequestState {
    /// At once.
    #[default]
    Submitted,
    /// Later.
    Draft,
}

/// A draft as it is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestDraft {
    /// What is asked for.
    pub ask: Ask,
    /// What is worth knowing for whoever decides.
    #[serde(default)]
    pub notes: Option<String>,
}

/// What is said at a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestStepNotes {
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
}

/// A request is approved, or what was approved is tried again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestApproval {
    /// What is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
    /// The documents that whoever approves has checked, where the request asks for something that documents show: they count in
    /// place of those that came with it.
    #[serde(default)]
    pub evidence: Vec<NewEvidence>,
    /// The `present_version` that whoever approves has seen; that of the opening if it is left out. What is another version by then is
    /// not changed (409 `target-changed`).
    #[serde(default)]
    pub present_version: Option<i64>,
}

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Why, for whoever asked.
    pub reason: String,
    /// What else is worth knowing.
    #[serde(default)]
    pub notes: Option<String>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// `draft`, `submitted`, `locked`, `approved`, `rejected`, `withdrawn`, `expired`, `applied` or `failed`.
    pub state: String,
    /// What is asked for: what it is to be like afterwards.
    pub ask: Ask,
    /// What it was like when the request was handed in: of a profile the details that are to change, of numbers the mask; to those who
    /// see them in the profile.
    #[schema(value_type = Object)]
    pub before: serde_json::Value,
    /// What it is like now, as `before` says what it was like; only where one request is read or opened that can be decided or tried
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub present: Option<serde_json::Value>,
    /// The version of the assignment or profile that `present` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present_version: Option<i64>,
    /// Who asked: a user id or a client id.
    pub requester: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The position it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// When it was handed in, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<i64>,
    /// Until when it can be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<RequestLock>,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RequestDecision>,
    /// The latest steps, in the order in which they were taken; only where one request is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<RequestStep>,
    /// Where to read the steps before these: give it as `after`. Left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Who holds a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestLock {
    /// The user id.
    pub by: String,
    /// Until when, in milliseconds since 1970.
    pub until: i64,
}

/// How a request was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestDecision {
    /// By whom.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Why it was rejected, or why what was approved could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestStep {
    /// The version that it made.
    pub version: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What: `drafted`, `changed`, `submitted`, `opened`, `let-go`, `approved`, `rejected`, `withdrawn`, `applied`,
    /// `failed`, `retried` or `expired`.
    pub step: String,
    /// Who.
    pub actor: String,
    /// In which role profile, where one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_profile: Option<String>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// Which requests are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// `open`, if it is left out: those that one may decide; `closed`: those that could be and were; `mine`: one's own.
    pub view: Option<String>,
    /// Of those that are over, the ones to which something was done in so many days: 1 to 3650, 30 if it is left out.
    pub days: Option<u32>,
    /// How many at most: 1 to 500, 50 if it is left out. A page may hold fewer and still have a next one.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}
