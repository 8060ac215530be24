//! Rows of `signer_raised`: what was put around signatures a while ago.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// What was put around a signature, as long as it is kept, and until when that is.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    id: &str,
    now: Millis,
) -> Result<Option<(String, Millis)>, Error> {
    let sql = "SELECT parts, expires_at FROM signer_raised WHERE raised_id = $1 AND expires_at > $2";
    let row: Option<(String, i64)> =
        sqlx::query_as(sql).bind(id.to_owned()).bind(now.0).fetch_optional(reader).await?;
    Ok(row.map(|(parts, until)| (parts, Millis(until))))
}

/// Keeps it from now until then, unless something is kept already, which is then kept for so long at least; what is kept.
pub(crate) async fn keep(
    tx: &mut Tx,
    (id, parts): (&str, &str),
    (now, until): (Millis, Millis),
) -> Result<String, Error> {
    sqlx::query("DELETE FROM signer_raised WHERE raised_id = $1 AND expires_at <= $2")
        .bind(id)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO signer_raised (raised_id, parts, expires_at) VALUES ($1, $2, $3) ON CONFLICT (raised_id) DO UPDATE \
         SET expires_at = excluded.expires_at WHERE signer_raised.expires_at < excluded.expires_at",
    )
    .bind(id)
    .bind(parts)
    .bind(until.0)
    .execute(&mut *tx)
    .await?;
    let sql = "SELECT parts FROM signer_raised WHERE raised_id = $1";
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&mut *tx).await?)
}

/// Erases so many whose time is over; how many there were.
pub(crate) async fn erase(tx: &mut Tx, now: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_raised WHERE raised_id IN (SELECT raised_id FROM signer_raised WHERE expires_at <= $1 \
         ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// The first is kept, and told to whoever comes second, until its time is over, which is the latest that anybody named; then another takes its
        /// place, and what is over is erased.
        async fn the_first_wins(db: Db) {
            let keep_for = async |parts: &'static str, now: i64, until: i64| {
                db.write(move |tx| Box::pin(async move {
                    keep(tx, ("one", parts), (Millis(now), Millis(until))).await
                })).await.unwrap()
            };
            let found = async |now: i64| find(db.read(), "one", Millis(now)).await.unwrap();
            let first = |until: i64| Some(("first".to_owned(), Millis(until)));
            assert_eq!(found(1).await, None);
            assert_eq!(keep_for("first", 1, 11).await, "first");
            assert_eq!((found(10).await, found(11).await), (first(11), None));
            assert_eq!(keep_for("second", 5, 15).await, "first");
            assert_eq!((found(14).await, found(15).await), (first(15), None));
            assert_eq!(keep_for("second", 6, 12).await, "first");
            assert_eq!(found(14).await, first(15), "it is never for shorter");
            assert_eq!(keep_for("third", 15, 25).await, "third");
            let erased = db.write(|tx| Box::pin(async move {
                Ok::<_, Error>((erase(tx, Millis(24), 10).await?, erase(tx, Millis(25), 10).await?))
            })).await.unwrap();
            assert_eq!(erased, (0, 1));
        }
    }
}
