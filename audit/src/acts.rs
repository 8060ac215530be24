//! The acts of the record itself that are recorded.

use serde::Serialize;
use utoipa::ToSchema;

/// What the audit record writes about itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "act")]
pub enum Event {
    /// A log begins. It is always the first entry, so that whoever reads on knows what came before.
    LogBegan {
        /// The name of this log.
        origin: String,
        /// Why it began.
        reason: Reason,
        /// The log before it, and the gap between them.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<PreviousLog>,
    },
    /// Entries were erased under retention. Their leaves stay, so the tree can still be verified.
    EntriesErased {
        /// The module whose entries they were.
        of_module: String,
        /// Entries recorded before this moment, in milliseconds since 1970.
        recorded_before: i64,
        /// How many were erased in this step.
        count: u64,
        /// The log in which the first of them stood.
        first_log_epoch: u64,
        /// The lowest position erased in that log.
        first_position: u64,
        /// The log in which the last of them stood.
        last_log_epoch: u64,
        /// The highest position erased in that log.
        last_position: u64,
    },
}

impl crate::Event for Event {
    const MODULE: &'static str = "audit";

    fn name(&self) -> &'static str {
        match self {
            Self::LogBegan { .. } => "log-began",
            Self::EntriesErased { .. } => "entries-erased",
        }
    }
}

/// Why a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is the first.
    First,
    /// The database was restored from a copy.
    Restored,
    /// The log got a new key.
    KeyChanged,
}

/// The log before a new one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviousLog {
    /// Its name.
    pub origin: String,
    /// How many entries of it the database holds.
    pub stored_size: u64,
    /// The newest checkpoint of it that was seen outside; entries from `stored_size` to its size are lost here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_outside: Option<SeenOutside>,
}

/// A checkpoint that somebody outside held.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeenOutside {
    /// The log it is of.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root in base64.
    pub root: String,
}
