//! The row of `directory_rank_basis`.

use platform::db::Tx;

use super::stored_number;
use crate::error::Error;

/// The release, and the activity of local smartcard administrators, that the stored ranks of positions follow from.
pub(crate) async fn basis(tx: &mut Tx) -> Result<Option<(u64, String)>, Error> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT release, local_administrator FROM directory_rank_basis WHERE id = 1")
            .fetch_optional(&mut *tx)
            .await?;
    Ok(row.map(|(release, local)| (u64::try_from(release).unwrap_or(0), local)))
}

/// Notes what the stored ranks follow from now.
pub(crate) async fn set_basis(tx: &mut Tx, release: u64, local: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_rank_basis (id, release, local_administrator) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET release = $1, local_administrator = $2",
    )
    .bind(stored_number(release))
    .bind(local)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// There is one basis, the last that was noted.
        async fn basis_is_the_last_noted(db: Db) {
            let seen = db.write(|tx| {
                Box::pin(async move {
                    let before = basis(tx).await?;
                    set_basis(tx, 1, "").await?;
                    set_basis(tx, 2, "B9990").await?;
                    Ok::<_, Error>((before, basis(tx).await?))
                })
            });
            assert_eq!(seen.await.unwrap(), (None, Some((2, "B9990".to_owned()))));
        }
    }
}
