//! `ca_acme_nonce`: nonces that were used.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// Remembers a nonce; false if it was used before.
pub(crate) async fn use_once(
    tx: &mut Tx,
    nonce: &str,
    signer: &str,
    now: Millis,
    until: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_acme_nonce (nonce, signer, used_at, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (nonce) DO NOTHING",
    )
    .bind(nonce)
    .bind(signer)
    .bind(now.0)
    .bind(until.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many requests this signer has made since.
pub(crate) async fn count_since(read: &AnyPool, signer: &str, since: Millis) -> Result<i64, db::Error> {
    let row = sqlx::query("SELECT COUNT(1) AS n FROM ca_acme_nonce WHERE signer = $1 AND used_at > $2")
        .bind(signer)
        .bind(since.0)
        .fetch_one(read)
        .await?;
    Ok(row.try_get("n")?)
}

/// Forgets nonces that are too old to be taken.
pub(crate) async fn forget(tx: &mut Tx, now: Millis) -> Result<(), db::Error> {
    sqlx::query("DELETE FROM ca_acme_nonce WHERE expires_at < $1").bind(now.0).execute(tx).await?;
    Ok(())
}
