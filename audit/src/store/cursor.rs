//! How far an export has come.

use platform::db::Tx;
use sqlx::AnyPool;

use super::{from_db, to_db};

/// The log epoch and the position that were exported last.
pub(crate) async fn cursor(pool: &AnyPool, name: &str) -> Result<Option<(u64, u64)>, sqlx::Error> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT log_epoch, position FROM audit_cursor WHERE name = $1")
            .bind(name)
            .fetch_optional(pool)
            .await?;
    Ok(row.map(|(log_epoch, position)| (from_db(log_epoch), from_db(position))))
}

/// Keep how far it has come. It never goes back, even when two nodes export at once.
pub(crate) async fn put_cursor(
    tx: &mut Tx,
    name: &str,
    log_epoch: u64,
    position: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_cursor (name, log_epoch, position) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET log_epoch = excluded.log_epoch, position = excluded.position \
         WHERE audit_cursor.log_epoch < excluded.log_epoch \
         OR (audit_cursor.log_epoch = excluded.log_epoch AND audit_cursor.position < excluded.position)",
    )
    .bind(name)
    .bind(to_db(log_epoch))
    .bind(to_db(position))
    .execute(tx)
    .await?;
    Ok(())
}
