//! What is undone in a database that was put back from a copy.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// Keeps when the database was put back: what was used before that may be forgotten.
pub(crate) async fn mark(tx: &mut Tx, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_restored (only_row, restored_at) VALUES (1, $1) \
         ON CONFLICT (only_row) DO UPDATE SET restored_at = excluded.restored_at",
    )
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// When the database was last put back, if it ever was.
pub(crate) async fn last<'c>(reader: impl Reader<'c>) -> Result<Option<Millis>, Error> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT restored_at FROM authn_restored WHERE only_row = 1")
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|(at,)| Millis(at)))
}

/// Ends every grant, with its codes and tokens; says how many.
pub(crate) async fn end_grants(tx: &mut Tx, now: Millis) -> Result<u64, Error> {
    let done =
        sqlx::query("UPDATE authn_grant SET ended_at = $1, ended_by = 'restored' WHERE ended_at IS NULL")
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected())
}

/// Takes every link back that may still work; says how many.
pub(crate) async fn cancel_links(tx: &mut Tx, now: Millis) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE authn_enrolment SET cancelled_at = $1 WHERE used_at IS NULL AND cancelled_at IS NULL AND expires_at > $1",
    )
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets ceremonies, requests that wait, and requests that were pushed: they were perhaps answered.
pub(crate) async fn forget_what_is_under_way(tx: &mut Tx, now: Millis) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_ceremony").execute(&mut *tx).await?;
    sqlx::query("UPDATE authn_interaction SET state = 'answered' WHERE state = 'waiting'")
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE authn_pushed SET used_at = $1 WHERE used_at IS NULL")
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Takes every step of every app up to this one as used. RFC 6238 5.2
pub(crate) async fn spend_steps(tx: &mut Tx, step: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_authenticator SET last_step = $1 WHERE secret IS NOT NULL AND (last_step IS NULL OR last_step < $1)",
    )
    .bind(step)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
