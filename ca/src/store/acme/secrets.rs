//! `ca_acme_secret`: sealed secrets that every node needs.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// The secret with this name, sealed.
pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<Vec<u8>>, db::Error> {
    let row =
        sqlx::query("SELECT sealed FROM ca_acme_secret WHERE id = $1").bind(id).fetch_optional(read).await?;
    row.map(|row| Ok(row.try_get("sealed")?)).transpose()
}

/// Keeps a secret unless another node was first, and answers the one that is kept.
pub(crate) async fn keep(tx: &mut Tx, id: &str, sealed: &[u8], at: Millis) -> Result<Vec<u8>, db::Error> {
    sqlx::query(
        "INSERT INTO ca_acme_secret (id, sealed, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(sealed)
    .bind(at.0)
    .execute(&mut *tx)
    .await?;
    let row = sqlx::query("SELECT sealed FROM ca_acme_secret WHERE id = $1").bind(id).fetch_one(tx).await?;
    Ok(row.try_get("sealed")?)
}
