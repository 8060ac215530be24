//! What can go wrong with the database.

use std::time::Duration;

use crate::problem::Problem;

/// An event at the database. Whether the rows are there is clear in each: only [`Error::OutcomeUnknown`] leaves it
/// open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer's queue is full; nothing was written.
    #[error("too many writes are waiting")]
    Busy,
    /// The writer has stopped; nothing was written.
    #[error("the database was closed")]
    Closed,
    /// The database could not be reached or refused the whole group; nothing was written.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// What the database or the network said.
        reason: String,
    },
    /// The database could not write, because its disk is full or fails; nothing was written.
    #[error("the database could not write to its disk: {reason}")]
    NoRoom {
        /// What the database said.
        reason: String,
    },
    /// The connection was lost during COMMIT and the outcome could not be read back.
    #[error("the connection was lost during COMMIT and the outcome is not known: {reason}")]
    OutcomeUnknown {
        /// What the database or the network said.
        reason: String,
    },
    /// The job panicked; nothing of it was written.
    #[error("a database job panicked")]
    Panicked,
    /// The job ran longer than allowed; nothing of its group was written.
    #[error("a database job ran for more than {limit:?}")]
    JobTimedOut {
        /// The configured limit.
        limit: Duration,
    },
    /// A statement failed.
    #[error("a database statement failed")]
    Query(#[source] sqlx::Error),
    /// A stored value cannot be read as what it must be.
    #[error("the stored {what} cannot be read: {reason}")]
    Corrupt {
        /// Table and column.
        what: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
    /// The URL or another setting cannot be used.
    #[error("the database setting cannot be used: {reason}")]
    Setting {
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A migration that was applied before differs from the one in this program.
    #[error(
        "migration {version:04} in this program differs from the one applied to the database; \
         run the program version that applied it, or restore the database from a backup"
    )]
    MigrationChanged {
        /// Number of the migration.
        version: i64,
    },
    /// The database was migrated by a newer program.
    #[error(
        "the database has migration {version:04}, which this program does not know; \
         it was migrated by a newer version: run that version, or restore the backup that this one made before"
    )]
    MigrationUnknown {
        /// Number of the migration.
        version: i64,
    },
    /// Another process has been making the tables for too long.
    #[error(
        "another process is bringing the tables of this database to its version; try again when it has ended"
    )]
    Migrating,
    /// A migration failed half-way or could not be run.
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

impl Error {
    /// Whether a UNIQUE or PRIMARY KEY rule refused a row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Query(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// The same for another who had a part in the same job; nothing where one of them alone may be the cause.
    pub fn shared(&self) -> Option<Self> {
        match self {
            Self::Busy => Some(Self::Busy),
            Self::Closed => Some(Self::Closed),
            Self::Unavailable { reason } => Some(Self::Unavailable { reason: reason.clone() }),
            Self::NoRoom { reason } => Some(Self::NoRoom { reason: reason.clone() }),
            Self::OutcomeUnknown { reason } => Some(Self::OutcomeUnknown { reason: reason.clone() }),
            Self::JobTimedOut { limit } => Some(Self::JobTimedOut { limit: *limit }),
            _ => None,
        }
    }

    /// Whether two transactions waited for each other and this one was given up; nothing of its job was written.
    pub fn is_deadlock(&self) -> bool {
        // PostgreSQL: deadlock_detected, serialization_failure.
        self.is_code(&["40P01", "40001"])
    }

    fn is_code(&self, codes: &[&str]) -> bool {
        let Self::Query(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| codes.contains(&code.as_ref()))
    }

    /// Says that a stored value cannot be read.
    pub fn corrupt(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, reason: reason.to_string() }
    }

    pub(super) fn unavailable(error: &sqlx::Error) -> Self {
        let reason = error.to_string();
        if has_no_room(error) { Self::NoRoom { reason } } else { Self::Unavailable { reason } }
    }
}

/// Whether the disk did not take what was to be written. Neither engine has then committed anything.
pub(super) fn has_no_room(error: &sqlx::Error) -> bool {
    // SQLITE_FULL, SQLITE_IOERR_WRITE (also a quota or a limit on the size of files); PostgreSQL: disk_full.
    const CODES: [&str; 3] = ["13", "778", "53100"];
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| CODES.contains(&code.as_ref()))
}

/// Whether the database has gone away under a statement, as when it is restarted or another takes over: PostgreSQL's
/// `admin_shutdown`, `crash_shutdown` and `cannot_connect_now`.
fn is_gone(error: &sqlx::Error) -> bool {
    const CODES: [&str; 3] = ["57P01", "57P02", "57P03"];
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| CODES.contains(&code.as_ref()))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // A server that goes away in the middle of a message leaves half of one.
            sqlx::Error::PoolTimedOut
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_) => Self::unavailable(&error),
            error if has_no_room(&error) || is_gone(&error) => Self::unavailable(&error),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            other => Self::Query(other),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        const SOON: Duration = Duration::from_secs(1);
        match error {
            Error::Busy => Self::unavailable("database-busy", "The server is busy. Try again shortly.", SOON),
            Error::Closed => {
                Self::unavailable("stopping", "The server is stopping. Try again shortly.", SOON)
            }
            // PostgreSQL: lock_not_available, query_canceled by the statement's time limit; SQLITE_INTERRUPT by ours.
            error if error.is_deadlock() || error.is_code(&["55P03", "57014", "9"]) => {
                Self::unavailable("database-busy", "The server is busy. Try again shortly.", SOON)
                    .caused_by(error)
            }
            error @ Error::NoRoom { .. } => Self::unavailable(
                "database-full",
                "The disk of the database is full or cannot be written. Nothing was done. The operator must make \
                 room; then try again.",
                Duration::from_secs(30),
            )
            .caused_by(error),
            error @ Error::Unavailable { .. } => Self::unavailable(
                "database-unavailable",
                "The database cannot be reached. Try again shortly.",
                Duration::from_secs(5),
            )
            .caused_by(error),
            error @ Error::OutcomeUnknown { .. } => Self::unavailable(
                "outcome-unknown",
                "The database went away while this was stored, and it is not known whether it was. Send the same \
                 request again, with the same key: nothing is done twice.",
                Duration::from_secs(5),
            )
            .caused_by(error),
            // PostgreSQL: character_not_in_repertoire, untranslatable_character.
            error if error.is_code(&["22021", "22P05"]) => Self::invalid(
                "text-invalid",
                "A text holds a character that cannot be stored, such as U+0000.",
            )
            .caused_by(error),
            error => Self::internal(error),
        }
    }
}
