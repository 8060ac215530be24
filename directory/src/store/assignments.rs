//! Rows of `directory_assignment`.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{list, placeholders, read};
use crate::assignment::{Assignment, State};
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::version::Version;

#[derive(sqlx::FromRow)]
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

/// The roles in the registration authority that a person's assignments give, those to come and those past among them.
pub(crate) async fn roles<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<Role>, Error> {
    let rows: Vec<RoleColumns> = sqlx::query_as(
        "SELECT p.position_id, p.organisation, p.rank, a.from_day, a.to_day FROM directory_assignment a \
         JOIN directory_position p ON p.position_id = a.position_id \
         WHERE a.user_id = $1 AND a.state = 'live' AND p.rank IS NOT NULL LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    let mut roles = Vec::with_capacity(rows.len());
    for (_position, organisation, rank, from, to) in rows {
        roles.push(Role {
            role_profile: None,
            organisation: Some(read("directory_position.organisation", &organisation)?),
            rank: rank_of(&rank)?,
            assignable: BTreeSet::new(),
            from: read("directory_assignment.from_day", &from)?,
            to: to.map(|to| read("directory_assignment.to_day", &to)).transpose()?,
        });
    }
    let text =
        format!("SELECT {COLUMNS} FROM directory_assignment WHERE assignment_id IN ({})", list(1, ids.len()));
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in ids {
        query = query.bind(id.as_str().to_owned());
    }
    assignments(query.fetch_all(&mut *tx).await?)
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

/// The assignments of a person that give something on this day or later, everywhere or in one organisation.
pub(crate) async fn open_of_person(
    tx: &mut Tx,
    user: &UserId,
    organisation: Option<&OdsCode>,
    today: Day,
    most: usize,
) -> Result<Vec<Assignment>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_assignment WHERE user_id = $1 AND state = 'live' \
         AND (to_day IS NULL OR to_day >= $2) AND ($3 = '' OR organisation = $3) ORDER BY assignment_id LIMIT $4"
    );
    let query = sqlx::query_as(AssertSqlSafe(text))
        .bind(user.as_str().to_owned())
        .bind(today.to_string())
        .bind(organisation.map_or("", OdsCode::as_str).to_owned())
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
    assignments(query.fetch_all(&mut *tx).await?)
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
            placeholders(rows.len(), 12)
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

/// Stores notes without touching the days or the version.
pub(crate) async fn set_notes(tx: &mut Tx, id: &AssignmentId, notes: Option<&str>) -> Result<(), Error> {
    sqlx::query("UPDATE directory_assignment SET notes = $2 WHERE assignment_id = $1")
        .bind(id.as_str())
        .bind(notes)
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

/// Of these people, those that there are, with whether their profile is open.
pub(crate) async fn open_people(tx: &mut Tx, users: &[UserId]) -> Result<BTreeMap<UserId, bool>, Error> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text =
        format!("SELECT user_id, state FROM directory_person WHERE user_id IN ({})", list(1, users.len()));
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(user, state)| Ok((read("directory_person.user_id", user)?, state == "open"))).collect()
}
