//! The row of `directory_document_key`: what shows the key that the numbers of documents are hashed under.

use platform::db::{self, Tx};
use sqlx::{Any, Executor};

/// What is kept of the key, if there is one.
pub(crate) async fn proof<'c>(
    reader: impl Executor<'c, Database = Any>,
) -> Result<Option<String>, db::Error> {
    Ok(sqlx::query_scalar("SELECT proof FROM directory_document_key WHERE number = 1")
        .fetch_optional(reader)
        .await?)
}

/// Keeps what shows a key, unless there is one already.
pub(crate) async fn keep(tx: &mut Tx, proof: &str) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO directory_document_key (number, proof) VALUES (1, $1) ON CONFLICT (number) DO NOTHING",
    )
    .bind(proof)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Keeps what shows a key in the place of any other.
pub(crate) async fn replace(tx: &mut Tx, proof: &str) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO directory_document_key (number, proof) VALUES (1, $1) \
         ON CONFLICT (number) DO UPDATE SET proof = excluded.proof",
    )
    .bind(proof)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// The first that is kept stays until it is replaced.
        async fn the_first_is_kept(db: Db) {
            assert_eq!(proof(db.read()).await.unwrap(), None);
            let kept = db
                .write(|tx| {
                    Box::pin(async move {
                        keep(tx, "one").await?;
                        keep(tx, "other").await?;
                        let first = proof(&mut *tx).await?;
                        replace(tx, "other").await?;
                        Ok::<_, db::Error>(first)
                    })
                })
                .await
                .unwrap();
            assert_eq!(kept.as_deref(), Some("one"));
            assert_eq!(proof(db.read()).await.unwrap().as_deref(), Some("other"));
        }
    }
}
