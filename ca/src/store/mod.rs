//! All SQL of the authority.
//!
//! Functions that take a `Tx` run inside a job of the one writer; those that take the pool only read.

pub(crate) mod acme;
pub(crate) mod cards;
pub(crate) mod ceremonies;
pub(crate) mod certificates;
pub(crate) mod enrol_secrets;
pub(crate) mod expiries;
pub(crate) mod generations;
pub(crate) mod issuers;
pub(crate) mod keys;
pub(crate) mod leavers;
pub(crate) mod lists;
pub(crate) mod profiles;
pub(crate) mod renewals;
pub(crate) mod reports;
pub(crate) mod requests;
pub(crate) mod responders;
pub(crate) mod scopes;
pub(crate) mod search;
pub(crate) mod standings;
pub(crate) mod transactions;

use platform::clock::Millis;
use platform::db::{self, Tx};

use crate::api::Reason;

/// The lock that gives changes of shared counts one order on all processes: "ca-turn" in ASCII.
const TURN: i64 = i64::from_be_bytes(*b"\0ca-turn");

/// Waits until no other process changes counts that many jobs share: those of scopes, and those of days on which
/// certificates end. It ends with the transaction.
///
/// One transaction has the jobs of many requests, which hold the rows of scopes and days in whatever order they come. Two
/// processes that each held a row which the other wants would wait until the database ends one of them, for a second and
/// more. Whoever takes the turn before the first such row waits in line instead. SQLite has one writer anyway.
async fn take_turn(tx: &mut Tx) -> Result<(), db::Error> {
    if tx.backend_name() != "PostgreSQL" {
        return Ok(());
    }
    let held = "SELECT count(held) FROM (SELECT pg_advisory_xact_lock($1)::text AS held) AS turn";
    sqlx::query(held).bind(TURN).fetch_one(tx).await?;
    Ok(())
}

/// Reads a stored reason code.
fn reason(code: Option<i64>) -> Result<Option<Reason>, db::Error> {
    let Some(code) = code else { return Ok(None) };
    let known = u8::try_from(code).ok().and_then(Reason::from_code);
    known.map(Some).ok_or_else(|| db::Error::corrupt("ca_certificate.reason", format!("code {code}")))
}

fn millis(at: Option<i64>) -> Option<Millis> {
    at.map(Millis)
}
