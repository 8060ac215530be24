//! Every query of the signer, one file for what belongs together.
//!
//! A function that takes a transaction is called inside a job of the writer; one that takes any executor also reads from
//! the pool.

pub(crate) mod attempts;
pub(crate) mod authorisations;
pub(crate) mod certificates;
pub(crate) mod consents;
pub(crate) mod credentials;
pub(crate) mod holds;
pub(crate) mod jobs;
pub(crate) mod kept_records;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod prepared;
pub(crate) mod proofs;
pub(crate) mod raised;
pub(crate) mod requests;
pub(crate) mod signings;
pub(crate) mod time_stamps;

use std::str::FromStr;

use platform::db::{self, Tx};
use sqlx::{Any, Executor};

use crate::error::Error;

/// Either the read pool or a transaction.
pub(crate) trait Reader<'c>: Executor<'c, Database = Any> {}
impl<'c, E: Executor<'c, Database = Any>> Reader<'c> for E {}

/// What a query ends with that keeps the rows it finds as they are until its transaction ends: another process that changes one waits for that, or
/// is waited for. SQLite has one writer anyway.
fn kept_as_they_are(tx: &Tx) -> &'static str {
    if tx.backend_name() == "PostgreSQL" { " FOR SHARE" } else { "" }
}

/// Reads a stored identifier.
fn read_id<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::StoredRow { what: "identifier" })
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(db::Error::from(error))
    }
}

/// Whether the database answers.
pub(crate) async fn is_there<'c>(reader: impl Reader<'c>) -> bool {
    sqlx::query_scalar::<_, i64>("SELECT CAST(1 AS BIGINT)").fetch_one(reader).await.is_ok()
}
