//! `ca_issuer`: who signs.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

use super::scopes;

/// An issuer as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredIssuer {
    pub(crate) id: String,
    pub(crate) key_label: String,
    pub(crate) serial: String,
    pub(crate) certificate: Vec<u8>,
}

pub(crate) async fn insert(tx: &mut Tx, issuer: &StoredIssuer, at: Millis) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_issuer (id, key_label, serial, certificate, created_at, crl_number, changes) \
         VALUES ($1, $2, $3, $4, $5, 0, 0)",
    )
    .bind(issuer.id.as_str())
    .bind(issuer.key_label.as_str())
    .bind(issuer.serial.as_str())
    .bind(issuer.certificate.as_slice())
    .bind(at.0)
    .execute(&mut *tx)
    .await?;
    // One list for all its certificates, until the configuration wishes shards.
    scopes::insert(tx, &issuer.id, 0, "").await?;
    Ok(())
}

pub(crate) async fn all(read: &AnyPool) -> Result<Vec<StoredIssuer>, db::Error> {
    let rows = sqlx::query("SELECT id, key_label, serial, certificate FROM ca_issuer ORDER BY id")
        .fetch_all(read)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredIssuer {
                id: row.try_get("id")?,
                key_label: row.try_get("key_label")?,
                serial: row.try_get("serial")?,
                certificate: row.try_get("certificate")?,
            })
        })
        .collect()
}

/// The ids of those whose own certificate is revoked.
pub(crate) async fn revoked(read: &AnyPool) -> Result<Vec<String>, db::Error> {
    let rows = sqlx::query(
        "SELECT ca_issuer.id FROM ca_issuer JOIN ca_certificate ON ca_certificate.serial = ca_issuer.serial \
         WHERE ca_certificate.revoked_at IS NOT NULL ORDER BY ca_issuer.id",
    )
    .fetch_all(read)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}
