//! Rows of `directory_leaving`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{read, stored_number};
use crate::assignment::Leaving;
use crate::day::Day;
use crate::error::Error;
use crate::ids::LeavingId;

/// Stores a leaving.
pub(crate) async fn insert(tx: &mut Tx, leaving: &Leaving) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_leaving (leaving_id, user_id, organisation, last_day, reason, at, told, afterwards, \
         withdrawn_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(leaving.id.as_str())
    .bind(leaving.user.as_str())
    .bind(leaving.organisation.as_ref().map(OdsCode::as_str))
    .bind(leaving.last_day.to_string())
    .bind(&leaving.reason)
    .bind(leaving.at.0)
    .bind(leaving.told.map(stored_number))
    .bind(leaving.afterwards.word())
    .bind(leaving.withdrawn_at.map(|at| at.0))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

const COLUMNS: &str =
    "leaving_id, user_id, organisation, last_day, reason, at, told, afterwards, withdrawn_at";

type Columns = (String, String, Option<String>, String, String, i64, Option<i64>, String, Option<i64>);

fn leaving(row: Columns) -> Result<Leaving, Error> {
    let (id, user, organisation, last_day, reason, at, told, afterwards, withdrawn_at) = row;
    Ok(Leaving {
        id: read("directory_leaving.leaving_id", &id)?,
        user: read("directory_leaving.user_id", &user)?,
        organisation: organisation.map(|code| read("directory_leaving.organisation", &code)).transpose()?,
        last_day: read("directory_leaving.last_day", &last_day)?,
        reason,
        at: Millis(at),
        // One that was taken back has a number too, so that the release before tells of none.
        told: told.filter(|_| withdrawn_at.is_none()).and_then(|told| u64::try_from(told).ok()),
        afterwards: read("directory_leaving.afterwards", &afterwards)?,
        withdrawn_at: withdrawn_at.map(Millis),
    })
}

/// A leaving.
pub(crate) async fn find(tx: &mut Tx, id: &LeavingId) -> Result<Option<Leaving>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_leaving WHERE leaving_id = $1");
    let row: Option<Columns> =
        sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    row.map(leaving).transpose()
}

/// The leavings of a person before one of them, latest first.
pub(crate) async fn of_person(
    tx: &mut Tx,
    user: &UserId,
    before: Option<&LeavingId>,
    limit: u32,
) -> Result<Vec<Leaving>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_leaving WHERE user_id = $1 AND ($2 = '' OR leaving_id < $2) \
         ORDER BY leaving_id DESC LIMIT $3"
    );
    let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
        .bind(user.as_str().to_owned())
        .bind(before.map_or("", LeavingId::as_str).to_owned())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(leaving).collect()
}

/// Leavings that were neither told nor taken back though the last day has passed, and of whose assignments everything is told, in the
/// order of their last days, after one of them.
pub(crate) async fn due(
    tx: &mut Tx,
    today: Day,
    after: Option<&(Day, LeavingId)>,
    most: u32,
) -> Result<Vec<Leaving>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_leaving l \
         WHERE told IS NULL AND withdrawn_at IS NULL AND last_day < $1 AND NOT EXISTS (SELECT 1 FROM directory_assignment a \
         WHERE a.user_id = l.user_id AND a.state = 'live' AND a.to_day < $1) \
         AND (last_day > $3 OR (last_day = $3 AND leaving_id > $4)) ORDER BY last_day, leaving_id LIMIT $2"
    );
    let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
        .bind(today.to_string())
        .bind(i64::from(most))
        .bind(after.map(|(day, _)| day.to_string()).unwrap_or_default())
        .bind(after.map_or("", |(_, id)| id.as_str()).to_owned())
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(leaving).collect()
}

/// Notes from which number on a leaving is told.
pub(crate) async fn set_told(tx: &mut Tx, id: &LeavingId, told: u64) -> Result<(), Error> {
    sqlx::query("UPDATE directory_leaving SET told = $2 WHERE leaving_id = $1 AND told IS NULL")
        .bind(id.as_str())
        .bind(stored_number(told))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Notes the same of every leaving of a person that waits for its last day: there is nothing more to come of it.
pub(crate) async fn set_all_told(tx: &mut Tx, user: &UserId, told: u64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_leaving SET told = $2 WHERE user_id = $1 AND told IS NULL AND withdrawn_at IS NULL",
    )
    .bind(user.as_str())
    .bind(stored_number(told))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Notes that a leaving was taken back that waits for its last day. The release before, which knows of none that is taken back, passes
/// it by as one that is told.
pub(crate) async fn set_withdrawn(tx: &mut Tx, id: &LeavingId, at: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_leaving SET withdrawn_at = $2, told = 0 \
         WHERE leaving_id = $1 AND told IS NULL AND withdrawn_at IS NULL",
    )
    .bind(id.as_str())
    .bind(at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Gives the leavings of one person to another, who is the same.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    sqlx::query("UPDATE directory_leaving SET user_id = $2 WHERE user_id = $1")
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
