//! Rows of `directory_reads_journal`: up to which frame the files of journals of reads are in the record.

use platform::db::Tx;

use crate::error::Error;

/// Up to which frame a file is in the record, 0 for none of it. Until the transaction ends nobody else is told: one whose end is not known
/// is waited for.
pub(crate) async fn recorded_to(tx: &mut Tx, journal: &str) -> Result<i64, Error> {
    let (number,): (i64,) = sqlx::query_as(
        "INSERT INTO directory_reads_journal (journal, recorded_to) VALUES ($1, 0) \
         ON CONFLICT (journal) DO UPDATE SET recorded_to = directory_reads_journal.recorded_to RETURNING recorded_to",
    )
    .bind(journal)
    .fetch_one(&mut *tx)
    .await?;
    Ok(number)
}

/// Says that a file is in the record up to this frame.
pub(crate) async fn record_to(tx: &mut Tx, journal: &str, number: i64) -> Result<(), Error> {
    sqlx::query("UPDATE directory_reads_journal SET recorded_to = $2 WHERE journal = $1")
        .bind(journal)
        .bind(number)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Forgets a file that is not read any more.
pub(crate) async fn forget(tx: &mut Tx, journal: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_reads_journal WHERE journal = $1")
        .bind(journal)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// Each file is counted by itself, from nothing, and begins with nothing again once it is forgotten.
        async fn files_are_counted(db: Db) {
            let numbers = db
                .write(|tx| {
                    Box::pin(async move {
                        let mut numbers = vec![recorded_to(tx, "one").await?];
                        record_to(tx, "one", 7).await?;
                        numbers.push(recorded_to(tx, "one").await?);
                        numbers.push(recorded_to(tx, "other").await?);
                        forget(tx, "one").await?;
                        numbers.push(recorded_to(tx, "one").await?);
                        Ok::<_, Error>(numbers)
                    })
                })
                .await
                .unwrap();
            assert_eq!(numbers, [0, 7, 0, 0]);
        }
    }
}
