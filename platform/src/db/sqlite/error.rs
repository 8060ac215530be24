//! What SQLite refuses, as an error of a database.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sqlx::Error;
use sqlx::error::{DatabaseError, ErrorKind};

/// A refusal.
#[derive(Debug)]
struct Refused {
    /// The extended result code (<https://www.sqlite.org/rescode.html>).
    code: i32,
    message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Refused {}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _FOREIGNKEY, _NOTNULL, _CHECK.
        match self.code {
            2067 | 1555 => ErrorKind::UniqueViolation,
            787 => ErrorKind::ForeignKeyViolation,
            1299 => ErrorKind::NotNullViolation,
            275 => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

/// What SQLite said, with its code where it has one.
pub(super) fn refused(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            Error::Database(Box::new(Refused { code: failure.extended_code, message }))
        }
        // What is asked cannot be asked so.
        other => Error::Configuration(other.into()),
    }
}

/// Whether a statement only needs more time: it was interrupted, or the file was held by somebody.
pub(super) fn is_in_the_way(error: &Error) -> bool {
    // SQLITE_INTERRUPT; SQLITE_BUSY, the lower octet of all its kinds, and SQLITE_LOCKED.
    let Error::Database(error) = error else { return false };
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xFF, 9 | 5 | 6))
}
