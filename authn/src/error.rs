//! What can go wrong in sign-in, and how it is said.

use platform::db;
use platform::problem::{Kind, Problem};

/// Why sign-in did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing, or not for whoever asks.
    #[error("there is no {what} {id}")]
    Unknown {
        /// What kind of thing, as in `client`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// A member of the request is not what it may be.
    #[error("{field}: {sentence}")]
    Field {
        /// The member, as in `redirect_uris`.
        field: &'static str,
        /// What is wrong and what to do.
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
    /// Another module did not answer as it should.
    #[error("another module did not answer")]
    Module(#[source] Problem),
    /// The thing changed since the caller read it.
    #[error("the client changed since it was read")]
    ClientChanged,
    /// The HTTP client could not be made.
    #[error("what calls relying parties could not be made")]
    Caller(#[source] reqwest::Error),
    /// The anchors could not be read.
    #[error("the anchors could not be read")]
    Anchors(#[from] platform::tls::Error),
    /// Somebody would grant what they do not have themselves.
    #[error("who registers a client does not have the act {act}")]
    ActNotHeld {
        /// The act.
        act: String,
    },
    /// The token did not do its part.
    #[error("the token did not do its part")]
    Hsm(#[from] hsm::Error),
    /// The thing changed since the caller read it.
    #[error("the {what} is at version {present}")]
    Changed {
        /// What kind of thing.
        what: &'static str,
        /// Its version now.
        present: i64,
    },
    /// No thread was free to hash a password.
    #[error("too many passwords are being checked")]
    Busy,
    /// Passwords cannot be hashed as the settings say.
    #[error("passwords cannot be hashed: {reason}")]
    Hashing {
        /// Why.
        reason: String,
    },
    /// A file that the settings name cannot be read.
    #[error("{what}: the file {path} cannot be read")]
    File {
        /// The setting.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A value of ours does not become JSON, or not again what it was.
    #[error("a value does not read back from JSON")]
    Json(#[source] serde_json::Error),
    /// The library for keys did not do its part.
    #[error("a ceremony could not be begun")]
    Ceremony(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sandbox stands beside authorities that are not a demonstration's.
    #[error(
        "[authn.sandbox] is refused: the authority {authority} does not say in its name that it is a demonstration's. In a sandbox \
         nobody proves who they are. Take the section out, or hold a ceremony with purpose = \"demonstration\" in another installation"
    )]
    SandboxRefused {
        /// Which authority.
        authority: String,
    },
    /// The system gave no random numbers.
    #[error("the system has no random numbers")]
    NoRandomness,
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

    /// A value of ours does not become JSON, or not again what it was.
    pub(crate) fn json(source: serde_json::Error) -> Self {
        Self::Json(source)
    }

    /// The library for keys did not do its part.
    pub(crate) fn webauthn(source: webauthn_rs::prelude::WebauthnError) -> Self {
        Self::Ceremony(source.into())
    }

    /// There is no such thing.
    #[expect(clippy::needless_pass_by_value, reason = "ids are given as they are, borrowed or not")]
    pub fn unknown(what: &'static str, id: impl ToString) -> Self {
        Self::Unknown { what, id: id.to_string() }
    }
}

impl Error {
    /// Whether it passes by itself, so that another try makes sense.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Hsm(source) => source.retry_after().is_some(),
            Self::Db(source) => matches!(
                source,
                db::Error::Busy
                    | db::Error::Closed
                    | db::Error::Unavailable { .. }
                    | db::Error::NoRoom { .. }
                    | db::Error::OutcomeUnknown { .. }
                    | db::Error::JobTimedOut { .. }
            ),
            Self::Module(problem) => {
                matches!(problem.kind, Kind::Unavailable | Kind::TimedOut | Kind::TooMany)
            }
            _ => false,
        }
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
            Error::Conflict { code, sentence } => Problem::conflict(code, sentence),
            Error::Changed { what, present } => Problem::precondition_failed(
                "changed",
                format!(
                    "The {what} was changed since you read it, and is at version {present} now. Read it again."
                ),
            ),
            Error::Busy => Problem::unavailable(
                "passwords-busy",
                "Many passwords are being checked at the moment. Try again.",
                std::time::Duration::from_secs(1),
            ),
            Error::Module(problem) => problem,
            refused @ Error::SandboxRefused { .. } => {
                Problem::forbidden("sandbox-refused", refused.to_string())
            }
            Error::ActNotHeld { act } => Problem::forbidden(
                "act-not-held",
                format!("The registration grants {act}, which you do not have yourself. Ask the operator."),
            ),
            Error::ClientChanged => Problem::precondition_failed(
                "changed",
                "The client was changed since you read it. Read it again, and give its new hash.",
            ),
            Error::Hsm(source) => token(source),
            Error::Db(source) => source.into(),
            other => Problem::internal(other),
        }
    }
}

/// A token that is busy or away is worth another try; anything else is ours to look at.
fn token(source: hsm::Error) -> Problem {
    match source.retry_after() {
        Some(wait) => {
            Problem::unavailable("token-unavailable", "The key store is not available. Try again.", wait)
                .caused_by(source)
        }
        None => Problem::internal(source),
    }
}
