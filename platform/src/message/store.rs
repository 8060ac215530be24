//! Rows of `platform_message`.

use std::time::Duration;

use sqlx::{Any, Executor};

use super::{Channel, Message, MessageId, Posted, State, Told, key_store};
use crate::clock::Millis;
use crate::db::{Error, Tx};

/// How many messages may wait to be sent.
pub const MOST_WAITING: i64 = 10_000;
/// How many of those places only urgent messages get: however many notices wait, a code to sign in is taken.
pub const RESERVED: i64 = 2_000;
/// A message is urgent if it is of use for this long at most: codes and links are, notices are not.
pub const URGENT_WITHIN: Duration = Duration::from_hours(1);

/// Posts a message in the transaction of what it tells of.
pub async fn post(tx: &mut Tx, message: &Message, now: Millis) -> Result<Posted, Error> {
    let urgent = message.until <= now.plus(URGENT_WITHIN);
    let most = if urgent { MOST_WAITING } else { MOST_WAITING - RESERVED };
    let (waiting,): (i64,) = sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM platform_message WHERE state = 'due' LIMIT $1) waiting",
    )
    .bind(most)
    .fetch_one(&mut *tx)
    .await?;
    if waiting >= most {
        return Ok(Posted::Full);
    }
    let id = MessageId::new(now);
    let sealed = key_store::sealed(tx, &id, &message.text).await?;
    let clear = sealed.is_none().then(|| message.text.clone());
    sqlx::query(
        "INSERT INTO platform_message (message_id, module, kind, about, channel, address, subject, body, sealed, state, \
         attempts, due_at, until, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'due', 0, $10, $11, $10)",
    )
    .bind(id.as_str().to_owned())
    .bind(message.module)
    .bind(message.kind)
    .bind(message.about.clone())
    .bind(message.channel.word())
    .bind(message.address.clone())
    .bind(message.subject.clone())
    .bind(clear)
    .bind(sealed)
    .bind(now.0)
    .bind(message.until.0)
    .execute(&mut *tx)
    .await?;
    Ok(Posted::Taken(id))
}

/// Takes back messages of this kind to an address that were not sent yet: another one takes their place.
pub async fn withdraw(
    tx: &mut Tx,
    (module, kind): (&str, &str),
    about: &str,
    address: &str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE platform_message SET state = 'withdrawn', body = NULL, sealed = NULL, settled_at = $5 WHERE module = $1 \
         AND kind = $2 AND about = $3 AND address = $4 AND state = 'due'",
    )
    .bind(module.to_owned())
    .bind(kind.to_owned())
    .bind(about.to_owned())
    .bind(address.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Erases every message of a module about somebody or something.
pub async fn erase(tx: &mut Tx, module: &str, about: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM platform_message WHERE module = $1 AND about = $2")
        .bind(module.to_owned())
        .bind(about.to_owned())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// How many messages of this kind an address was posted since a time, whomever they are about.
pub async fn posted_since(
    tx: &mut Tx,
    (module, kind): (&str, &str),
    address: &str,
    since: Millis,
) -> Result<u32, Error> {
    let (many,): (i64,) = sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM platform_message WHERE module = $1 AND kind = $2 AND address = $3 AND made_at > $4",
    )
    .bind(module.to_owned())
    .bind(kind.to_owned())
    .bind(address.to_owned())
    .bind(since.0)
    .fetch_one(&mut *tx)
    .await?;
    Ok(u32::try_from(many).unwrap_or(u32::MAX))
}

struct Row {
    message_id: String,
    kind: String,
    channel: String,
    address: String,
    state: String,
    attempts: i64,
    outcome: Option<String>,
    made_at: i64,
    settled_at: Option<i64>,
}

crate::from_row!(Row { message_id, kind, channel, address, state, attempts, outcome, made_at, settled_at });

/// What became of the messages of a module about somebody or something, latest first.
pub async fn of<'c>(
    reader: impl Executor<'c, Database = Any>,
    module: &str,
    about: &str,
    limit: u32,
) -> Result<Vec<Told>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT message_id, kind, channel, address, state, attempts, outcome, made_at, settled_at FROM platform_message \
         WHERE module = $1 AND about = $2 ORDER BY message_id DESC LIMIT $3",
    )
    .bind(module.to_owned())
    .bind(about.to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    // A row that does not read back was written by a newer version, and is left out.
    let told = |row: Row| {
        Some(Told {
            id: row.message_id.parse().ok()?,
            kind: row.kind,
            channel: Channel::of_word(&row.channel)?,
            address: row.address,
            state: State::of_word(&row.state)?,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            outcome: row.outcome,
            made_at: Millis(row.made_at),
            settled_at: row.settled_at.map(Millis),
        })
    };
    Ok(rows.into_iter().filter_map(told).collect())
}

/// A message that is to be sent.
#[derive(Clone)]
pub(super) struct Due {
    pub(super) id: MessageId,
    pub(super) address: String,
    pub(super) subject: String,
    /// What is said; nothing while it is encrypted.
    pub(super) text: String,
    /// What is said, encrypted.
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) attempts: i64,
    pub(super) until: Millis,
    pub(super) made_at: Millis,
    /// When this try begins.
    pub(super) sent_at: Millis,
}

/// What is read of messages that are due, and where.
macro_rules! due {
    () => {
        "SELECT message_id, address, subject, body, sealed, attempts, until, made_at FROM platform_message \
         WHERE state = 'due' AND channel = $1 AND due_at <= $2 AND until > $2 AND (body IS NOT NULL OR sealed IS NOT NULL) AND "
    };
}

type DueColumns = (String, String, String, Option<String>, Option<Vec<u8>>, i64, i64, i64);

/// Which messages of a channel are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Those that are of use for a short time only, [`URGENT_WITHIN`].
    Urgent,
    /// The others.
    Patient,
}

/// Messages that are to be sent now, those first that are the first to be of no use.
pub(super) async fn due<'c>(
    reader: impl Executor<'c, Database = Any>,
    (channel, lane): (Channel, Lane),
    now: Millis,
    limit: u32,
) -> Result<Vec<Due>, Error> {
    let text = match lane {
        Lane::Urgent => concat!(due!(), "until <= $4 ORDER BY until, message_id LIMIT $3"),
        Lane::Patient => concat!(due!(), "until > $4 ORDER BY until, message_id LIMIT $3"),
    };
    let rows: Vec<DueColumns> = sqlx::query_as(text)
        .bind(channel.word())
        .bind(now.0)
        .bind(i64::from(limit))
        .bind(now.plus(URGENT_WITHIN).0)
        .fetch_all(reader)
        .await?;
    let due = |(id, address, subject, text, sealed, attempts, until, made_at): DueColumns| {
        let id = id.parse().ok()?;
        Some(Due {
            id,
            address,
            subject,
            text: text.unwrap_or_default(),
            sealed,
            attempts,
            until: Millis(until),
            made_at: Millis(made_at),
            sent_at: now,
        })
    };
    Ok(rows.into_iter().filter_map(due).collect())
}

/// Takes a message for one try; false if another machine has it. Where this one stops in between, it is due again later.
pub(super) async fn claim(tx: &mut Tx, due: &Due, again_at: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE platform_message SET attempts = $3, due_at = $4 WHERE message_id = $1 AND attempts = $2 AND state = 'due'",
    )
    .bind(due.id.as_str().to_owned())
    .bind(due.attempts)
    .bind(due.attempts + 1)
    .bind(again_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It is settled.
    Settled(State, Millis),
    /// It is tried again.
    Again(Millis),
}

/// Writes down what came of a try; false if the message was settled already. What was said goes with its settling.
pub(super) async fn note(tx: &mut Tx, id: &MessageId, after: After, outcome: &str) -> Result<bool, Error> {
    let query = match after {
        After::Settled(state, at) => sqlx::query(
            "UPDATE platform_message SET state = $2, outcome = $3, settled_at = $4, body = NULL, sealed = NULL \
             WHERE message_id = $1 AND state = 'due'",
        )
        .bind(id.as_str().to_owned())
        .bind(state.word())
        .bind(outcome.to_owned())
        .bind(at.0),
        After::Again(at) => sqlx::query(
            "UPDATE platform_message SET outcome = $2, due_at = $3 WHERE message_id = $1 AND state = 'due'",
        )
        .bind(id.as_str().to_owned())
        .bind(outcome.to_owned())
        .bind(at.0),
    };
    Ok(query.execute(&mut *tx).await?.rows_affected() == 1)
}

/// Settles messages that are of no use any more; says how many.
pub(super) async fn expire(tx: &mut Tx, now: Millis) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE platform_message SET state = 'out-of-date', body = NULL, sealed = NULL, settled_at = $1 WHERE state = 'due' \
         AND until <= $1",
    )
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets messages that were settled before a time, a page of them; says how many.
pub(super) async fn forget(tx: &mut Tx, before: Millis, limit: u32) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM platform_message WHERE message_id IN (SELECT message_id FROM platform_message \
         WHERE settled_at IS NOT NULL AND settled_at < $1 ORDER BY settled_at LIMIT $2)",
    )
    .bind(before.0)
    .bind(i64::from(limit))
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// For how long the oldest message of a channel has waited beyond its time.
pub(super) async fn waiting<'c>(
    reader: impl Executor<'c, Database = Any>,
    channel: Channel,
    now: Millis,
) -> Result<Duration, Error> {
    let row: Option<(i64,)> = sqlx::query_as(
        "SELECT made_at FROM platform_message WHERE state = 'due' AND channel = $1 ORDER BY made_at LIMIT 1",
    )
    .bind(channel.word())
    .fetch_optional(reader)
    .await?;
    Ok(row.map_or(Duration::ZERO, |(made_at,)| now.since(Millis(made_at))))
}
