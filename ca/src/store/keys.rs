//! Which certificates a public key has had.

use platform::db::rows::{places, portions};
use platform::db::{self, Tx};
use sqlx::{Row as _, any::AnyRow};

use super::certificates::State;
use crate::serial::Serial;

/// What a key was certified for before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// One of its certificates was revoked because the key, or its authority's, was in other hands.
    pub(crate) compromised: bool,
    /// Somebody else, or something that is no person where a person asks, has a certificate of it.
    pub(crate) of_another: bool,
    /// The profiles of the same person's certificates; of whoever asks, when that is no person.
    pub(crate) own_profiles: Vec<String>,
}

/// What is known of a key when `user_id`, or something that is no person, asks for its certification.
///
/// Each statement is answered from an index, however many certificates a key has.
pub(crate) async fn history(
    tx: &mut Tx,
    spki_sha256: &[u8],
    user_id: Option<&str>,
) -> Result<History, db::Error> {
    // Nearly every key is new.
    let known = "SELECT 1 FROM ca_certificate WHERE spki_sha256 = $1 LIMIT 1";
    if sqlx::query(known).bind(spki_sha256).fetch_optional(&mut *tx).await?.is_none() {
        return Ok(History::default());
    }
    let compromised = "SELECT 1 FROM ca_certificate WHERE spki_sha256 = $1 AND reason IN (1, 2) LIMIT 1";
    let compromised = sqlx::query(compromised).bind(spki_sha256).fetch_optional(&mut *tx).await?.is_some();
    let mut history = History { compromised, of_another: false, own_profiles: Vec::new() };
    history.of_another = of_another(tx, spki_sha256, user_id).await?;
    history.own_profiles = own_profiles(tx, spki_sha256, user_id).await?;
    Ok(history)
}

/// Holds keys until the transaction ends: of two nodes that ask for one key at once, the second is to see what the first
/// wrote. SQLite has one writer anyway.
pub(crate) async fn hold(tx: &mut Tx, keys: &[&[u8]]) -> Result<(), db::Error> {
    if tx.backend_name() != "PostgreSQL" {
        return Ok(());
    }
    let mut numbers: Vec<i64> =
        keys.iter().filter_map(|key| key.first_chunk().copied()).map(i64::from_be_bytes).collect();
    // In one order, so that two groups do not wait for each other.
    numbers.sort_unstable();
    for portion in portions(&numbers) {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT count(held) FROM (SELECT pg_advisory_xact_lock(key)::text AS held FROM (VALUES {}) AS asked (key)) AS all_held",
            places(portion.len(), 1)
        )));
        for number in portion {
            query = query.bind(*number);
        }
        query.fetch_one(&mut *tx).await?;
    }
    Ok(())
}

/// Holds the key of a certificate in the same way, where it is known.
pub(crate) async fn hold_of(tx: &mut Tx, serial: &Serial) -> Result<(), db::Error> {
    let row = sqlx::query("SELECT spki_sha256 FROM ca_certificate WHERE serial = $1")
        .bind(serial.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    let key = row.map(|row| row.try_get::<Option<Vec<u8>>, _>("spki_sha256")).transpose()?.flatten();
    match key {
        Some(key) => hold(tx, &[key.as_slice()]).await,
        None => Ok(()),
    }
}

/// A serial for which nothing was signed counts for nobody; what was taken in from outside names nobody.
const COUNTS: &str = "state <> 'dropped' AND profile <> 'taken-in'";

async fn of_another(tx: &mut Tx, spki_sha256: &[u8], user_id: Option<&str>) -> Result<bool, db::Error> {
    let clauses: &[&str] = match user_id {
        Some(_) => &["user_id < $2", "user_id > $2", "user_id IS NULL AND $2 = $2"],
        None => &["user_id IS NOT NULL AND $2 = $2"],
    };
    for clause in clauses {
        let statement =
            format!("SELECT 1 FROM ca_certificate WHERE spki_sha256 = $1 AND {clause} AND {COUNTS} LIMIT 1");
        let query = sqlx::query(sqlx::AssertSqlSafe(statement));
        let found =
            query.bind(spki_sha256).bind(user_id.unwrap_or_default()).fetch_optional(&mut *tx).await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn own_profiles(
    tx: &mut Tx,
    spki_sha256: &[u8],
    user_id: Option<&str>,
) -> Result<Vec<String>, db::Error> {
    let whose = if user_id.is_some() { "user_id = $2" } else { "user_id IS NULL AND $2 = $2" };
    // One profile is enough to know of: a key serves one. An abandoned serial does not use a key up.
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT profile FROM ca_certificate WHERE spki_sha256 = $1 AND {whose} AND {COUNTS} AND state <> $3 \
         ORDER BY profile LIMIT 20"
    )))
    .bind(spki_sha256)
    .bind(user_id.unwrap_or_default())
    .bind(State::Abandoned.as_str())
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row: &AnyRow| Ok(row.try_get("profile")?)).collect()
}
