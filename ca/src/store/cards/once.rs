//! `ca_card_once`: answers that are given again for the same idempotency key.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::Row as _;

use crate::cards::{Answer, Once};

/// The fingerprint and the answer of what was done with a key.
pub(crate) async fn find(tx: &mut Tx, once: &Once) -> Result<Option<(String, Answer)>, db::Error> {
    let row = sqlx::query(
        "SELECT fingerprint, status, body, etag, location FROM ca_card_once WHERE caller = $1 AND key = $2",
    )
    .bind(once.caller.as_str())
    .bind(once.key.as_str())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let status: i64 = row.try_get("status")?;
    let status = u16::try_from(status).map_err(|_| db::Error::corrupt("ca_card_once.status", status))?;
    let answer = Answer {
        status,
        body: row.try_get("body")?,
        etag: row.try_get("etag")?,
        location: row.try_get("location")?,
    };
    Ok(Some((row.try_get("fingerprint")?, answer)))
}

/// Keeps an answer; false if another node has kept one for the same key meanwhile, whose act then stands.
pub(crate) async fn keep(tx: &mut Tx, once: &Once, answer: &Answer, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_card_once (caller, key, fingerprint, status, body, etag, location, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (caller, key) DO NOTHING",
    )
    .bind(once.caller.as_str())
    .bind(once.key.as_str())
    .bind(once.fingerprint.as_str())
    .bind(i64::from(answer.status))
    .bind(answer.body.as_str())
    .bind(answer.etag.as_deref())
    .bind(answer.location.as_deref())
    .bind(now.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets some of the answers from before a time.
pub(crate) async fn sweep(tx: &mut Tx, before: Millis, most: i64) -> Result<(), db::Error> {
    sqlx::query(
        "DELETE FROM ca_card_once WHERE (caller, key) IN \
         (SELECT caller, key FROM ca_card_once WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(tx)
    .await?;
    Ok(())
}
