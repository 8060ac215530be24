//! Rows of `directory_counter`.

use platform::db::Tx;

use crate::counter::Counter;
use crate::error::Error;

/// Takes `many` numbers and gives the first of them.
pub(crate) async fn take(tx: &mut Tx, counter: Counter, many: u32) -> Result<u64, Error> {
    let (last,): (i64,) = sqlx::query_as(
        "INSERT INTO directory_counter (name, last) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET last = directory_counter.last + $2 RETURNING last",
    )
    .bind(counter.name())
    .bind(i64::from(many))
    .fetch_one(&mut *tx)
    .await?;
    u64::try_from(last - i64::from(many) + 1).map_err(|_| Error::Stored { what: "directory_counter.last" })
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// Each number is given once, however many are taken together.
        async fn numbers_are_given_once(db: Db) {
            let take = |many| {
                let db = db.clone();
                async move { db.write(move |tx| Box::pin(take(tx, Counter::Person, many))).await.unwrap() }
            };
            assert_eq!((take(1).await, take(3).await, take(1).await), (1, 2, 5));
        }
    }
}
