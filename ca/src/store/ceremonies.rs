//! `ca_ceremony` and its transcript.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// The one ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredCeremony {
    pub(crate) spec_sha256: String,
    pub(crate) finished_at: Option<Millis>,
}

pub(crate) async fn current(read: &AnyPool) -> Result<Option<StoredCeremony>, db::Error> {
    let row = sqlx::query("SELECT spec_sha256, finished_at FROM ca_ceremony WHERE id = 'hierarchy'")
        .fetch_optional(read)
        .await?;
    row.map(|row| {
        Ok(StoredCeremony {
            spec_sha256: row.try_get("spec_sha256")?,
            finished_at: super::millis(row.try_get("finished_at")?),
        })
    })
    .transpose()
}

/// Begins the ceremony; `false` if one was begun before.
pub(crate) async fn begin(tx: &mut Tx, spec_sha256: &str, at: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_ceremony (id, spec_sha256, started_at) VALUES ('hierarchy', $1, $2) ON CONFLICT (id) DO NOTHING",
    )
    .bind(spec_sha256)
    .bind(at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn finish(tx: &mut Tx, at: Millis) -> Result<(), db::Error> {
    sqlx::query("UPDATE ca_ceremony SET finished_at = $1 WHERE id = 'hierarchy' AND finished_at IS NULL")
        .bind(at.0)
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn add_line(tx: &mut Tx, at: Millis, line: &str) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_ceremony_line (number, at, line) \
         VALUES ((SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) FROM ca_ceremony_line), $1, $2)",
    )
    .bind(at.0)
    .bind(line)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn lines(read: &AnyPool) -> Result<Vec<(Millis, String)>, db::Error> {
    let rows = sqlx::query("SELECT at, line FROM ca_ceremony_line ORDER BY number").fetch_all(read).await?;
    rows.iter().map(|row| Ok((Millis(row.try_get("at")?), row.try_get("line")?))).collect()
}
