//! Rows of `directory_once` and `directory_once_ground`: answers that are given again for the same idempotency key.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::places;
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

/// Whether any of these requests was done before.
pub(crate) async fn any(tx: &mut Tx, requests: &[&Once]) -> Result<bool, Error> {
    if requests.is_empty() {
        return Ok(false);
    }
    let each: Vec<String> = (0..requests.len())
        .map(|at| format!("(caller = ${} AND key = ${})", at * 2 + 1, at * 2 + 2))
        .collect();
    let text = format!("SELECT 1 FROM directory_once WHERE {} LIMIT 1", each.join(" OR "));
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for request in requests {
        query = query.bind(request.caller.clone()).bind(request.key.clone());
    }
    Ok(query.fetch_optional(&mut *tx).await?.is_some())
}

/// Keeps answers, each with what allowed it. Whoever looks for a key has the turn of the change feed, so nobody else keeps it
/// meanwhile.
pub(crate) async fn keep(
    tx: &mut Tx,
    answers: &[(&Once, &Answer, Vec<Ground>)],
    now: Millis,
) -> Result<(), Error> {
    if answers.is_empty() {
        return Ok(());
    }
    let text = format!(
        "INSERT INTO directory_once (caller, key, fingerprint, status, body, location, etag, at) VALUES {}",
        places(answers.len(), 8)
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for (request, answer, _) in answers {
        query = query
            .bind(request.caller.clone())
            .bind(request.key.clone())
            .bind(request.fingerprint.clone())
            .bind(i64::from(answer.status))
            .bind(answer.body.clone())
            .bind(answer.location.clone())
            .bind(answer.etag.clone())
            .bind(now.0);
    }
    query.execute(&mut *tx).await?;
    keep_grounds(tx, answers).await
}

/// Keeps what allowed acts; nothing where nothing had to.
async fn keep_grounds(tx: &mut Tx, answers: &[(&Once, &Answer, Vec<Ground>)]) -> Result<(), Error> {
    let kept: Vec<_> = answers.iter().filter(|(_, _, grounds)| !grounds.is_empty()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let text =
        format!("INSERT INTO directory_once_ground (caller, key, grounds) VALUES {}", places(kept.len(), 3));
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for (request, _, grounds) in kept {
        let text = serde_json::to_string(grounds).map_err(|_| Error::Stored { what: STORED_GROUNDS })?;
        query = query.bind(request.caller.clone()).bind(request.key.clone()).bind(text);
    }
    query.execute(&mut *tx).await?;
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
