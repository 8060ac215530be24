//! Rows of `directory_person_link`: under which names other systems know people.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::error::Error;

/// Under which name a system knows somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) source: String,
    pub(crate) external_id: String,
    pub(crate) user_name: String,
    pub(crate) user: UserId,
    pub(crate) content: String,
}

/// By what a link is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'a> {
    /// The id that the system gave.
    ExternalId(&'a str),
    /// The name that the system gave.
    UserName(&'a str),
    /// Our id.
    User(&'a UserId),
}

type Columns = (String, String, String, String, String);

fn link((source, external_id, user_name, user, content): Columns) -> Result<Link, Error> {
    Ok(Link { source, external_id, user_name, user: read("directory_person_link.user_id", &user)?, content })
}

/// A link of a system.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    source: &str,
    by: By<'_>,
) -> Result<Option<Link>, Error> {
    let (text, value) = match by {
        By::ExternalId(id) => (
            "SELECT source, external_id, user_name, user_id, content FROM directory_person_link \
             WHERE source = $1 AND external_id = $2",
            id,
        ),
        By::UserName(name) => (
            "SELECT source, external_id, user_name, user_id, content FROM directory_person_link \
             WHERE source = $1 AND user_name = $2",
            name,
        ),
        By::User(user) => (
            "SELECT source, external_id, user_name, user_id, content FROM directory_person_link \
             WHERE source = $1 AND user_id = $2 ORDER BY external_id LIMIT 1",
            user.as_str(),
        ),
    };
    let row: Option<Columns> = sqlx::query_as(text).bind(source).bind(value).fetch_optional(reader).await?;
    row.map(link).transpose()
}

/// The links of a system in the order of our ids, from a place on.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    source: &str,
    skip: u32,
    limit: u32,
) -> Result<Vec<Link>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT source, external_id, user_name, user_id, content FROM directory_person_link WHERE source = $1 \
         ORDER BY user_id, external_id LIMIT $2 OFFSET $3",
    )
    .bind(source)
    .bind(i64::from(limit))
    .bind(i64::from(skip))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(link).collect()
}

/// How many links a system has: kept with each that is added or taken away, never counted.
pub(crate) async fn count<'c>(reader: impl Reader<'c>, source: &str) -> Result<u64, Error> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT many FROM directory_link_total WHERE source = $1")
        .bind(source)
        .fetch_optional(reader)
        .await?;
    Ok(row.and_then(|(many,)| u64::try_from(many).ok()).unwrap_or(0))
}

/// A system has so many links more.
async fn counted(tx: &mut Tx, source: &str, more: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_link_total (source, many) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE \
         SET many = directory_link_total.many + excluded.many",
    )
    .bind(source)
    .bind(more)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Adds a link. `false`: the system knows somebody under one of these names already.
pub(crate) async fn add(tx: &mut Tx, link: &Link, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_person_link (source, external_id, user_name, user_id, content, at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(link.source.as_str())
    .bind(link.external_id.as_str())
    .bind(link.user_name.as_str())
    .bind(link.user.as_str())
    .bind(link.content.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    let added = done.rows_affected() == 1;
    if added {
        counted(tx, &link.source, 1).await?;
    }
    Ok(added)
}

/// Changes the name of a link and what came last; the caller has seen that the name is nobody else's.
pub(crate) async fn change(tx: &mut Tx, link: &Link, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_person_link SET user_name = $3, content = $4, at = $5 WHERE source = $1 AND external_id = $2",
    )
    .bind(link.source.as_str())
    .bind(link.external_id.as_str())
    .bind(link.user_name.as_str())
    .bind(link.content.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes a link away.
pub(crate) async fn remove(tx: &mut Tx, link: &Link) -> Result<(), Error> {
    let done = sqlx::query("DELETE FROM directory_person_link WHERE source = $1 AND external_id = $2")
        .bind(link.source.as_str())
        .bind(link.external_id.as_str())
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 1 {
        counted(tx, &link.source, -1).await?;
    }
    Ok(())
}

/// Whatever knew one person knows another from now on.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    sqlx::query("UPDATE directory_person_link SET user_id = $2 WHERE user_id = $1")
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
