//! Every query of sign-in, one file for what belongs together.
//!
//! A function that takes a transaction is called inside a job of the writer; one that takes any executor also reads from
//! the pool.

#[cfg(test)]
mod at_once;
pub(crate) mod authenticators;
pub(crate) mod ceremonies;
pub(crate) mod client_keys;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod dpop;
pub(crate) mod enrolments;
pub(crate) mod grants;
pub(crate) mod interactions;
pub(crate) mod logouts;
pub(crate) mod persons;
pub(crate) mod reports;
pub(crate) mod restored;
pub(crate) mod sandbox;
pub(crate) mod sessions;
pub(crate) mod sweeping;
pub(crate) mod throttles;
pub(crate) mod tickets;
pub(crate) mod token_keys;
pub(crate) mod tokens;

use std::str::FromStr;

use platform::db;
use sqlx::{Any, Executor};

use crate::error::Error;

/// Either the read pool or a transaction.
pub(crate) trait Reader<'c>: Executor<'c, Database = Any> {}
impl<'c, E: Executor<'c, Database = Any>> Reader<'c> for E {}

/// Reads a stored identifier or word.
pub(crate) fn read<T: FromStr>(what: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Stored { what })
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(db::Error::from(error))
    }
}
