//! A table for the tests of the writer.

use platform::db::{self, Db};
use sqlx::Row as _;

/// Makes the table.
pub(crate) async fn table(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            sqlx::raw_sql("CREATE TABLE it_row (id BIGINT PRIMARY KEY, word TEXT)").execute(tx).await?;
            Ok::<_, db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// Writes one row.
pub(crate) async fn insert(db: &Db, id: i64, word: Option<&str>) -> Result<(), db::Error> {
    let word = word.map(str::to_owned);
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query("INSERT INTO it_row (id, word) VALUES ($1, $2)")
                .bind(id)
                .bind(word)
                .execute(tx)
                .await?;
            Ok(())
        })
    })
    .await
}

/// Every id, in order.
pub(crate) async fn ids(db: &Db) -> Vec<i64> {
    let rows = sqlx::query("SELECT id FROM it_row ORDER BY id").fetch_all(db.read()).await.unwrap();
    rows.iter().map(|row| row.get("id")).collect()
}
