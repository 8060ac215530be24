//! Rows of `directory_feed_event`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::{read, stored_number};
use crate::api::{FeedCount, FeedState};
use crate::error::Error;
use crate::feed::{Kept, Sender, Settled};
use crate::ids::FeedEventId;
use crate::version::Version;

struct Row {
    feed_event_id: String,
    client: String,
    fingerprint: String,
    organisation: String,
    sent: String,
    state: String,
    reason: Option<String>,
    sentence: Option<String>,
    done: String,
    received_at: i64,
    settled_by: Option<String>,
    settled_at: Option<i64>,
    discarded_why: Option<String>,
    version: i64,
}

platform::from_row!(Row {
    feed_event_id,
    client,
    fingerprint,
    organisation,
    sent,
    state,
    reason,
    sentence,
    done,
    received_at,
    settled_by,
    settled_at,
    discarded_why,
    version
});

const COLUMNS: &str = "feed_event_id, client, fingerprint, organisation, sent, state, reason, sentence, done, \
                       received_at, settled_by, settled_at, discarded_why, version";

fn kept(row: Row) -> Result<Kept, Error> {
    let stored = |what| move |_| Error::Stored { what };
    let discarded_why = row.discarded_why;
    let settled = row.settled_by.zip(row.settled_at);
    Ok(Kept {
        id: read("directory_feed_event.feed_event_id", &row.feed_event_id)?,
        sender: Sender {
            client: row.client,
            employer: read("directory_feed_event.organisation", &row.organisation)?,
        },
        fingerprint: row.fingerprint,
        sent: serde_json::from_str(&row.sent).map_err(stored("directory_feed_event.sent"))?,
        state: read("directory_feed_event.state", &row.state)?,
        reason: row.reason.map(|word| read("directory_feed_event.reason", &word)).transpose()?,
        sentence: row.sentence,
        done: serde_json::from_str(&row.done).map_err(stored("directory_feed_event.done"))?,
        received_at: Millis(row.received_at),
        settled: settled.map(|(by, at)| Settled { by, at: Millis(at), discarded_why }),
        version: Version(row.version),
    })
}

/// An event.
pub(crate) async fn find(tx: &mut Tx, id: &FeedEventId) -> Result<Option<Kept>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_feed_event WHERE feed_event_id = $1");
    let row: Option<Row> =
        sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    row.map(kept).transpose()
}

/// The event to which a sender gave this id.
pub(crate) async fn by_theirs(tx: &mut Tx, client: &str, their_id: &str) -> Result<Option<Kept>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_feed_event WHERE client = $1 AND their_id = $2");
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(client.to_owned())
        .bind(their_id.to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    row.map(kept).transpose()
}

/// The highest sequence of the events of an employee that were done.
pub(crate) async fn last_applied(tx: &mut Tx, client: &str, employee: &str) -> Result<Option<u64>, Error> {
    let mut last = None;
    // The events that are kept, and the mark that those leave which are erased.
    for text in [
        "SELECT sequence FROM directory_feed_event WHERE client = $1 AND employee = $2 AND state = 'applied' \
         ORDER BY sequence DESC LIMIT 1",
        "SELECT sequence FROM directory_feed_order WHERE client = $1 AND employee = $2",
    ] {
        let row: Option<(i64,)> =
            sqlx::query_as(text).bind(client).bind(employee).fetch_optional(&mut *tx).await?;
        last = last.max(row.and_then(|(sequence,)| u64::try_from(sequence).ok()));
    }
    Ok(last)
}

/// The lowest sequence after `last` of the events of an employee that are in quarantine, one of them apart.
pub(crate) async fn first_quarantined(
    tx: &mut Tx,
    client: &str,
    employee: &str,
    but: &str,
    last: Option<u64>,
) -> Result<Option<u64>, Error> {
    let row: Option<(i64,)> = sqlx::query_as(
        "SELECT sequence FROM directory_feed_event WHERE client = $1 AND employee = $2 AND state = 'quarantined' \
         AND their_id <> $3 AND sequence > $4 ORDER BY sequence LIMIT 1",
    )
    .bind(client)
    .bind(employee)
    .bind(but)
    .bind(last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX)))
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.and_then(|(sequence,)| u64::try_from(sequence).ok()))
}

/// The events of an employee that are in quarantine, in their order.
pub(crate) async fn quarantined_of(
    tx: &mut Tx,
    client: &str,
    employee: &str,
    most: u32,
) -> Result<Vec<Kept>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_feed_event WHERE client = $1 AND employee = $2 AND state = 'quarantined' \
         ORDER BY sequence, feed_event_id LIMIT $3"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(client.to_owned())
        .bind(employee.to_owned())
        .bind(i64::from(most))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(kept).collect()
}

/// Whose events are told of.
#[derive(Debug, Clone)]
pub(crate) struct Of {
    pub(crate) employer: OdsCode,
    /// Those of this client alone.
    pub(crate) client: Option<String>,
}

/// A page of events.
pub(crate) async fn page(
    tx: &mut Tx,
    of: &Of,
    state: Option<FeedState>,
    after: Option<&FeedEventId>,
    limit: u32,
) -> Result<Vec<Kept>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_feed_event WHERE organisation = $1 AND ($2 = '' OR client = $2) \
         AND ($3 = '' OR state = $3) AND feed_event_id > $4 ORDER BY feed_event_id LIMIT $5"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(of.employer.as_str().to_owned())
        .bind(of.client.clone().unwrap_or_default())
        .bind(state.map_or("", FeedState::word))
        .bind(after.map_or("", FeedEventId::as_str).to_owned())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(kept).collect()
}

/// How many events came between two moments, by kind, state and reason.
pub(crate) async fn counts(
    tx: &mut Tx,
    of: &Of,
    from: Option<Millis>,
    before: Option<Millis>,
) -> Result<Vec<FeedCount>, Error> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT kind, state, COALESCE(reason, ''), CAST(COUNT(*) AS BIGINT) FROM directory_feed_event \
         WHERE organisation = $1 AND ($2 = '' OR client = $2) AND received_at >= $3 AND received_at < $4 \
         GROUP BY kind, state, COALESCE(reason, '') ORDER BY kind, state, COALESCE(reason, '')",
    )
    .bind(of.employer.as_str())
    .bind(of.client.clone().unwrap_or_default())
    .bind(from.map_or(i64::MIN, |at| at.0))
    .bind(before.map_or(i64::MAX, |at| at.0))
    .fetch_all(&mut *tx)
    .await?;
    let count = |(kind, state, reason, events): &(String, String, String, i64)| {
        let reason = (!reason.is_empty()).then(|| read("directory_feed_event.reason", reason));
        Ok(FeedCount {
            kind: read("directory_feed_event.kind", kind)?,
            state: read("directory_feed_event.state", state)?,
            reason: reason.transpose()?,
            events: u64::try_from(*events).unwrap_or(0),
        })
    };
    rows.iter().map(count).collect()
}

/// What is written of an event as JSON.
fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Stored { what: "directory_feed_event" })
}

/// Stores a new event.
pub(crate) async fn insert(tx: &mut Tx, kept: &Kept) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_feed_event (feed_event_id, client, their_id, fingerprint, organisation, employee, \
         sequence, kind, sent, state, reason, sentence, done, received_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(kept.id.as_str())
    .bind(&kept.sender.client)
    .bind(&kept.sent.id)
    .bind(&kept.fingerprint)
    .bind(kept.sender.employer.as_str())
    .bind(&kept.sent.employee)
    .bind(stored_number(kept.sent.sequence))
    .bind(kept.sent.kind.word())
    .bind(json(&kept.sent)?)
    .bind(kept.state.word())
    .bind(kept.reason.map(crate::api::FeedReason::word))
    .bind(&kept.sentence)
    .bind(json(&kept.done)?)
    .bind(kept.received_at.0)
    .bind(kept.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores what became of an event.
pub(crate) async fn update(tx: &mut Tx, kept: &Kept) -> Result<(), Error> {
    let settled = kept.settled.as_ref();
    sqlx::query(
        "UPDATE directory_feed_event SET state = $2, reason = $3, sentence = $4, done = $5, settled_by = $6, \
         settled_at = $7, discarded_why = $8, version = $9 WHERE feed_event_id = $1",
    )
    .bind(kept.id.as_str())
    .bind(kept.state.word())
    .bind(kept.reason.map(crate::api::FeedReason::word))
    .bind(&kept.sentence)
    .bind(json(&kept.done)?)
    .bind(settled.map(|settled| settled.by.clone()))
    .bind(settled.map(|settled| settled.at.0))
    .bind(settled.and_then(|settled| settled.discarded_why.clone()))
    .bind(kept.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
