//! `ca_responder`: who signs OCSP answers for an issuer.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// A responder as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredResponder {
    pub(crate) issuer: String,
    pub(crate) generation: i64,
    pub(crate) key_label: String,
    pub(crate) serial: String,
    pub(crate) certificate: Vec<u8>,
}

/// Stores a responder; `false` if another process has stored this generation.
pub(crate) async fn insert(tx: &mut Tx, responder: &StoredResponder, at: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_responder (issuer, generation, key_label, serial, certificate, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (issuer, generation) DO NOTHING",
    )
    .bind(responder.issuer.as_str())
    .bind(responder.generation)
    .bind(responder.key_label.as_str())
    .bind(responder.serial.as_str())
    .bind(responder.certificate.as_slice())
    .bind(at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest responder of an issuer.
pub(crate) async fn newest(read: &AnyPool, issuer: &str) -> Result<Option<StoredResponder>, db::Error> {
    let row = sqlx::query(
        "SELECT issuer, generation, key_label, serial, certificate FROM ca_responder \
         WHERE issuer = $1 ORDER BY generation DESC LIMIT 1",
    )
    .bind(issuer)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(read_row).transpose()
}

/// The oldest former responders of an issuer whose keys may still be in the token.
pub(crate) async fn former(
    read: &AnyPool,
    issuer: &str,
    newest: i64,
) -> Result<Vec<StoredResponder>, db::Error> {
    let rows = sqlx::query(
        "SELECT issuer, generation, key_label, serial, certificate FROM ca_responder \
         WHERE issuer = $1 AND generation < $2 AND key_destroyed_at IS NULL ORDER BY generation LIMIT 16",
    )
    .bind(issuer)
    .bind(newest)
    .fetch_all(read)
    .await?;
    rows.iter().map(read_row).collect()
}

/// Keeps that a responder's key is destroyed; `false` if that is known already.
pub(crate) async fn mark_destroyed(
    tx: &mut Tx,
    issuer: &str,
    generation: i64,
    at: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_responder SET key_destroyed_at = $1 \
         WHERE issuer = $2 AND generation = $3 AND key_destroyed_at IS NULL",
    )
    .bind(at.0)
    .bind(issuer)
    .bind(generation)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read_row(row: &AnyRow) -> Result<StoredResponder, db::Error> {
    Ok(StoredResponder {
        issuer: row.try_get("issuer")?,
        generation: row.try_get("generation")?,
        key_label: row.try_get("key_label")?,
        serial: row.try_get("serial")?,
        certificate: row.try_get("certificate")?,
    })
}
