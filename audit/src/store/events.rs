//! Events: written by every module, put into order by the sequencer.

use platform::clock::Millis;
use platform::db::rows::{places, portions};
use platform::db::{self, Db, Engine, Tx};
use sqlx::{AnyPool, AssertSqlSafe};

use super::{from_db, to_db};
use crate::event::EventId;

/// An event as it is written, before it has a place in the log.
pub(crate) struct NewEvent {
    pub(crate) id: String,
    pub(crate) recorded_at: i64,
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) actor: String,
    pub(crate) body: Vec<u8>,
    pub(crate) salt: [u8; 32],
}

/// An event that waits for its place.
pub(crate) struct Pending {
    pub(crate) ordinal: i64,
    pub(crate) body: Vec<u8>,
    pub(crate) salt: Vec<u8>,
}

/// Whether nothing was ever recorded in a database, also where the table for it was not made yet.
pub async fn nothing_recorded(db: &Db) -> Result<bool, db::Error> {
    let known = match db.engine() {
        Engine::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'audit_event'",
        Engine::Postgres => "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'audit_event'",
    };
    let tables: i64 = sqlx::query_scalar(known).fetch_one(db.read()).await?;
    if tables == 0 {
        return Ok(true);
    }
    let one: Option<i64> =
        sqlx::query_scalar("SELECT ordinal FROM audit_event LIMIT 1").fetch_optional(db.read()).await?;
    Ok(one.is_none())
}

/// How many columns one has.
const COLUMNS: usize = 7;

/// Write events in the order given.
pub(crate) async fn insert_events(tx: &mut Tx, events: &[NewEvent]) -> Result<(), sqlx::Error> {
    for portion in portions(events) {
        insert_rows(tx, portion).await?;
    }
    Ok(())
}

async fn insert_rows(tx: &mut Tx, events: &[NewEvent]) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO audit_event (id, recorded_at, module, name, actor, body, salt) VALUES {}",
        places(events.len(), COLUMNS)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for event in events {
        query = query
            .bind(event.id.as_str())
            .bind(event.recorded_at)
            .bind(event.module)
            .bind(event.name)
            .bind(event.actor.as_str())
            .bind(event.body.as_slice())
            .bind(&event.salt[..]);
    }
    query.execute(tx).await?;
    Ok(())
}

/// The oldest events without a place, in the order in which they were written.
pub(crate) async fn pending_events(pool: &AnyPool, limit: i64) -> Result<Vec<Pending>, sqlx::Error> {
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT ordinal, body, salt FROM audit_event WHERE position IS NULL ORDER BY ordinal LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(ordinal, body, salt)| Pending { ordinal, body, salt }).collect())
}

/// When the oldest event without a place was recorded.
pub(crate) async fn oldest_pending(pool: &AnyPool) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT recorded_at FROM audit_event WHERE position IS NULL ORDER BY ordinal LIMIT 1")
        .fetch_optional(pool)
        .await
}

/// Give the events contiguous positions from `first` on. Returns how many rows had none before: unless it is all
/// of them, the caller must roll back.
pub(crate) async fn assign_positions(
    tx: &mut Tx,
    log_epoch: u64,
    first: u64,
    ordinals: &[i64],
) -> Result<u64, sqlx::Error> {
    // Only numbers of ours are written into the text, so that the parameters stay few.
    let values: Vec<String> =
        ordinals.iter().zip(first..).map(|(ordinal, position)| format!("({ordinal}, {position})")).collect();
    let sql = format!(
        "WITH place (ordinal, position) AS (VALUES {}) \
         UPDATE audit_event SET log_epoch = $1, position = place.position FROM place \
         WHERE audit_event.ordinal = place.ordinal AND audit_event.position IS NULL",
        values.join(", ")
    );
    let done = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(to_db(log_epoch)).execute(tx).await?;
    Ok(done.rows_affected())
}

/// The ordinal of an event, by its id.
pub(crate) async fn ordinal_by_id(tx: &mut Tx, id: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT ordinal FROM audit_event WHERE id = $1").bind(id).fetch_optional(tx).await
}

/// One waiting event, by its ordinal.
pub(crate) async fn pending_by_ordinal(tx: &mut Tx, ordinal: i64) -> Result<Option<Pending>, sqlx::Error> {
    let row: Option<(i64, Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT ordinal, body, salt FROM audit_event WHERE ordinal = $1 AND position IS NULL")
            .bind(ordinal)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(|(ordinal, body, salt)| Pending { ordinal, body, salt }))
}

/// Where an event stands: its log epoch and position, both empty while it waits.
pub(crate) async fn place_by_id(pool: &AnyPool, id: &str) -> Result<Option<Option<(u64, u64)>>, sqlx::Error> {
    let row: Option<(Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT log_epoch, position FROM audit_event WHERE id = $1")
            .bind(id)
            .fetch_optional(pool)
            .await?;
    Ok(row.map(|(epoch, position)| epoch.zip(position).map(|(e, p)| (from_db(e), from_db(p)))))
}

/// An event of a moment.
pub(crate) struct Recorded {
    pub(crate) position: Option<u64>,
    pub(crate) body: Vec<u8>,
    pub(crate) salt: Vec<u8>,
}

/// The events of a module with a name that were recorded in a millisecond: ids begin with their time, and are looked up by it.
pub(crate) async fn at_moment(
    pool: &AnyPool,
    at: Millis,
    (module, name): (&str, &str),
    limit: i64,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows: Vec<(Option<i64>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT position, body, salt FROM audit_event WHERE id >= $1 AND id < $2 AND module = $3 AND name = $4 \
         ORDER BY id LIMIT $5",
    )
    .bind(EventId::lower_bound(at))
    .bind(EventId::lower_bound(Millis(at.0.saturating_add(1))))
    .bind(module)
    .bind(name)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let recorded = |(position, body, salt): (Option<i64>, Vec<u8>, Vec<u8>)| Recorded {
        position: position.map(from_db),
        body,
        salt,
    };
    Ok(rows.into_iter().map(recorded).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    platform::both_engines! {
        /// Nothing is recorded where nothing was, and where there is no table for it.
        async fn what_is_recorded_is_known(db: Db) {
            assert!(nothing_recorded(&db).await.unwrap());
            let event = NewEvent {
                id: "1".to_owned(),
                recorded_at: 1,
                module: "test",
                name: "tested",
                actor: "{}".to_owned(),
                body: b"{}".to_vec(),
                salt: [0; 32],
            };
            let done: Result<(), db::Error> = db.write(move |tx| Box::pin(async move {
                insert_events(tx, &[event]).await?;
                Ok(())
            })).await;
            done.unwrap();
            assert!(!nothing_recorded(&db).await.unwrap());
            let done: Result<(), db::Error> = db.write(|tx| Box::pin(async move {
                sqlx::query("ALTER TABLE audit_event RENAME TO audit_event_away").execute(&mut *tx).await?;
                Ok(())
            })).await;
            done.unwrap();
            assert!(nothing_recorded(&db).await.unwrap());
        }
    }
}
