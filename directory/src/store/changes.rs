//! Rows of `directory_change` and `directory_consumer`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, places, read, stored_number};
use crate::api::{Change, Consumer};
use crate::counter::Counter;
use crate::error::Error;

/// How many rows go into one statement.
const AT_ONCE: usize = 100;

/// Stores changes under their numbers.
pub(crate) async fn insert(tx: &mut Tx, rows: &[Change]) -> Result<(), Error> {
    for rows in rows.chunks(AT_ONCE) {
        let values = places(rows.len(), 5);
        let text =
            format!("INSERT INTO directory_change (number, at, kind, subject, person) VALUES {values}");
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in rows {
            query = query
                .bind(stored_number(row.number))
                .bind(row.at.0)
                .bind(row.kind.word())
                .bind(row.subject.clone())
                .bind(row.person.clone());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

type Columns = (i64, i64, String, String, Option<String>);

/// The changes after a number, oldest first.
pub(crate) async fn after<'c>(reader: impl Reader<'c>, after: u64, limit: u32) -> Result<Vec<Change>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT number, at, kind, subject, person FROM directory_change WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind(stored_number(after))
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(change).collect()
}

/// Of the last so many changes up to a number those that were told at a time or later, oldest first.
pub(crate) async fn up_to<'c>(
    reader: impl Reader<'c>,
    number: u64,
    many: u64,
    at: Millis,
) -> Result<Vec<Change>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT number, at, kind, subject, person FROM directory_change \
         WHERE number > $1 AND number <= $2 AND at >= $3 ORDER BY number",
    )
    .bind(stored_number(number.saturating_sub(many)))
    .bind(stored_number(number))
    .bind(at.0)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(change).collect()
}

fn change((number, at, kind, subject, person): Columns) -> Result<Change, Error> {
    Ok(Change {
        number: u64::try_from(number).map_err(|_| Error::Stored { what: "directory_change.number" })?,
        at: Millis(at),
        kind: read("directory_change.kind", &kind)?,
        subject,
        person,
    })
}

/// The number of the last change that was told.
pub(crate) async fn last<'c>(reader: impl Reader<'c>) -> Result<u64, Error> {
    let (counted, kept): (i64, i64) = sqlx::query_as(
        "SELECT COALESCE((SELECT last FROM directory_counter WHERE name = $1), 0), \
         COALESCE((SELECT MAX(number) FROM directory_change), 0)",
    )
    .bind(Counter::Change.name())
    .fetch_one(reader)
    .await?;
    Ok(u64::try_from(counted.max(kept)).unwrap_or(0))
}

/// Erases changes that are older than a time and that every consumer has applied, from the oldest on without a gap; says how many,
/// and the number of the last. Where nobody has ever said how far they are, nothing is erased.
pub(crate) async fn erase(tx: &mut Tx, before: Millis, limit: u32) -> Result<Option<(u64, u64)>, Error> {
    let applied: Option<i64> =
        sqlx::query_scalar("SELECT MIN(applied) FROM directory_consumer").fetch_one(&mut *tx).await?;
    let Some(applied) = applied else { return Ok(None) };
    let oldest: Vec<(i64, i64)> =
        sqlx::query_as("SELECT number, at FROM directory_change ORDER BY number LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await?;
    let over = oldest.iter().take_while(|(number, at)| *at < before.0 && *number <= applied);
    let Some((last, _)) = over.last() else { return Ok(None) };
    let done =
        sqlx::query("DELETE FROM directory_change WHERE number <= $1").bind(*last).execute(&mut *tx).await?;
    Ok(Some((done.rows_affected(), u64::try_from(*last).unwrap_or(0))))
}

/// How far the consumers behind a name have come, by name.
pub(crate) async fn consumers<'c>(
    reader: impl Reader<'c>,
    after: &str,
    limit: u32,
) -> Result<Vec<Consumer>, Error> {
    let rows: Vec<(String, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT name, applied, directory_consumer.at, (SELECT x.at FROM directory_change x \
         WHERE x.number > directory_consumer.applied ORDER BY x.number LIMIT 1) FROM directory_consumer WHERE name > $1 \
         ORDER BY name LIMIT $2",
    )
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    let consumer = |(name, applied, at, waiting): (String, i64, i64, Option<i64>)| Consumer {
        name,
        applied: u64::try_from(applied).unwrap_or(0),
        at: Millis(at),
        waiting_since: waiting.map(Millis),
    };
    Ok(rows.into_iter().map(consumer).collect())
}

/// Notes how far a consumer has come; it never goes back.
pub(crate) async fn advance(tx: &mut Tx, consumer: &str, applied: u64, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_consumer (name, applied, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
         SET applied = $2, at = $3 WHERE directory_consumer.applied < $2",
    )
    .bind(consumer)
    .bind(stored_number(applied))
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::api::ChangeKind;
    use crate::changes::{tell, tell_many};

    platform::both_engines! {
        /// Changes are read in the order they were told, from any place on, and a consumer never goes back.
        async fn changes_are_read_in_order(db: Db) {
            let now = Millis(1_795_540_800_000);
            db.write(move |tx| {
                Box::pin(async move {
                    tell(tx, now, ChangeKind::PersonChanged, "555021942107", Some("555021942107")).await?;
                    let two = ["a", "b"].map(|id| (ChangeKind::AssignmentEnded, id.to_owned(), None));
                    tell_many(tx, now, &two).await?;
                    advance(tx, "ca", 2, now).await?;
                    advance(tx, "ca", 1, now).await
                })
            })
            .await
            .unwrap();
            let subjects = |after_number, limit| {
                let db = db.clone();
                async move {
                    let rows = after(db.read(), after_number, limit).await.unwrap();
                    rows.into_iter().map(|row| (row.number, row.subject)).collect::<Vec<_>>()
                }
            };
            assert_eq!(subjects(1, 10).await, [(2, "a".to_owned()), (3, "b".to_owned())]);
            assert_eq!(subjects(0, 1).await, [(1, "555021942107".to_owned())]);
            for (number, many, at, told) in
                [(2, 9, now.0, vec![1, 2]), (2, 1, now.0, vec![2]), (3, 2, now.0, vec![2, 3]), (3, 9, now.0 + 1, vec![]), (0, 9, 0, vec![])]
            {
                let rows = up_to(db.read(), number, many, Millis(at)).await.unwrap();
                assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), told, "{number} {many} {at}");
            }
            let waiting = Consumer { name: "ca".to_owned(), applied: 2, at: now, waiting_since: Some(now) };
            assert_eq!(consumers(db.read(), "", 10).await.unwrap(), std::slice::from_ref(&waiting));
            assert_eq!(consumers(db.read(), "ca", 10).await.unwrap(), []);
            let done: Result<(), Error> = db.write(move |tx| Box::pin(async move { advance(tx, "ca", 3, now).await })).await;
            done.unwrap();
            let done = Consumer { applied: 3, waiting_since: None, ..waiting };
            assert_eq!(consumers(db.read(), "", 10).await.unwrap(), [done]);
        }
    }
}
