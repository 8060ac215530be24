//! Rows of `directory_export` and `directory_export_part`: exports in bulk, and the parts into which they are cut.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) caller: String,
    /// Of which face.
    pub(crate) face: String,
    /// The kinds of resources, in their order.
    pub(crate) kinds: Vec<String>,
    /// What was written since then alone.
    pub(crate) since: Option<Millis>,
    /// How it was asked for.
    pub(crate) request: String,
    pub(crate) made_at: Millis,
    /// Until when it can be fetched.
    pub(crate) until: Millis,
    /// How far it is cut; nothing where it is.
    pub(crate) place: Option<Place>,
}

/// How far an export is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) kind: String,
    pub(crate) after: String,
}

/// A part of an export: the things of a kind after an id, up to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: String,
    pub(crate) after: String,
    pub(crate) last: String,
}

/// Stores a new export.
pub(crate) async fn insert(tx: &mut Tx, export: &Export) -> Result<(), Error> {
    let place = export.place.as_ref();
    sqlx::query(
        "INSERT INTO directory_export (export_id, caller, face, kinds, since, request, made_at, until, at_kind, at_after) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(export.id.clone())
    .bind(export.caller.clone())
    .bind(export.face.clone())
    .bind(export.kinds.join(","))
    .bind(export.since.map(|since| since.0))
    .bind(export.request.clone())
    .bind(export.made_at.0)
    .bind(export.until.0)
    .bind(place.map(|place| place.kind.clone()))
    .bind(place.map_or_else(String::new, |place| place.after.clone()))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many exports somebody has that can still be fetched.
pub(crate) async fn count(tx: &mut Tx, caller: &str, now: Millis) -> Result<i64, Error> {
    let many = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_export WHERE caller = $1 AND until > $2",
    )
    .bind(caller.to_owned())
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    Ok(many)
}

type Columns = (String, String, String, String, Option<i64>, String, i64, i64, Option<String>, String);

fn export((id, caller, face, kinds, since, request, made_at, until, at_kind, at_after): Columns) -> Export {
    Export {
        id,
        caller,
        face,
        kinds: kinds.split(',').map(str::to_owned).collect(),
        since: since.map(Millis),
        request,
        made_at: Millis(made_at),
        until: Millis(until),
        place: at_kind.map(|kind| Place { kind, after: at_after }),
    }
}

/// An export.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, id: &str) -> Result<Option<Export>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT export_id, caller, face, kinds, since, request, made_at, until, at_kind, at_after \
         FROM directory_export WHERE export_id = $1",
    )
    .bind(id.to_owned())
    .fetch_optional(reader)
    .await?;
    Ok(row.map(export))
}

/// Exports that are not cut yet, the oldest first.
pub(crate) async fn waiting<'c>(
    reader: impl Reader<'c>,
    now: Millis,
    limit: u32,
) -> Result<Vec<Export>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT export_id, caller, face, kinds, since, request, made_at, until, at_kind, at_after \
         FROM directory_export WHERE until > $1 AND at_kind IS NOT NULL ORDER BY export_id LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(export).collect())
}

/// Goes on from a place to the next, or to the end, with the part between them. `false`: somebody else has gone on from there.
pub(crate) async fn advance(
    tx: &mut Tx,
    id: &str,
    from: &Place,
    to: Option<&Place>,
    part: Option<&Part>,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE directory_export SET at_kind = $4, at_after = $5 WHERE export_id = $1 AND at_kind = $2 AND at_after = $3",
    )
    .bind(id.to_owned())
    .bind(from.kind.clone())
    .bind(from.after.clone())
    .bind(to.map(|to| to.kind.clone()))
    .bind(to.map_or_else(String::new, |to| to.after.clone()))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    if let Some(part) = part {
        sqlx::query(
            "INSERT INTO directory_export_part (export_id, number, kind, after, last) SELECT $1, \
             COALESCE((SELECT MAX(number) FROM directory_export_part WHERE export_id = $1), 0) + 1, $2, $3, $4",
        )
        .bind(id.to_owned())
        .bind(part.kind.clone())
        .bind(part.after.clone())
        .bind(part.last.clone())
        .execute(&mut *tx)
        .await?;
    }
    Ok(true)
}

/// The parts of an export by their numbers.
pub(crate) async fn parts<'c>(reader: impl Reader<'c>, id: &str) -> Result<Vec<(i64, Part)>, Error> {
    let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
        "SELECT number, kind, after, last FROM directory_export_part WHERE export_id = $1 ORDER BY number",
    )
    .bind(id.to_owned())
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(number, kind, after, last)| (number, Part { kind, after, last })).collect())
}

/// A part of an export.
pub(crate) async fn part<'c>(reader: impl Reader<'c>, id: &str, number: i64) -> Result<Option<Part>, Error> {
    let row: Option<(String, String, String)> = sqlx::query_as(
        "SELECT kind, after, last FROM directory_export_part WHERE export_id = $1 AND number = $2",
    )
    .bind(id.to_owned())
    .bind(number)
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(kind, after, last)| Part { kind, after, last }))
}

/// Erases an export.
pub(crate) async fn erase(tx: &mut Tx, id: &str) -> Result<(), Error> {
    for text in [
        "DELETE FROM directory_export_part WHERE export_id = $1",
        "DELETE FROM directory_export WHERE export_id = $1",
    ] {
        sqlx::query(text).bind(id.to_owned()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Exports whose time is over, at most so many.
pub(crate) async fn over<'c>(reader: impl Reader<'c>, now: Millis, limit: u32) -> Result<Vec<String>, Error> {
    let ids = sqlx::query_scalar(
        "SELECT export_id FROM directory_export WHERE until <= $1 ORDER BY until LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(ids)
}
