//! `ca_generation`, `ca_generation_line` and `ca_cross_certificate`: keys that follow others.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// A generation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredGeneration {
    pub(crate) issuer: String,
    pub(crate) key_label: String,
    pub(crate) algorithm: String,
    /// Its name in DER.
    pub(crate) subject: Vec<u8>,
    pub(crate) signs_from: Millis,
    pub(crate) request: Option<Vec<u8>>,
    pub(crate) certified_at: Option<Millis>,
}

/// A cross-certificate as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredCross {
    pub(crate) subject: String,
    pub(crate) signer: String,
    pub(crate) serial: String,
    pub(crate) certificate: Vec<u8>,
}

/// Writes down a generation that is about to be made; `false` if one with this id was begun before.
pub(crate) async fn begin(tx: &mut Tx, generation: &StoredGeneration, at: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_generation (issuer, key_label, algorithm, subject, signs_from, begun_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (issuer) DO NOTHING",
    )
    .bind(generation.issuer.as_str())
    .bind(generation.key_label.as_str())
    .bind(generation.algorithm.as_str())
    .bind(generation.subject.as_slice())
    .bind(generation.signs_from.0)
    .bind(at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the request of its key; `false` if there is one.
pub(crate) async fn keep_request(tx: &mut Tx, issuer: &str, request: &[u8]) -> Result<bool, db::Error> {
    let done = sqlx::query("UPDATE ca_generation SET request = $1 WHERE issuer = $2 AND request IS NULL")
        .bind(request)
        .bind(issuer)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// It has its certificate now; `false` if it had one before.
pub(crate) async fn mark_certified(tx: &mut Tx, issuer: &str, at: Millis) -> Result<bool, db::Error> {
    let done =
        sqlx::query("UPDATE ca_generation SET certified_at = $1 WHERE issuer = $2 AND certified_at IS NULL")
            .bind(at.0)
            .bind(issuer)
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn all(read: &AnyPool) -> Result<Vec<StoredGeneration>, db::Error> {
    let rows = sqlx::query(
        "SELECT issuer, key_label, algorithm, subject, signs_from, request, certified_at FROM ca_generation \
         ORDER BY issuer",
    )
    .fetch_all(read)
    .await?;
    rows.iter().map(generation).collect()
}

fn generation(row: &AnyRow) -> Result<StoredGeneration, db::Error> {
    Ok(StoredGeneration {
        issuer: row.try_get("issuer")?,
        key_label: row.try_get("key_label")?,
        algorithm: row.try_get("algorithm")?,
        subject: row.try_get("subject")?,
        signs_from: Millis(row.try_get("signs_from")?),
        request: row.try_get("request")?,
        certified_at: super::millis(row.try_get("certified_at")?),
    })
}

/// Stores a cross-certificate; `false` if there is one for these two.
pub(crate) async fn insert_cross(tx: &mut Tx, cross: &StoredCross, at: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_cross_certificate (subject, signer, serial, certificate, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, signer) DO NOTHING",
    )
    .bind(cross.subject.as_str())
    .bind(cross.signer.as_str())
    .bind(cross.serial.as_str())
    .bind(cross.certificate.as_slice())
    .bind(at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn crosses(read: &AnyPool) -> Result<Vec<StoredCross>, db::Error> {
    let rows = sqlx::query(
        "SELECT subject, signer, serial, certificate FROM ca_cross_certificate ORDER BY created_at, serial",
    )
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredCross {
                subject: row.try_get("subject")?,
                signer: row.try_get("signer")?,
                serial: row.try_get("serial")?,
                certificate: row.try_get("certificate")?,
            })
        })
        .collect()
}

pub(crate) async fn add_line(tx: &mut Tx, issuer: &str, at: Millis, line: &str) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_generation_line (issuer, number, at, line) VALUES ($1, \
         (SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) FROM ca_generation_line WHERE issuer = $1), $2, $3)",
    )
    .bind(issuer)
    .bind(at.0)
    .bind(line)
    .execute(tx)
    .await?;
    Ok(())
}

const LINES: &str = "SELECT at, line FROM ca_generation_line WHERE issuer = $1 ORDER BY number";

pub(crate) async fn lines(read: &AnyPool, issuer: &str) -> Result<Vec<(Millis, String)>, db::Error> {
    read_lines(&sqlx::query(LINES).bind(issuer).fetch_all(read).await?)
}

/// The same inside a job, where it sees what the job has written.
pub(crate) async fn lines_in(tx: &mut Tx, issuer: &str) -> Result<Vec<(Millis, String)>, db::Error> {
    read_lines(&sqlx::query(LINES).bind(issuer).fetch_all(tx).await?)
}

fn read_lines(rows: &[AnyRow]) -> Result<Vec<(Millis, String)>, db::Error> {
    rows.iter().map(|row| Ok((Millis(row.try_get("at")?), row.try_get("line")?))).collect()
}
