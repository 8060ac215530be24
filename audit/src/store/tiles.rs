//! Hash tiles and the leaves they stand on.

use platform::db::Tx;
use sqlx::AnyPool;

use super::to_db;
use crate::tree::{StoredTile, TileId};

/// One tile as far as it has grown.
pub(crate) async fn tile(pool: &AnyPool, log_epoch: u64, id: TileId) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT hashes FROM audit_tile WHERE log_epoch = $1 AND level = $2 AND place = $3")
        .bind(to_db(log_epoch))
        .bind(i64::from(id.level))
        .bind(to_db(id.index))
        .fetch_optional(pool)
        .await
}

/// The tiles named, leaving out those that do not exist.
pub(crate) async fn tiles(
    pool: &AnyPool,
    log_epoch: u64,
    ids: &[TileId],
) -> Result<Vec<StoredTile>, sqlx::Error> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(hashes) = tile(pool, log_epoch, *id).await? {
            found.push(StoredTile { id: *id, hashes });
        }
    }
    Ok(found)
}

/// Write a tile, or write it again wider.
pub(crate) async fn put_tile(tx: &mut Tx, log_epoch: u64, tile: &StoredTile) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_tile (log_epoch, level, place, hashes) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (log_epoch, level, place) DO UPDATE SET hashes = excluded.hashes",
    )
    .bind(to_db(log_epoch))
    .bind(i64::from(tile.id.level))
    .bind(to_db(tile.id.index))
    .bind(tile.hashes.as_slice())
    .execute(tx)
    .await?;
    Ok(())
}

/// The commitments of one bundle as far as it has grown.
pub(crate) async fn bundle(
    pool: &AnyPool,
    log_epoch: u64,
    place: u64,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT commitments FROM audit_bundle WHERE log_epoch = $1 AND place = $2")
        .bind(to_db(log_epoch))
        .bind(to_db(place))
        .fetch_optional(pool)
        .await
}

/// Write a bundle, or write it again longer.
pub(crate) async fn put_bundle(
    tx: &mut Tx,
    log_epoch: u64,
    place: u64,
    commitments: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_bundle (log_epoch, place, commitments) VALUES ($1, $2, $3) \
         ON CONFLICT (log_epoch, place) DO UPDATE SET commitments = excluded.commitments",
    )
    .bind(to_db(log_epoch))
    .bind(to_db(place))
    .bind(commitments)
    .execute(tx)
    .await?;
    Ok(())
}
