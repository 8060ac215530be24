//! Rows of `directory_person_name`, `directory_person_key` and `directory_person_history`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::Reader;
use crate::api::{FormerName, HistoryRow, Name};
use crate::error::Error;
use crate::person::keys;

/// Adds a name and lets it be found.
pub(crate) async fn add(
    tx: &mut Tx,
    user: &UserId,
    name: &Name,
    reason: &str,
    evidence: Option<&str>,
    at: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_person_name (user_id, number, title, given, middle, family, on_card, reason, evidence, at) \
         SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM directory_person_name \
         WHERE user_id = $1",
    )
    .bind(user.as_str())
    .bind(name.title.as_deref())
    .bind(name.given.as_str())
    .bind(name.middle.as_deref())
    .bind(name.family.as_str())
    .bind(name.on_card.as_deref())
    .bind(reason)
    .bind(evidence)
    .bind(at.0)
    .execute(&mut *tx)
    .await?;
    for key in keys(name) {
        sqlx::query("INSERT INTO directory_person_key (key, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(key)
            .bind(user.as_str())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

type NameColumns =
    (Option<String>, String, Option<String>, String, Option<String>, String, Option<String>, i64);

/// The names of a person, newest first.
pub(crate) async fn of<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<FormerName>, Error> {
    let rows: Vec<NameColumns> = sqlx::query_as(
        "SELECT title, given, middle, family, on_card, reason, evidence, at FROM directory_person_name \
         WHERE user_id = $1 ORDER BY number DESC",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(title, given, middle, family, on_card, reason, evidence, at)| FormerName {
            name: Name { title, given, middle, family, on_card },
            reason,
            evidence,
            at: Millis(at),
        })
        .collect())
}

/// Gives the names of one person to another, as names of before, and lets nobody be found by the first.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    // Below the first of the other's, so that the present name stays the last.
    sqlx::query(
        "UPDATE directory_person_name SET user_id = $2, number = number - (SELECT COALESCE(MAX(n.number), 0) \
         FROM directory_person_name n WHERE n.user_id = $1) - (SELECT 1 - COALESCE(MIN(n.number), 1) \
         FROM directory_person_name n WHERE n.user_id = $2) WHERE user_id = $1",
    )
    .bind(from.as_str())
    .bind(to.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO directory_person_key (key, user_id) SELECT key, $2 FROM directory_person_key WHERE user_id = $1 \
         ON CONFLICT DO NOTHING",
    )
    .bind(from.as_str())
    .bind(to.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM directory_person_key WHERE user_id = $1")
        .bind(from.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Notes what made a version of a profile.
pub(crate) async fn note(tx: &mut Tx, user: &UserId, row: &HistoryRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_person_history (user_id, version, at, act, by_kind, by_whom, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(user.as_str())
    .bind(row.version)
    .bind(row.at.0)
    .bind(row.act.as_str())
    .bind(row.by_kind.as_str())
    .bind(row.by.as_str())
    .bind(row.details.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

type ActColumns = (i64, i64, String, String, String, String);

/// What was done to a profile before a version, newest first.
pub(crate) async fn acts<'c>(
    reader: impl Reader<'c>,
    user: &UserId,
    before: i64,
    limit: u32,
) -> Result<Vec<HistoryRow>, Error> {
    let rows: Vec<ActColumns> = sqlx::query_as(
        "SELECT version, at, act, by_kind, by_whom, details FROM directory_person_history WHERE user_id = $1 \
         AND version < $2 ORDER BY version DESC LIMIT $3",
    )
    .bind(user.as_str())
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(version, at, act, by_kind, by, details)| HistoryRow {
            version,
            at: Millis(at),
            act,
            by_kind,
            by,
            details,
        })
        .collect())
}
