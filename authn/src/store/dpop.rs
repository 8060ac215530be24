//! Rows of `authn_dpop_proof` and `authn_dpop_nonce`.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// Takes a proof as used; false if it was used before.
pub(crate) async fn spend(
    tx: &mut Tx,
    thumbprint: &str,
    jti_hash: &str,
    until: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_dpop_proof (jkt, jti_hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(thumbprint.to_owned())
    .bind(jti_hash.to_owned())
    .bind(until.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Erases a page of proofs that nobody could present again; says how many.
pub(crate) async fn erase(tx: &mut Tx, now: Millis, page: u32) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM authn_dpop_proof WHERE expires_at < $1 AND jti_hash IN \
         (SELECT jti_hash FROM authn_dpop_proof WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.0)
    .bind(i64::from(page))
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// The nonces of two periods, by their period.
pub(crate) async fn nonces<'c>(reader: impl Reader<'c>, from: i64) -> Result<Vec<(i64, String)>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT period, nonce FROM authn_dpop_nonce WHERE period >= $1 ORDER BY period LIMIT 2",
    )
    .bind(from)
    .fetch_all(reader)
    .await?;
    Ok(rows)
}

/// Stores the nonce of a period, where no other machine has, and erases those that are long over.
pub(crate) async fn make_nonce(tx: &mut Tx, period: i64, nonce: &str) -> Result<(), Error> {
    sqlx::query("INSERT INTO authn_dpop_nonce (period, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(period)
        .bind(nonce.to_owned())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM authn_dpop_nonce WHERE period < $1").bind(period - 1).execute(&mut *tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A proof is used once for each key, until it is over; of a period there is one nonce.
        async fn proofs_are_spent(db: Db) {
            let spent = db.write(|tx| Box::pin(async move {
                Ok::<_, Error>((
                    spend(tx, "key", "jti", Millis(9)).await?, spend(tx, "key", "jti", Millis(9)).await?,
                    spend(tx, "other", "jti", Millis(20)).await?, erase(tx, Millis(9), 10).await?, erase(tx, Millis(10), 10).await?,
                    spend(tx, "other", "jti", Millis(20)).await?,
                ))
            })).await.unwrap();
            assert_eq!(spent, (true, false, true, 0, 1, false));
            db.write(|tx| Box::pin(async move {
                make_nonce(tx, 4, "a").await?;
                make_nonce(tx, 4, "b").await?;
                make_nonce(tx, 5, "c").await
            })).await.unwrap();
            let both = [(4, "a".to_owned()), (5, "c".to_owned())];
            assert_eq!(nonces(db.read(), 4).await.unwrap(), both);
            db.write(|tx| Box::pin(async move { make_nonce(tx, 6, "d").await })).await.unwrap();
            assert_eq!(nonces(db.read(), 0).await.unwrap(), [(5, "c".to_owned()), (6, "d".to_owned())]);
        }
    }
}
