//! What can go wrong with the log.

use std::time::Duration;

use platform::db;
use platform::problem::Problem;

use crate::checkpoint::CheckpointError;
use crate::tree::EdgeBroken;

/// An event at the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database did not answer, or refused.
    #[error("the database of the audit record failed")]
    Database(#[from] db::Error),
    /// A checkpoint could not be made or believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The configuration names another log than the database holds.
    #[error(
        "the database holds the log {stored:?}, the configuration names {configured:?}: \
         put the old name back, or begin a new log epoch"
    )]
    OriginChanged {
        /// The origin in the database.
        stored: String,
        /// The origin in the configuration.
        configured: String,
    },
    /// The token holds another key than the log was begun with.
    #[error("the log {origin:?} was begun with another key: restore that key, or begin a new log epoch")]
    KeyChanged {
        /// The origin of the log.
        origin: String,
    },
    /// The stored tree does not hang together.
    #[error("the stored tree is broken: {0}")]
    TreeBroken(#[from] EdgeBroken),
    /// The stored tree is not the one that was signed.
    #[error(
        "the tree of {size} leaves has another root than the one that was signed; nothing is signed any more"
    )]
    RootChanged {
        /// The size at which they differ.
        size: u64,
    },
    /// Somebody outside has seen more of the log than the database holds.
    #[error(
        "the database holds {ours} entries, but a signed checkpoint with {seen} exists: \
         the database was restored or rolled back; give the newest checkpoint to `lanyard restore`"
    )]
    Behind {
        /// How many entries the database holds.
        ours: u64,
        /// How many somebody has seen.
        seen: u64,
    },
    /// Somebody outside holds a signed checkpoint that contradicts the stored tree.
    #[error(
        "a signed checkpoint of {size} entries with another root exists outside: the history was rewritten"
    )]
    Forked {
        /// The size at which they differ.
        size: u64,
    },
    /// The checkpoint that was given says nothing of what came after the copy was taken.
    #[error(
        "the checkpoint that was given has {seen} entries, and the copy itself has one with {ours}: it is older; \
         give the newest there is outside"
    )]
    Older {
        /// How many entries the newest checkpoint here has.
        ours: u64,
        /// How many the given one has.
        seen: u64,
    },
    /// The checkpoint that was given is of a log that another had followed before the copy was taken.
    #[error(
        "the checkpoint that was given is of the log {seen}, and the copy itself has one of {ours}, which came after it; \
         give the newest there is outside"
    )]
    EarlierLog {
        /// The log of the checkpoint that was given.
        seen: String,
        /// The newest log here that has a checkpoint.
        ours: String,
    },
    /// The sink ends with a log that the database does not know, and that is not from before its own.
    #[error(
        "the checkpoint sink ends with the log {seen}, which this database does not know; its own is {ours}, from before it: \
         the database was put back or rolled back; bring its backup in by `lanyard restore`, then run `lanyard recover`"
    )]
    LaterLog {
        /// The log that the sink ends with.
        seen: String,
        /// The newest log here.
        ours: String,
    },
    /// Another node moved the log in between; nothing was done and the work is tried again.
    #[error("another node moved the log in between")]
    Overtaken,
    /// A proof could not be computed.
    #[error("the proof could not be computed")]
    Proof(#[source] tlog_tiles::Error),
    /// The sink for checkpoints cannot be used.
    #[error("the checkpoint sink cannot be used")]
    Sink(#[source] std::io::Error),
    /// A stored value does not read.
    #[error("the stored {what} does not read")]
    Corrupt {
        /// Table and column.
        what: &'static str,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error.into(),
            Error::Overtaken => Self::unavailable(
                "audit-busy",
                "Another node is moving the audit record. Try again shortly.",
                Duration::from_secs(1),
            ),
            error => Self::internal(error),
        }
    }
}

/// An error with its causes, for the one place where it is logged.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
