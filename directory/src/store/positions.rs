//! Rows of `directory_position` and of what lies around it.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::lineages::Places;
use super::{list, read};
use crate::authority::Rank;
use crate::error::Error;
use crate::ids::PositionId;
use crate::position::{Position, State};
use crate::version::Version;

type Columns = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
    i64,
);

const COLUMNS: &str =
    "position_id, organisation, name, notes, rank, state, closed_at, close_reason, close_approver, version";

fn position(row: Columns) -> Result<Position, Error> {
    let (id, organisation, name, notes, rank, state, closed_at, reason, approver, version) = row;
    let state = match (state.as_str(), closed_at) {
        ("open", None) => State::Open,
        ("closed", Some(at)) => State::Closed {
            at: Millis(at),
            reason: reason.unwrap_or_default(),
            approver: approver.unwrap_or_default(),
        },
        _ => return Err(Error::Stored { what: "directory_position.state" }),
    };
    Ok(Position {
        id: read("directory_position.position_id", &id)?,
        organisation: read("directory_position.organisation", &organisation)?,
        name,
        notes,
        rank: rank.map(|rank| read("directory_position.rank", &rank)).transpose()?,
        state,
        version: Version(version),
    })
}

/// A position.
pub(crate) async fn find(tx: &mut Tx, id: &PositionId) -> Result<Option<Position>, Error> {
    Ok(find_all(tx, std::slice::from_ref(id)).await?.pop())
}

/// Those of the positions that there are, in the order of their ids.
pub(crate) async fn find_all(tx: &mut Tx, ids: &[PositionId]) -> Result<Vec<Position>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT {COLUMNS} FROM directory_position WHERE position_id IN ({}) ORDER BY position_id",
        list(1, ids.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in ids {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<Columns> = query.fetch_all(&mut *tx).await?;
    rows.into_iter().map(position).collect()
}

/// Which positions are asked for.
pub(crate) struct Wanted<'a> {
    /// Of these organisations.
    pub(crate) organisations: Places<'a>,
    /// `open` or `closed`.
    pub(crate) state: Option<&'a str>,
    /// What their normalised names begin with.
    pub(crate) name_key: Option<&'a str>,
    /// Those after this one.
    pub(crate) after: Option<&'a PositionId>,
    /// How many at most.
    pub(crate) limit: u32,
}

/// The positions of organisations, in the order of their making.
pub(crate) async fn of_organisations(tx: &mut Tx, wanted: &Wanted<'_>) -> Result<Vec<Position>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_position WHERE position_id > $1 AND ($2 = '' OR state = $2) \
         AND ($3 = '' OR (name_key >= $3 AND name_key < $4)) AND organisation IN {} \
         ORDER BY position_id LIMIT $5",
        wanted.organisations.within(6)
    );
    let name = wanted.name_key.unwrap_or_default();
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(wanted.after.map_or("", PositionId::as_str).to_owned())
        .bind(wanted.state.unwrap_or_default().to_owned())
        .bind(name.to_owned())
        .bind(format!("{name}\u{10ffff}"))
        .bind(i64::from(wanted.limit));
    for organisation in wanted.organisations.codes() {
        query = query.bind(organisation);
    }
    let rows: Vec<Columns> = query.fetch_all(&mut *tx).await?;
    rows.into_iter().map(position).collect()
}

/// A name as it is searched for.
pub(crate) fn name_key(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Stores a new position.
pub(crate) async fn insert(tx: &mut Tx, position: &Position) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_position (position_id, organisation, name, name_key, notes, state, rank, version) \
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7)",
    )
    .bind(position.id.as_str())
    .bind(position.organisation.as_str())
    .bind(&position.name)
    .bind(name_key(&position.name))
    .bind(&position.notes)
    .bind(position.rank.map(Rank::word))
    .bind(position.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores name, notes, rank and version.
pub(crate) async fn update(tx: &mut Tx, position: &Position) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_position SET name = $2, name_key = $3, notes = $4, rank = $5, version = $6 \
         WHERE position_id = $1",
    )
    .bind(position.id.as_str())
    .bind(&position.name)
    .bind(name_key(&position.name))
    .bind(&position.notes)
    .bind(position.rank.map(Rank::word))
    .bind(position.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores the rank, which follows from what other positions give. Where it is another one that is a new version: it is part of what
/// is shown.
pub(crate) async fn set_rank(tx: &mut Tx, id: &PositionId, rank: Option<Rank>) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_position SET rank = $2, version = version + 1 WHERE position_id = $1 \
         AND COALESCE(rank, '') <> $3",
    )
    .bind(id.as_str())
    .bind(rank.map(Rank::word))
    .bind(rank.map_or("", Rank::word))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores that a position is closed.
pub(crate) async fn close(
    tx: &mut Tx,
    id: &PositionId,
    version: Version,
    now: Millis,
    reason: &str,
    approver: &str,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_position SET state = 'closed', closed_at = $2, close_reason = $3, close_approver = $4, \
         version = $5 WHERE position_id = $1",
    )
    .bind(id.as_str())
    .bind(now.0)
    .bind(reason)
    .bind(approver)
    .bind(version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// What was done to a position once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    /// The version that it made.
    pub(crate) version: Version,
    /// When.
    pub(crate) at: Millis,
    /// What.
    pub(crate) act: String,
    /// What kind of caller did it.
    pub(crate) by_kind: String,
    /// Who.
    pub(crate) by_subject: String,
    /// How it was approved.
    pub(crate) how: Option<String>,
    /// By whom.
    pub(crate) approver: Option<String>,
}

/// Adds to the history of a position.
pub(crate) async fn remember(tx: &mut Tx, id: &PositionId, past: &Past) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_position_history (position_id, version, at, act, by_kind, by_subject, how, approver) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.as_str())
    .bind(past.version.0)
    .bind(past.at.0)
    .bind(&past.act)
    .bind(&past.by_kind)
    .bind(&past.by_subject)
    .bind(&past.how)
    .bind(&past.approver)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

type PastColumns = (i64, i64, String, String, String, Option<String>, Option<String>);

/// The history of a position after a version, oldest first.
pub(crate) async fn history(
    tx: &mut Tx,
    id: &PositionId,
    after: i64,
    limit: u32,
) -> Result<Vec<Past>, Error> {
    let rows: Vec<PastColumns> = sqlx::query_as(
        "SELECT version, at, act, by_kind, by_subject, how, approver FROM directory_position_history \
         WHERE position_id = $1 AND version > $2 ORDER BY version LIMIT $3",
    )
    .bind(id.as_str())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let past = |(version, at, act, by_kind, by_subject, how, approver)| Past {
        version: Version(version),
        at: Millis(at),
        act,
        by_kind,
        by_subject,
        how,
        approver,
    };
    Ok(rows.into_iter().map(past).collect())
}
