//! Rows of `signer_certificate`.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::{CredentialId, KeyId};

/// A certificate of a credential as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct CertificateRow {
    pub(crate) serial: String,
    pub(crate) credential_id: CredentialId,
    pub(crate) key_id: KeyId,
    pub(crate) certificate: Vec<u8>,
    /// Issuing certificate first, root last; base64.
    pub(crate) chain: Vec<String>,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    /// The private-key usage period; the validity where the certificate has none.
    pub(crate) sign_from: Millis,
    pub(crate) sign_until: Millis,
    pub(crate) issued_at: Millis,
}

type Columns = (String, String, String, Vec<u8>, String, i64, i64, i64, i64, i64);

/// Stores a certificate, unless it is there.
pub(crate) async fn insert(tx: &mut Tx, row: &CertificateRow) -> Result<Inserted, Error> {
    let chain = serde_json::to_string(&row.chain).map_err(|_| Error::StoredRow { what: "chain" })?;
    let done = sqlx::query(
        "INSERT INTO signer_certificate (serial, credential_id, key_id, certificate, chain, not_before, not_after, \
         sign_from, sign_until, issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (serial) DO NOTHING",
    )
    .bind(&row.serial)
    .bind(row.credential_id.as_str())
    .bind(row.key_id.as_str())
    .bind(row.certificate.as_slice())
    .bind(chain)
    .bind(row.not_before.0)
    .bind(row.not_after.0)
    .bind(row.sign_from.0)
    .bind(row.sign_until.0)
    .bind(row.issued_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(if done.rows_affected() == 1 { Inserted::Now } else { Inserted::Before })
}

/// When a certificate's row went in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    /// By this job.
    Now,
    /// By another one, before.
    Before,
}

/// The certificate with a serial number.
pub(crate) async fn by_serial<'c>(
    reader: impl Reader<'c>,
    serial: &str,
) -> Result<Option<CertificateRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT serial, credential_id, key_id, certificate, chain, not_before, not_after, sign_from, sign_until, \
         issued_at FROM signer_certificate WHERE serial = $1",
    )
    .bind(serial)
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// A credential's certificates, newest first; at most a hundred.
pub(crate) async fn of_credential<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
) -> Result<Vec<CertificateRow>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT serial, credential_id, key_id, certificate, chain, not_before, not_after, sign_from, sign_until, \
         issued_at FROM signer_certificate WHERE credential_id = $1 ORDER BY issued_at DESC, serial LIMIT 100",
    )
    .bind(credential.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(read).collect()
}

/// How many certificates a credential has had.
pub(crate) async fn count<'c>(reader: impl Reader<'c>, credential: &CredentialId) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_certificate WHERE credential_id = $1")
            .bind(credential.as_str())
            .fetch_one(reader)
            .await?;
    Ok(count)
}

fn read(row: Columns) -> Result<CertificateRow, Error> {
    let (
        serial,
        credential_id,
        key_id,
        certificate,
        chain,
        not_before,
        not_after,
        sign_from,
        sign_until,
        issued_at,
    ) = row;
    Ok(CertificateRow {
        serial,
        credential_id: read_id(&credential_id)?,
        key_id: read_id(&key_id)?,
        certificate,
        chain: serde_json::from_str(&chain).map_err(|_| Error::StoredRow { what: "chain" })?,
        not_before: Millis(not_before),
        not_after: Millis(not_after),
        sign_from: Millis(sign_from),
        sign_until: Millis(sign_until),
        issued_at: Millis(issued_at),
    })
}
