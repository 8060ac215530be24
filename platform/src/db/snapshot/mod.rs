//! A consistent picture of every table as lines of JSON, the same on both engines, and the way back.
//!
//! The first line is a [`Header`]. Each table begins with a [`Table`] line, followed by one array for each row. The last
//! line is an [`End`] with the number of rows, so that a cut-off picture is noticed. In a row a text is a string, an
//! integer a number, a double `{"double": x}`, octets `{"base64": "…"}`, and nothing `null`.

mod catalogue;
mod export;
mod import;
mod value;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

pub use export::export;
pub use import::import;

/// The form that this program writes.
const FORMAT: u32 = 1;

/// What is not part of a picture: who holds what lease now, and the marks of commits and restores.
const TRANSIENT: [&str; 4] = ["_sqlx_migrations", "platform_lease", "platform_commit", "platform_restore"];

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    /// The migrations the database had had.
    migrations: Vec<i64>,
    taken_at: Millis,
}

/// The line before the rows of a table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: u64,
}

/// What a picture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many tables.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
    /// When the picture was taken.
    pub taken_at: Millis,
}

/// What can go wrong with a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The database did not do it.
    #[error("the database did not do it")]
    Database(#[from] super::Error),
    /// The picture could not be written or read.
    #[error("the copy could not be read or written")]
    Io(#[from] std::io::Error),
    /// A line does not read.
    #[error("line {line} of the copy does not read: {reason}")]
    Line {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The copy ends before its last line.
    #[error("the copy is cut off: its last line is missing")]
    CutOff,
    /// The copy is of another schema.
    #[error(
        "the copy was taken with migrations {copied:?}, this program has {known:?}; \
         restore with the program version that took it, then upgrade"
    )]
    OtherSchema {
        /// Those of the copy.
        copied: Vec<i64>,
        /// Those of this program.
        known: Vec<i64>,
    },
    /// The database to restore into holds rows.
    #[error("the table {table} is not empty; restore into a new, empty database")]
    NotEmpty {
        /// A table with rows.
        table: String,
    },
}

impl From<sqlx::Error> for SnapshotError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
