//! Logs and the one sequencer row.

use platform::db::Tx;
use sqlx::AnyPool;

use super::{from_db, to_db};

/// A log as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogRow {
    pub(crate) log_epoch: u64,
    pub(crate) origin: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) started_at: i64,
}

/// The sequencer row: which log, how many leaves, and who may append until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) log_epoch: u64,
    pub(crate) size: u64,
    pub(crate) epoch: u64,
    pub(crate) holder: String,
    pub(crate) until: i64,
}

/// The newest log, or none before the first start.
pub(crate) async fn newest_log(pool: &AnyPool) -> Result<Option<LogRow>, sqlx::Error> {
    Ok(all_logs(pool).await?.pop())
}

/// Every log, oldest first.
pub(crate) async fn all_logs(pool: &AnyPool) -> Result<Vec<LogRow>, sqlx::Error> {
    let rows: Vec<(i64, String, Vec<u8>, i64)> =
        sqlx::query_as("SELECT log_epoch, origin, public_key, started_at FROM audit_log ORDER BY log_epoch")
            .fetch_all(pool)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(epoch, origin, public_key, started_at)| LogRow {
            log_epoch: from_db(epoch),
            origin,
            public_key,
            started_at,
        })
        .collect())
}

/// Add a log. Returns false when another node was first, or the origin was used before.
pub(crate) async fn insert_log(tx: &mut Tx, log: &LogRow) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO audit_log (log_epoch, origin, public_key, started_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(to_db(log.log_epoch))
    .bind(log.origin.as_str())
    .bind(log.public_key.as_slice())
    .bind(log.started_at)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Point the sequencer at a log that has no leaves yet, and end every lease on the log before.
pub(crate) async fn restart_sequencer(tx: &mut Tx, log_epoch: u64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_sequencer (name, log_epoch, size, lease_epoch, holder, lease_until) \
         VALUES ('sequencer', $1, 0, 1, '', 0) \
         ON CONFLICT (name) DO UPDATE SET log_epoch = excluded.log_epoch, size = 0, \
         lease_epoch = audit_sequencer.lease_epoch + 1, holder = '', lease_until = 0",
    )
    .bind(to_db(log_epoch))
    .execute(tx)
    .await?;
    Ok(())
}

const LEASE: &str = "SELECT log_epoch, size, lease_epoch, holder, lease_until FROM audit_sequencer \
                     WHERE name = 'sequencer'";

fn lease(row: (i64, i64, i64, String, i64)) -> Lease {
    let (log_epoch, size, lease_epoch, holder, lease_until) = row;
    Lease {
        log_epoch: from_db(log_epoch),
        size: from_db(size),
        epoch: from_db(lease_epoch),
        holder,
        until: lease_until,
    }
}

/// The sequencer row as it is now.
pub(crate) async fn current_lease(pool: &AnyPool) -> Result<Option<Lease>, sqlx::Error> {
    Ok(sqlx::query_as(LEASE).fetch_optional(pool).await?.map(lease))
}

/// The sequencer row inside a transaction.
pub(crate) async fn current_lease_in(tx: &mut Tx) -> Result<Option<Lease>, sqlx::Error> {
    Ok(sqlx::query_as(LEASE).fetch_optional(tx).await?.map(lease))
}

/// Move the row from `seen` to `next`, if it still is as it was seen. This is the only statement that moves it, so a
/// holder that slept moves nothing: false means that the caller must roll back and look again.
pub(crate) async fn advance_lease(tx: &mut Tx, seen: &Lease, next: &Lease) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE audit_sequencer SET size = $1, lease_epoch = $2, holder = $3, lease_until = $4 \
         WHERE name = 'sequencer' AND log_epoch = $5 AND size = $6 AND lease_epoch = $7",
    )
    .bind(to_db(next.size))
    .bind(to_db(next.epoch))
    .bind(next.holder.as_str())
    .bind(next.until)
    .bind(to_db(seen.log_epoch))
    .bind(to_db(seen.size))
    .bind(to_db(seen.epoch))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
