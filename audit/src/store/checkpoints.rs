//! Tree heads that are or will be signed, and what witnesses signed for them.

use platform::db::Tx;
use sqlx::AnyPool;

use super::{from_db, to_db};

/// A tree head; the note is empty between the decision to sign and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointRow {
    pub(crate) size: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) note: Option<String>,
}

fn row((size, root, note): (i64, Vec<u8>, Option<String>)) -> CheckpointRow {
    CheckpointRow { size: from_db(size), root, note }
}

/// The largest tree head that was decided on, signed or not.
pub(crate) async fn newest_head(
    pool: &AnyPool,
    log_epoch: u64,
) -> Result<Option<CheckpointRow>, sqlx::Error> {
    let found: Option<(i64, Vec<u8>, Option<String>)> = sqlx::query_as(
        "SELECT size, root, note FROM audit_checkpoint WHERE log_epoch = $1 ORDER BY size DESC LIMIT 1",
    )
    .bind(to_db(log_epoch))
    .fetch_optional(pool)
    .await?;
    Ok(found.map(row))
}

/// The newest signed checkpoint.
pub(crate) async fn newest_signed(
    pool: &AnyPool,
    log_epoch: u64,
) -> Result<Option<CheckpointRow>, sqlx::Error> {
    let found: Option<(i64, Vec<u8>, Option<String>)> = sqlx::query_as(
        "SELECT size, root, note FROM audit_checkpoint WHERE log_epoch = $1 AND note IS NOT NULL \
         ORDER BY size DESC LIMIT 1",
    )
    .bind(to_db(log_epoch))
    .fetch_optional(pool)
    .await?;
    Ok(found.map(row))
}

/// The tree head of one size.
pub(crate) async fn head_of_size(
    pool: &AnyPool,
    log_epoch: u64,
    size: u64,
) -> Result<Option<CheckpointRow>, sqlx::Error> {
    let found: Option<(i64, Vec<u8>, Option<String>)> =
        sqlx::query_as("SELECT size, root, note FROM audit_checkpoint WHERE log_epoch = $1 AND size = $2")
            .bind(to_db(log_epoch))
            .bind(to_db(size))
            .fetch_optional(pool)
            .await?;
    Ok(found.map(row))
}

/// Decide on a tree head. A size that was decided before keeps its root.
pub(crate) async fn insert_head(
    tx: &mut Tx,
    log_epoch: u64,
    size: u64,
    root: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_checkpoint (log_epoch, size, root) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(to_db(log_epoch))
    .bind(to_db(size))
    .bind(root)
    .execute(tx)
    .await?;
    Ok(())
}

/// Keep the signature over a tree head; one that is there stays.
pub(crate) async fn put_note(
    tx: &mut Tx,
    log_epoch: u64,
    size: u64,
    note: &str,
    signed_at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE audit_checkpoint SET note = $1, signed_at = $2 WHERE log_epoch = $3 AND size = $4 AND note IS NULL",
    )
    .bind(note)
    .bind(signed_at)
    .bind(to_db(log_epoch))
    .bind(to_db(size))
    .execute(tx)
    .await?;
    Ok(())
}

/// The cosignature lines of a checkpoint, by the name of the witness.
pub(crate) async fn cosignatures(
    pool: &AnyPool,
    log_epoch: u64,
    size: u64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT line FROM audit_cosignature WHERE log_epoch = $1 AND size = $2 ORDER BY witness",
    )
    .bind(to_db(log_epoch))
    .bind(to_db(size))
    .fetch_all(pool)
    .await
}

/// Keep a cosignature; a newer one of the same witness for the same checkpoint takes its place.
pub(crate) async fn put_cosignature(
    tx: &mut Tx,
    log_epoch: u64,
    size: u64,
    witness: &str,
    line: &str,
    received_at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_cosignature (log_epoch, size, witness, line, received_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (log_epoch, size, witness) DO UPDATE SET line = excluded.line, \
         received_at = excluded.received_at",
    )
    .bind(to_db(log_epoch))
    .bind(to_db(size))
    .bind(witness)
    .bind(line)
    .bind(received_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// The largest size that a witness has signed.
pub(crate) async fn witnessed_size(
    pool: &AnyPool,
    log_epoch: u64,
    witness: &str,
) -> Result<Option<u64>, sqlx::Error> {
    let size: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(MAX(size) AS BIGINT) FROM audit_cosignature WHERE log_epoch = $1 AND witness = $2",
    )
    .bind(to_db(log_epoch))
    .bind(witness)
    .fetch_one(pool)
    .await?;
    Ok(size.map(from_db))
}

/// Forget signed checkpoints from before `signed_before`, but never the newest, nor one that a witness signed.
pub(crate) async fn prune_checkpoints(tx: &mut Tx, signed_before: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM audit_checkpoint WHERE signed_at < $1 \
         AND size < (SELECT MAX(newest.size) FROM audit_checkpoint AS newest \
                     WHERE newest.log_epoch = audit_checkpoint.log_epoch AND newest.note IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM audit_cosignature AS witnessed \
                         WHERE witnessed.log_epoch = audit_checkpoint.log_epoch \
                         AND witnessed.size = audit_checkpoint.size)",
    )
    .bind(signed_before)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
