//! Entries: events that have their place, as an auditor reads them.

use platform::db::Tx;
use sqlx::AnyPool;

use super::{from_db, to_db};

/// An event with its place, its canonical bytes and its salt.
#[derive(Clone, Debug)]
pub(crate) struct EntryRow {
    pub(crate) position: u64,
    pub(crate) body: Vec<u8>,
    pub(crate) salt: Vec<u8>,
}

/// Entries from position `from` on, fewer than `limit` only when there are no more below `below`. Erased ones are absent.
pub(crate) async fn entries_from(
    pool: &AnyPool,
    log_epoch: u64,
    from: u64,
    below: u64,
    limit: i64,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT position, body, salt FROM audit_event \
         WHERE log_epoch = $1 AND position >= $2 AND position < $3 ORDER BY position LIMIT $4",
    )
    .bind(to_db(log_epoch))
    .bind(to_db(from))
    .bind(to_db(below))
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(position, body, salt)| EntryRow { position: from_db(position), body, salt })
        .collect())
}

/// Delete entries of `module` with an id below `before_id`, oldest first; returns their positions. Events without
/// a place are never touched.
pub(crate) async fn erase_entries(
    tx: &mut Tx,
    module: &str,
    before_id: &str,
    limit: i64,
) -> Result<Vec<(u64, u64)>, sqlx::Error> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "DELETE FROM audit_event WHERE ordinal IN \
         (SELECT ordinal FROM audit_event WHERE module = $1 AND id < $2 AND position IS NOT NULL \
          ORDER BY id LIMIT $3) \
         RETURNING log_epoch, position",
    )
    .bind(module)
    .bind(before_id)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    let mut places: Vec<(u64, u64)> = rows.into_iter().map(|(e, p)| (from_db(e), from_db(p))).collect();
    places.sort_unstable();
    Ok(places)
}
