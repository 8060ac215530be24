//! Rows of `directory_subscription`: what programs asked to be told of over FHIR.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read, stored_number};
use crate::day::Day;
use crate::error::Error;

/// What somebody asked to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) caller: String,
    /// Of which face.
    pub(crate) face: String,
    /// Why, in their words.
    pub(crate) reason: String,
    /// A search of the face.
    pub(crate) criteria: String,
    /// Where they are told.
    pub(crate) endpoint: String,
    /// The headers that go with it, encrypted.
    pub(crate) sealed: Option<Vec<u8>>,
    /// Why they are told no more; nothing while they are.
    pub(crate) error: Option<String>,
    /// How far it is.
    pub(crate) place: Place,
    /// Whether what became of the last message is still to be seen.
    pub(crate) is_told: bool,
    pub(crate) made_at: Millis,
    /// Until when they are told.
    pub(crate) until: Millis,
}

/// Up to where changes were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the last change.
    pub(crate) after: u64,
    /// The last day: roles begin and end with a day, which no change tells of.
    pub(crate) day: Day,
}

/// Stores a new subscription.
pub(crate) async fn insert(tx: &mut Tx, new: &Subscription) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_subscription (subscription_id, caller, face, reason, criteria, endpoint, sealed, state, \
         after, day, told, made_at, until) VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, 0, $10, $11)",
    )
    .bind(new.id.clone())
    .bind(new.caller.clone())
    .bind(new.face.clone())
    .bind(new.reason.clone())
    .bind(new.criteria.clone())
    .bind(new.endpoint.clone())
    .bind(new.sealed.clone())
    .bind(stored_number(new.place.after))
    .bind(new.place.day.to_string())
    .bind(new.made_at.0)
    .bind(new.until.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many subscriptions somebody has.
pub(crate) async fn count(tx: &mut Tx, caller: &str) -> Result<i64, Error> {
    let many =
        sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM directory_subscription WHERE caller = $1")
            .bind(caller.to_owned())
            .fetch_one(&mut *tx)
            .await?;
    Ok(many)
}

/// What is read of a subscription, and where.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT subscription_id, caller, face, reason, criteria, endpoint, sealed, error, after, day, told, made_at, until \
             FROM directory_subscription WHERE ",
            $rest
        )
    };
}

type Columns = (
    String,
    String,
    String,
    String,
    String,
    String,
    Option<Vec<u8>>,
    Option<String>,
    i64,
    String,
    i64,
    i64,
    i64,
);

fn subscription(columns: Columns) -> Result<Subscription, Error> {
    let (id, caller, face, reason, criteria, endpoint, sealed, error, after, day, told, made_at, until) =
        columns;
    let after = u64::try_from(after).map_err(|_| Error::Stored { what: "directory_subscription.after" })?;
    Ok(Subscription {
        id,
        caller,
        face,
        reason,
        criteria,
        endpoint,
        sealed,
        error,
        place: Place { after, day: read("directory_subscription.day", &day)? },
        is_told: told != 0,
        made_at: Millis(made_at),
        until: Millis(until),
    })
}

/// A subscription.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, id: &str) -> Result<Option<Subscription>, Error> {
    let row: Option<Columns> =
        sqlx::query_as(select!("subscription_id = $1")).bind(id.to_owned()).fetch_optional(reader).await?;
    row.map(subscription).transpose()
}

/// The subscriptions of somebody to a face, in the order of their making.
pub(crate) async fn of_caller<'c>(
    reader: impl Reader<'c>,
    caller: &str,
    face: &str,
) -> Result<Vec<Subscription>, Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(select!("caller = $1 AND face = $2 ORDER BY subscription_id LIMIT 100"))
            .bind(caller.to_owned())
            .bind(face.to_owned())
            .fetch_all(reader)
            .await?;
    rows.into_iter().map(subscription).collect()
}

/// Subscriptions of everybody after one, in the order of their making.
pub(crate) async fn after<'c>(
    reader: impl Reader<'c>,
    after: &str,
    limit: u32,
) -> Result<Vec<Subscription>, Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(select!("subscription_id > $1 ORDER BY subscription_id LIMIT $2"))
            .bind(after.to_owned())
            .bind(i64::from(limit))
            .fetch_all(reader)
            .await?;
    rows.into_iter().map(subscription).collect()
}

/// Subscriptions for which something is to be looked at up to a place, those after one, at most so many.
pub(crate) async fn behind<'c>(
    reader: impl Reader<'c>,
    place: Place,
    after: &str,
    limit: u32,
) -> Result<Vec<Subscription>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(select!(
        "state = 'active' AND (after <> $1 OR day < $2 OR told = 1) AND subscription_id > $3 \
         ORDER BY subscription_id LIMIT $4"
    ))
    .bind(stored_number(place.after))
    .bind(place.day.to_string())
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(subscription).collect()
}

/// Goes on from a place to another; whether a message is on its way then. `false`: somebody else has gone on from there.
pub(crate) async fn advance(tx: &mut Tx, of: &Subscription, to: Place, is_told: bool) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE directory_subscription SET after = $5, day = $6, told = $7 WHERE subscription_id = $1 AND after = $2 \
         AND day = $3 AND told = $4 AND state = 'active'",
    )
    .bind(of.id.clone())
    .bind(stored_number(of.place.after))
    .bind(of.place.day.to_string())
    .bind(i64::from(of.is_told))
    .bind(stored_number(to.after))
    .bind(to.day.to_string())
    .bind(i64::from(is_told))
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Tells its program nothing any more, and says why; `false` if that is so already.
pub(crate) async fn fail(tx: &mut Tx, id: &str, why: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE directory_subscription SET state = 'error', error = $2, sealed = NULL, told = 0 WHERE subscription_id = $1 \
         AND state = 'active'",
    )
    .bind(id.to_owned())
    .bind(why.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Erases a subscription; `false` if it is not there.
pub(crate) async fn erase(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM directory_subscription WHERE subscription_id = $1")
        .bind(id.to_owned())
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Subscriptions whose time is over, at most so many.
pub(crate) async fn over<'c>(reader: impl Reader<'c>, now: Millis, limit: u32) -> Result<Vec<String>, Error> {
    let ids = sqlx::query_scalar(
        "SELECT subscription_id FROM directory_subscription WHERE until <= $1 ORDER BY until LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(ids)
}
