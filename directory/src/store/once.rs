//! Rows of `directory_once` and `directory_once_ground`: answers that are given again for the same idempotency key.

use platform::clock::Millis;
use platform::db::Tx;

use crate::error::Error;
use crate::grounds::Ground;
use crate::once::{Answer, Once};

/// What does not read back.
const STORED_GROUNDS: &str = "directory_once_ground.grounds";

type Columns = (String, i64, String, Option<String>, Option<String>);

/// The fingerprint and the answer of what was done with a key.
pub(crate) async fn find(tx: &mut Tx, caller: &str, key: &str) -> Result<Option<(String, Answer)>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT fingerprint, status, body, location, etag FROM directory_once WHERE caller = $1 AND key = $2",
    )
    .bind(caller)
    .bind(key)
    .fetch_optional(&mut *tx)
    .await?;
    row.map(|(fingerprint, status, body, location, etag)| {
        let status = u16::try_from(status).map_err(|_| Error::Stored { what: "directory_once.status" })?;
        Ok((fingerprint, Answer { status, body, location, etag }))
    })
    .transpose()
}

/// Keeps an answer. Whoever looks for the key has the turn of the change feed, so nobody else keeps it meanwhile.
pub(crate) async fn keep(tx: &mut Tx, request: &Once, answer: &Answer, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_once (caller, key, fingerprint, status, body, location, etag, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&request.caller)
    .bind(&request.key)
    .bind(&request.fingerprint)
    .bind(i64::from(answer.status))
    .bind(&answer.body)
    .bind(&answer.location)
    .bind(&answer.etag)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Keeps what allowed an act with its answer; nothing where nothing had to.
pub(crate) async fn keep_grounds(tx: &mut Tx, request: &Once, grounds: &[Ground]) -> Result<(), Error> {
    if grounds.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(grounds).map_err(|_| Error::Stored { what: STORED_GROUNDS })?;
    sqlx::query("INSERT INTO directory_once_ground (caller, key, grounds) VALUES ($1, $2, $3)")
        .bind(&request.caller)
        .bind(&request.key)
        .bind(text)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// What allowed the act with this key.
pub(crate) async fn grounds(tx: &mut Tx, request: &Once) -> Result<Vec<Ground>, Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT grounds FROM directory_once_ground WHERE caller = $1 AND key = $2")
            .bind(&request.caller)
            .bind(&request.key)
            .fetch_optional(&mut *tx)
            .await?;
    let read =
        |(text,): (String,)| serde_json::from_str(&text).map_err(|_| Error::Stored { what: STORED_GROUNDS });
    row.map_or(Ok(Vec::new()), read)
}

/// Forgets some of the answers from before a time.
pub(crate) async fn sweep(tx: &mut Tx, before: Millis, most: i64) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM directory_once_ground WHERE (caller, key) IN \
         (SELECT caller, key FROM directory_once WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM directory_once WHERE (caller, key) IN \
         (SELECT caller, key FROM directory_once WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
