//! Rows of `authn_token_key`: the keys that sign tokens, as they were first taken into use.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// Whether a key was taken into use before.
pub(crate) async fn is_taken<'c>(reader: impl Reader<'c>, label: &str, kid: &str) -> Result<bool, Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT taken_at FROM authn_token_key WHERE label = $1 AND kid = $2")
            .bind(label)
            .bind(kid)
            .fetch_optional(reader)
            .await?;
    Ok(found.is_some())
}

/// Takes a key into use; false if it was before.
pub(crate) async fn take(tx: &mut Tx, label: &str, kid: &str, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_token_key (label, kid, taken_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(label)
    .bind(kid)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A key is taken into use once; another one under its label is another.
        async fn keys_are_taken_once(db: Db) {
            let taken = db.write(|tx| Box::pin(async move {
                let first = [take(tx, "a", "1", Millis(1)).await?, take(tx, "a", "1", Millis(2)).await?];
                Ok::<_, Error>((first, take(tx, "a", "2", Millis(3)).await?))
            })).await.unwrap();
            assert_eq!(taken, ([true, false], true));
            assert!(is_taken(db.read(), "a", "2").await.unwrap() && !is_taken(db.read(), "b", "2").await.unwrap());
        }
    }
}
