//! Rows of `directory_assignment`.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{list, places, read};
use crate::api::Standing;
use crate::assignment::{Assignment, State};
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::version::Version;

struct Row {
    assignment_id: String,
    user_id: String,
    position_id: String,
    organisation: String,
    from_day: String,
    to_day: Option<String>,
    state: String,
    notes: Option<String>,
    via: String,
    made_by: String,
    made_at: i64,
    removed_by: Option<String>,
    removed_at: Option<i64>,
    removed_why: Option<String>,
    version: i64,
}

platform::from_row!(Row {
    assignment_id,
    user_id,
    position_id,
    organisation,
    from_day,
    to_day,
    state,
    notes,
    via,
    made_by,
    made_at,
    removed_by,
    removed_at,
    removed_why,
    version
});

const COLUMNS: &str = "assignment_id, user_id, position_id, organisation, from_day, to_day, state, notes, via, \
                       made_by, made_at, removed_by, removed_at, removed_why, version";

fn assignment(row: Row) -> Result<Assignment, Error> {
    let state = match (row.state.as_str(), row.removed_by, row.removed_at) {
        ("live", None, None) => State::Live,
        ("ended", None, None) => State::Ended,
        ("removed", Some(by), Some(at)) => State::Removed { by, at: Millis(at), why: row.removed_why },
        _ => return Err(Error::Stored { what: "directory_assignment.state" }),
    };
    Ok(Assignment {
        id: read("directory_assignment.assignment_id", &row.assignment_id)?,
        user: read("directory_assignment.user_id", &row.user_id)?,
        position: read("directory_assignment.position_id", &row.position_id)?,
        organisation: read("directory_assignment.organisation", &row.organisation)?,
        from: read("directory_assignment.from_day", &row.from_day)?,
        to: row.to_day.map(|to| read("directory_assignment.to_day", &to)).transpose()?,
        state,
        notes: row.notes,
        via: read("directory_assignment.via", &row.via)?,
        made_by: row.made_by,
        made_at: Millis(row.made_at),
        version: Version(row.version),
    })
}

fn assignments(rows: Vec<Row>) -> Result<Vec<Assignment>, Error> {
    rows.into_iter().map(assignment).collect()
}

/// Those of the assignments that there are.
pub(crate) async fn find_all(tx: &mut Tx, ids: &[AssignmentId]) -> Result<Vec<Assignment>, Error> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(500) {
        let text = format!(
            "SELECT {COLUMNS} FROM directory_assignment WHERE assignment_id IN ({})",
            list(1, ids.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for id in ids {
            query = query.bind(id.as_str().to_owned());
        }
        found.extend(assignments(query.fetch_all(&mut *tx).await?)?);
    }
    Ok(found)
}

/// The live assignments of these people to these positions, those to come and those just past among them.
pub(crate) async fn of_pairs(
    tx: &mut Tx,
    users: &[UserId],
    positions: &[PositionId],
) -> Result<Vec<Assignment>, Error> {
    if users.is_empty() || positions.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT {COLUMNS} FROM directory_assignment WHERE state = 'live' AND user_id IN ({}) \
         AND position_id IN ({}) ORDER BY from_day",
        list(1, users.len()),
        list(users.len() + 1, positions.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    for position in positions {
        query = query.bind(position.as_str().to_owned());
    }
    assignments(query.fetch_all(&mut *tx).await?)
}

/// Every assignment of a person that gives something on this day or later, everywhere or in one organisation. However many they
/// are: none is overlooked where all of them end.
pub(crate) async fn open_of_person(
    tx: &mut Tx,
    user: &UserId,
    organisation: Option<&OdsCode>,
    today: Day,
) -> Result<Vec<Assignment>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_assignment WHERE user_id = $1 AND state = 'live' \
         AND (to_day IS NULL OR to_day >= $2) AND ($3 = '' OR organisation = $3) ORDER BY assignment_id"
    );
    let query = sqlx::query_as(AssertSqlSafe(text))
        .bind(user.as_str().to_owned())
        .bind(today.to_string())
        .bind(organisation.map_or("", OdsCode::as_str).to_owned());
    assignments(query.fetch_all(&mut *tx).await?)
}

/// Whether a person has an assignment that gives something on this day or later.
pub(crate) async fn has_open(tx: &mut Tx, user: &UserId, today: Day) -> Result<bool, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT assignment_id FROM directory_assignment WHERE user_id = $1 AND state = 'live' \
         AND (to_day IS NULL OR to_day >= $2) LIMIT 1",
    )
    .bind(user.as_str())
    .bind(today.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.is_some())
}

/// The assignments to a position that give something on this day or later.
pub(crate) async fn live_of_position(
    tx: &mut Tx,
    position: &PositionId,
    today: Day,
    most: usize,
) -> Result<Vec<Assignment>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_assignment WHERE position_id = $1 AND state = 'live' \
         AND (to_day IS NULL OR to_day >= $2) ORDER BY assignment_id LIMIT $3"
    );
    let query = sqlx::query_as(AssertSqlSafe(text))
        .bind(position.as_str().to_owned())
        .bind(today.to_string())
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
    assignments(query.fetch_all(&mut *tx).await?)
}

/// Which assignments are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that give something on this day or later.
    OpenOn(Day),
    /// All, those that ended or were taken away among them.
    All,
}

/// Whose assignments are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    Person(&'a UserId),
    Position(&'a PositionId),
}

/// Who holds one of these positions today, by user id after one.
pub(crate) async fn holders(
    tx: &mut Tx,
    positions: &[PositionId],
    today: Day,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let text = format!(
        "SELECT DISTINCT user_id FROM directory_assignment WHERE state = 'live' AND from_day <= $1 \
         AND (to_day IS NULL OR to_day >= $1) AND user_id > $2 AND position_id IN ({}) ORDER BY user_id LIMIT $3",
        list(4, positions.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(today.to_string())
        .bind(after.map_or_else(String::new, ToString::to_string))
        .bind(i64::from(limit));
    for position in positions {
        query = query.bind(position.as_str().to_owned());
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(user,)| read("directory_assignment.user_id", user)).collect()
}

/// A page of assignments, in the order of their making.
pub(crate) async fn page(
    tx: &mut Tx,
    of: Of<'_>,
    which: Which,
    after: Option<&AssignmentId>,
    limit: u32,
) -> Result<Vec<Assignment>, Error> {
    let (column, id) = match of {
        Of::Person(user) => ("user_id", user.as_str()),
        Of::Position(position) => ("position_id", position.as_str()),
    };
    let day = match which {
        Which::OpenOn(day) => day.to_string(),
        Which::All => String::new(),
    };
    let text = format!(
        "SELECT {COLUMNS} FROM directory_assignment WHERE {column} = $1 AND assignment_id > $2 \
         AND ($3 = '' OR (state = 'live' AND (to_day IS NULL OR to_day >= $3))) ORDER BY assignment_id LIMIT $4"
    );
    let query = sqlx::query_as(AssertSqlSafe(text))
        .bind(id.to_owned())
        .bind(after.map_or("", AssignmentId::as_str).to_owned())
        .bind(day)
        .bind(i64::from(limit));
    assignments(query.fetch_all(&mut *tx).await?)
}

/// Stores new assignments.
pub(crate) async fn insert(tx: &mut Tx, rows: &[Assignment]) -> Result<(), Error> {
    for rows in rows.chunks(100) {
        let text = format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, to_day, \
             state, notes, via, made_by, made_at, version) VALUES {}",
            places(rows.len(), 12)
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in rows {
            query = query
                .bind(row.id.as_str().to_owned())
                .bind(row.user.as_str().to_owned())
                .bind(row.position.as_str().to_owned())
                .bind(row.organisation.as_str().to_owned())
                .bind(row.from.to_string())
                .bind(row.to.map(String::from))
                .bind("live")
                .bind(row.notes.clone())
                .bind(row.via.word())
                .bind(row.made_by.clone())
                .bind(row.made_at.0)
                .bind(row.version.0);
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Gives assignments another end.
pub(crate) async fn set_end(tx: &mut Tx, ids: &[AssignmentId], to: Option<Day>) -> Result<(), Error> {
    for ids in ids.chunks(500) {
        let text = format!(
            "UPDATE directory_assignment SET to_day = $1, version = version + 1 WHERE state = 'live' \
             AND assignment_id IN ({})",
            list(2, ids.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(to.map(String::from));
        for id in ids {
            query = query.bind(id.as_str().to_owned());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Stores the notes and the version, without touching the days.
pub(crate) async fn set_notes(tx: &mut Tx, assignment: &Assignment) -> Result<(), Error> {
    sqlx::query("UPDATE directory_assignment SET notes = $2, version = $3 WHERE assignment_id = $1")
        .bind(assignment.id.as_str())
        .bind(&assignment.notes)
        .bind(assignment.version.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Marks assignments as taken away.
pub(crate) async fn remove(
    tx: &mut Tx,
    ids: &[AssignmentId],
    by: &str,
    at: Millis,
    why: Option<&str>,
) -> Result<(), Error> {
    for ids in ids.chunks(500) {
        let text = format!(
            "UPDATE directory_assignment SET state = 'removed', removed_by = $1, removed_at = $2, removed_why = $3, \
             version = version + 1 WHERE state = 'live' AND assignment_id IN ({})",
            list(4, ids.len())
        );
        let mut query =
            sqlx::query(AssertSqlSafe(text)).bind(by.to_owned()).bind(at.0).bind(why.map(str::to_owned));
        for id in ids {
            query = query.bind(id.as_str().to_owned());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Marks some of the assignments whose last day has passed as ended, each once.
pub(crate) async fn mark_ended(
    tx: &mut Tx,
    today: Day,
    most: u32,
) -> Result<Vec<(AssignmentId, UserId)>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "UPDATE directory_assignment SET state = 'ended' WHERE state = 'live' AND assignment_id IN \
         (SELECT assignment_id FROM directory_assignment WHERE state = 'live' AND to_day < $1 \
          ORDER BY to_day LIMIT $2) RETURNING assignment_id, user_id",
    )
    .bind(today.to_string())
    .bind(i64::from(most))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(id, user)| {
            Ok((read("directory_assignment.assignment_id", id)?, read("directory_assignment.user_id", user)?))
        })
        .collect()
}

/// What of a profile decides whether its person may be put anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Neither closed nor merged.
    pub(crate) open: bool,
    /// It was checked who this is.
    pub(crate) verified: bool,
}

/// Of these people, those that there are, with the condition of their profile.
pub(crate) async fn conditions(tx: &mut Tx, users: &[UserId]) -> Result<BTreeMap<UserId, Condition>, Error> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = format!(
        "SELECT user_id, state, standing FROM directory_person WHERE user_id IN ({})",
        list(1, users.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<(String, String, String)> = query.fetch_all(&mut *tx).await?;
    rows.iter()
        .map(|(user, state, standing)| {
            let verified = read::<Standing>("directory_person.standing", standing)? == Standing::Verified;
            Ok((read("directory_person.user_id", user)?, Condition { open: state == "open", verified }))
        })
        .collect()
}
