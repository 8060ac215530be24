//! What can go wrong in the register, and how it is said.

use std::time::Duration;

use platform::db;
use platform::problem::Problem;

use crate::version::Version;

/// Why the register did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing, or not for whoever asks.
    #[error("there is no {what} {id}")]
    Unknown {
        /// What kind of thing, as in `person`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// A member of the request is not what it may be.
    #[error("{field}: {sentence}")]
    Field {
        /// The member, as in `end`.
        field: &'static str,
        /// What is wrong and what to do.
        sentence: String,
    },
    /// What is asked for in a request cannot be.
    #[error("{member}: {sentence}")]
    Content {
        /// The member, as in `ask.patch.birth`.
        member: String,
        /// What is wrong and what to do.
        sentence: String,
    },
    /// A file that is brought in is not what it should be.
    #[error("{place}: {sentence}")]
    File {
        /// Where in it: the line, or the organisation.
        place: String,
        /// What is wrong there.
        sentence: String,
    },
    /// The state of things forbids it.
    #[error("{sentence}")]
    Conflict {
        /// A stable word for programs.
        code: &'static str,
        /// What is in the way and what to do.
        sentence: String,
    },
    /// The thing changed since the caller read it.
    #[error("the {what} is at version {present}")]
    Changed {
        /// What kind of thing.
        what: &'static str,
        /// Its version now.
        present: Version,
    },
    /// An idempotency key came again with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The caller may not.
    #[error("{sentence}")]
    NotAllowed {
        /// A stable word for programs.
        code: &'static str,
        /// Why not, and who can.
        sentence: String,
    },
    /// A setting that makes no sense.
    #[error("{sentence}")]
    Setting {
        /// What it may be.
        sentence: &'static str,
    },
    /// A stored value does not read back.
    #[error("the stored {what} does not read back")]
    Stored {
        /// Table and column, or what it should be.
        what: &'static str,
    },
    /// Running numbers of twelve digits have been used up.
    #[error("no number is left for a new {what}")]
    NumbersSpent {
        /// Of what.
        what: &'static str,
    },
    /// The system gave no random numbers.
    #[error("the system has no random numbers")]
    NoRandomness,
    /// Something that is needed takes no more for now.
    #[error("{sentence}")]
    Busy {
        /// What, and when to try again.
        sentence: &'static str,
    },
    /// The journal of reads cannot be begun.
    #[error("the journal of reads {place}: {sentence}")]
    Journal {
        /// Its folder, or the file in it.
        place: String,
        /// What is wrong and what to do.
        sentence: String,
    },
    /// A read could not be kept in the journal, so nothing is answered.
    #[error("the journal of reads did not take a read")]
    JournalUnwritten(#[source] std::io::Error),
    /// The journal of reads was not begun.
    #[error("the journal of reads was not begun")]
    JournalClosed,
    /// The database refused or failed.
    #[error("the database did not take the change")]
    Db(#[from] db::Error),
}

impl Error {
    /// A member of the request is not what it may be.
    pub fn field(field: &'static str, sentence: impl Into<String>) -> Self {
        Self::Field { field, sentence: sentence.into() }
    }

    /// The state of things forbids it.
    pub fn conflict(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::Conflict { code, sentence: sentence.into() }
    }

    /// There is no such thing.
    #[expect(clippy::needless_pass_by_value, reason = "ids are given as they are, borrowed or not")]
    pub fn unknown(what: &'static str, id: impl ToString) -> Self {
        Self::Unknown { what, id: id.to_string() }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown { what, .. } => {
                Problem::not_found("not-found", format!("There is no such {what}, or you may not see it."))
            }
            Error::Field { field, sentence } => {
                Problem::invalid("field-invalid", format!("The member {field} is refused: {sentence}"))
            }
            Error::Content { member, sentence } => Problem::unprocessable(
                "field-invalid",
                format!("The request is not handed in: its member {member} is refused: {sentence}"),
            ),
            Error::File { place, sentence } => {
                Problem::invalid("file-invalid", format!("The file is refused at {place}: {sentence}."))
            }
            Error::Conflict { code, sentence } => Problem::conflict(code, sentence),
            Error::Changed { what, present } => Problem::precondition_failed(
                "changed",
                format!(
                    "The {what} was changed since you read it, and is at version {present} now. Read it again."
                ),
            ),
            Error::KeyReused => Problem::conflict(
                "idempotency-key-reused",
                "This idempotency key came before with another request. Use a new key for a new request.",
            ),
            Error::NotAllowed { code, sentence } => Problem::forbidden(code, sentence),
            Error::Busy { sentence } => Problem::unavailable("busy", sentence, Duration::from_mins(1)),
            error @ Error::JournalUnwritten(_) => Problem::unavailable(
                "record-unavailable",
                "It could not be recorded whom this shows, so it is not answered. Try again shortly.",
                Duration::from_secs(5),
            )
            .caused_by(error),
            Error::Db(source) => source.into(),
            other => Problem::internal(other),
        }
    }
}
