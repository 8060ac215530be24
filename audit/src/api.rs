//! Wire types of the audit record, and the act that reading needs.

use platform::caller::Act;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Reading entries, salts and proofs: the auditor's right.
pub const READ: Act = Act("audit:read");

/// How many entries one answer holds at most, and by default.
pub const MOST_ENTRIES: u32 = 1_000;
const SOME_ENTRIES: u32 = 100;

/// Which entries are asked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// The position behind which to begin; absent for the beginning.
    pub after: Option<u64>,
    /// How many at most, up to 1000.
    #[serde(default = "some_entries")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: u32,
    /// Which log; absent for the current one.
    pub log_epoch: Option<u64>,
}

fn some_entries() -> u32 {
    SOME_ENTRIES
}

/// A piece of the log, opened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Entries {
    /// Which log, counted from 1.
    pub log_epoch: u64,
    /// The name of the log.
    pub origin: String,
    /// How many leaves the newest signed checkpoint covers; no later entry is listed.
    pub size: u64,
    /// The entries in order. A position that is left out has been erased under retention.
    pub entries: Vec<Entry>,
    /// What to give as `after` for the next piece; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One entry with all that opens its leaf: SHA-256 of salt and canonical record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The position in the log, from 0.
    pub position: u64,
    /// The salt in base64.
    pub salt: String,
    /// The record; its RFC 8785 spelling is what the leaf commits to.
    #[schema(value_type = Object)]
    pub record: serde_json::Value,
}

/// Which events of a moment are asked for.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MomentQuery {
    /// Of which module.
    pub module: String,
    /// With which name.
    pub name: String,
}

/// What was recorded at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Moment {
    /// The entries, in the order of their ids.
    pub entries: Vec<Entry>,
}

/// That an event is in the signed tree. RFC 6962 2.1.1.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InclusionProof {
    /// Which log, counted from 1.
    pub log_epoch: u64,
    /// The name of the log.
    pub origin: String,
    /// The position of the event, from 0.
    pub position: u64,
    /// The commitment that is the leaf, in base64.
    pub commitment: String,
    /// The size of the signed tree.
    pub size: u64,
    /// The audit path in base64, from the leaf up.
    pub path: Vec<String>,
    /// The signed checkpoint that the path leads to.
    pub checkpoint: String,
}

/// One log of this installation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogInfo {
    /// Counted from 1; the highest is the current one.
    pub log_epoch: u64,
    /// The name of the log.
    pub origin: String,
    /// The verifier key, `NAME+HASH+KEY`. Whoever verifies must have it from elsewhere; here it is for comparing.
    pub verifier_key: String,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// The address of its checkpoint and tiles on this server.
    pub prefix: String,
}
