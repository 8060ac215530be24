//! COMMIT, and how to learn what came of one whose answer was lost.
//!
//! On PostgreSQL each group writes a marker row. When the connection breaks during COMMIT the writer inserts the same
//! marker on a new connection: the primary key makes that wait for the old transaction to end. If the row is there
//! the group is committed; if the insert succeeds it is not, and can no longer be.

use std::time::Duration;

use sqlx::{AssertSqlSafe, raw_sql};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Engine, Tx, connection};
use crate::clock::Millis;

/// How often old markers are deleted.
pub(super) const PRUNE_EVERY_MS: i64 = 60_000;

/// How long a marker is kept: far longer than any writer tries to read it back.
const KEEP_MS: i64 = 3_600_000;

/// How long the writer tries to learn an outcome before it says that it is unknown.
const RESOLVE_FOR: Duration = Duration::from_secs(30);

/// What came of a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    NotCommitted,
    Unknown,
}

/// The marker of one group, or none on SQLite, where a COMMIT is a call and not a message.
pub(super) struct Marker(Option<(Uuid, Millis)>);

impl Marker {
    pub(super) fn new(engine: Engine, now: Millis) -> Self {
        Self(match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some((Uuid::now_v7(), now)),
        })
    }
}

/// Commits. On PostgreSQL the marker's INSERT goes in the same message: it fails in a transaction that a swallowed
/// error has spoilt, where a bare COMMIT would roll back and report success.
pub(super) async fn commit(tx: &mut Tx, marker: &Marker) -> Result<(), sqlx::Error> {
    let Some((id, at)) = &marker.0 else {
        return raw_sql("COMMIT").execute(tx).await.map(drop);
    };
    // A uuid and a number of our own: nothing in them needs quoting.
    let sql = format!("INSERT INTO platform_commit (id, at) VALUES ('{id}', {}); COMMIT", at.0);
    raw_sql(AssertSqlSafe(sql)).execute(tx).await.map(drop)
}

/// Whether PostgreSQL refused because the transaction was spoilt, so that nothing was committed.
pub(super) fn refused_before_commit(error: &sqlx::Error) -> bool {
    // in_failed_sql_transaction
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("25P02"))
}

/// Learns what came of a COMMIT whose answer was lost.
pub(super) async fn resolve(engine: Engine, url: &str, marker: &Marker) -> Outcome {
    let Some((id, at)) = &marker.0 else { return Outcome::Unknown };
    let give_up_at = Instant::now() + RESOLVE_FOR;
    let mut pause = Duration::from_millis(50);
    while Instant::now() < give_up_at {
        if let Ok(mut tx) = connection::open_writer(engine, url).await
            && let Ok(outcome) = claim(&mut tx, *id, *at).await
        {
            return outcome;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    Outcome::Unknown
}

async fn claim(tx: &mut Tx, id: Uuid, at: Millis) -> Result<Outcome, sqlx::Error> {
    let inserted = sqlx::query("INSERT INTO platform_commit (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(id.to_string())
        .bind(at.0)
        .execute(tx)
        .await?;
    Ok(if inserted.rows_affected() == 0 { Outcome::Committed } else { Outcome::NotCommitted })
}

/// Deletes the markers that nobody will ask for again.
pub(super) async fn prune(tx: &mut Tx, now: Millis) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM platform_commit WHERE at < $1").bind(now.0 - KEEP_MS).execute(tx).await.map(drop)
}
