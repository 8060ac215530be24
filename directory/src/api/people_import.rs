//! The import of people on the wire.

use platform::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words!(
    /// What is done with a file that has bad rows.
    ImportMode, "a mode of import" {
        /// Nothing of it, if one row is bad.
        All = "all",
        /// The good rows.
        Good = "good",
    }
);

words!(
    /// What became of a row.
    RowOutcome, "an outcome" {
        /// A profile was made.
        Created = "created",
        /// The profile of an earlier import was changed.
        Changed = "changed",
        /// It was here already.
        Unchanged = "unchanged",
        /// It was refused.
        Refused = "refused",
        /// It was good, and was not done because another row was bad.
        LeftOut = "left-out",
    }
);

words!(
    /// Whether an import is done or only tried.
    Trial, "yes or no" {
        /// Only tried: nothing is kept.
        Yes = "yes",
        /// Done.
        No = "no",
    }
);

/// How to import.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// The name of the register or list that the external ids are of: small letters, digits and hyphens.
    pub source: String,
    /// What is done if rows are bad; `all` if it is left out.
    pub mode: Option<ImportMode>,
    /// `yes` to be told what would happen.
    pub dry_run: Option<Trial>,
}

/// A row of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRow {
    /// The line in the file; the heading is line 1.
    pub line: u64,
    /// Its external id, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What became of it.
    pub outcome: RowOutcome,
    /// Whose profile it is; in a trial nobody's new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// Why it was refused, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Whether it was only tried.
    pub dry_run: Trial,
    /// Profiles that were made.
    pub created: u64,
    /// Profiles that were changed.
    pub changed: u64,
    /// Rows that were here already.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Good rows that were not done.
    pub left_out: u64,
    /// The rows, in the order of the file.
    pub rows: Vec<ImportRow>,
}
