//! Every query of sign-in, one file for what belongs together.
//!
//! A function that takes a transaction is called inside a job of the writer; one that takes any executor also reads from
//! the pool.

#[cfg(test)]
mod at_once;
pub(crate) mod authenticators;
pub(crate) mod behind;
pub(crate) mod card_watches;
pub(crate) mod ceremonies;
pub(crate) mod client_keys;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod crowd;
pub(crate) mod dpop;
pub(crate) mod enrolments;
#[cfg(test)]
mod given;
pub(crate) mod grants;
pub(crate) mod hearing;
pub(crate) mod interactions;
pub(crate) mod logouts;
pub(crate) mod persons;
pub(crate) mod places;
pub(crate) mod policies;
pub(crate) mod reports;
pub(crate) mod restored;
pub(crate) mod sandbox;
pub(crate) mod sessions;
pub(crate) mod suspensions;
pub(crate) mod sweeping;
pub(crate) mod throttles;
pub(crate) mod tickets;
pub(crate) mod token_keys;
pub(crate) mod tokens;

use std::collections::BTreeMap;
use std::str::FromStr;

use platform::db::rows::list;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Executor, Row as _};

use crate::error::Error;

/// Either the read pool or a transaction.
pub(crate) trait Reader<'c>: Executor<'c, Database = Any> {}
impl<'c, E: Executor<'c, Database = Any>> Reader<'c> for E {}

/// Keys for the places `$1, $2` of one statement, and those places. Keys are repeated to one of few numbers, so that the database keeps what it
/// has prepared.
fn keys<'k>(wanted: impl Iterator<Item = &'k str>) -> (Vec<&'k str>, String) {
    let mut keys: Vec<&str> = wanted.collect();
    if let Some(last) = keys.last().copied() {
        keys.resize(keys.len().next_power_of_two(), last);
    }
    let places = list(1, keys.len());
    (keys, places)
}

/// The rows that a statement finds whose column is one of these keys, by the key, which each row has under this name.
async fn rows_by(
    tx: &mut Tx,
    (find, column, name): (&str, &str, &str),
    wanted: impl Iterator<Item = &str>,
) -> Result<BTreeMap<String, AnyRow>, Error> {
    let (keys, places) = keys(wanted);
    let mut query = sqlx::query(AssertSqlSafe(format!("{find} WHERE {column} IN ({places})")));
    for key in keys {
        query = query.bind(key.to_owned());
    }
    let mut by_key = BTreeMap::new();
    for row in query.fetch_all(&mut *tx).await? {
        by_key.insert(row.try_get(name)?, row);
    }
    Ok(by_key)
}

/// Reads a stored identifier or word.
pub(crate) fn read<T: FromStr>(what: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Stored { what })
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(db::Error::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    platform::both_engines! {
        /// What is looked for in tables that grow with every sign-in is looked for in an index that has no more rows than it needs.
        async fn narrow_indexes_are_used(db: platform::db::Db) {
            if db.engine() != platform::db::Engine::Sqlite {
                return;
            }
            for (text, index) in [
                ("SELECT client_id FROM authn_grant WHERE sid = $1 AND ended_at IS NULL", "authn_grant_sid"),
                ("SELECT kind FROM authn_token WHERE grant_id = $2 AND follows = $1 AND used_at IS NULL", "authn_token_follows"),
                (
                    "SELECT session_id FROM authn_session WHERE authenticator = $1 AND ended_at IS NULL",
                    "authn_session_open_authenticator",
                ),
            ] {
                let plan = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
                let plan = plan.bind("a").bind("b").fetch_all(db.read()).await.unwrap();
                assert!(plan.iter().any(|(_, _, _, step)| step.contains(index)), "{text}: {plan:?}");
            }
        }
    }
}
