//! Rows of `directory_scim_user` and `directory_scim_value`: what a personnel system says of a user beyond the profile.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use sqlx::AssertSqlSafe;

use super::people_links::Link;
use super::{Reader, places};
use crate::error::Error;

/// What is kept of a user beyond the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// How often the link or the values changed.
    pub(crate) revision: i64,
    pub(crate) changed_at: Millis,
}

/// A part of a value of an attribute that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "its columns are named so")]
pub(crate) struct Part {
    /// The attribute.
    pub(crate) attribute: String,
    /// Which of its values, from 0.
    pub(crate) item: i64,
    /// The part.
    pub(crate) part: String,
    pub(crate) value: String,
}

/// What is kept of a user; nothing of one that was announced before it was kept.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    source: &str,
    external_id: &str,
) -> Result<Option<Kept>, Error> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "SELECT revision, changed_at FROM directory_scim_user WHERE source = $1 AND external_id = $2",
    )
    .bind(source)
    .bind(external_id)
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(revision, changed_at)| Kept { revision, changed_at: Millis(changed_at) }))
}

/// The external id of the user of a name in small letters.
pub(crate) async fn by_name<'c>(
    reader: impl Reader<'c>,
    source: &str,
    name_key: &str,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT external_id FROM directory_scim_user WHERE source = $1 AND user_name_key = $2",
    )
    .bind(source)
    .bind(name_key)
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(external_id,)| external_id))
}

/// Keeps that a user was announced or changed; the caller has seen that the name is nobody else's.
pub(crate) async fn put(tx: &mut Tx, link: &Link, name_key: &str, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_scim_user (source, external_id, user_name_key, revision, changed_at) \
         VALUES ($1, $2, $3, 1, $4) ON CONFLICT (source, external_id) DO UPDATE SET \
         user_name_key = excluded.user_name_key, revision = directory_scim_user.revision + 1, \
         changed_at = excluded.changed_at",
    )
    .bind(link.source.as_str())
    .bind(link.external_id.as_str())
    .bind(name_key)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The parts of the values of a user, in their order.
pub(crate) async fn values<'c>(
    reader: impl Reader<'c>,
    source: &str,
    external_id: &str,
) -> Result<Vec<Part>, Error> {
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT attribute, item, part, value FROM directory_scim_value WHERE source = $1 AND external_id = $2 \
         ORDER BY attribute, item, part LIMIT 1000",
    )
    .bind(source)
    .bind(external_id)
    .fetch_all(reader)
    .await?;
    let part = |(attribute, item, part, value)| Part { attribute, item, part, value };
    Ok(rows.into_iter().map(part).collect())
}

/// Puts values in place of those of before.
pub(crate) async fn put_values(tx: &mut Tx, link: &Link, parts: &[Part]) -> Result<(), Error> {
    remove_values(tx, &link.source, &link.external_id).await?;
    if parts.is_empty() {
        return Ok(());
    }
    let text = format!(
        "INSERT INTO directory_scim_value (source, external_id, attribute, item, part, value) VALUES {}",
        places(parts.len(), 6)
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for part in parts {
        query = query
            .bind(link.source.clone())
            .bind(link.external_id.clone())
            .bind(part.attribute.clone())
            .bind(part.item)
            .bind(part.part.clone())
            .bind(part.value.clone());
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

async fn remove_values(tx: &mut Tx, source: &str, external_id: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_scim_value WHERE source = $1 AND external_id = $2")
        .bind(source)
        .bind(external_id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Forgets a user.
pub(crate) async fn remove(tx: &mut Tx, link: &Link) -> Result<(), Error> {
    remove_values(tx, &link.source, &link.external_id).await?;
    sqlx::query("DELETE FROM directory_scim_user WHERE source = $1 AND external_id = $2")
        .bind(link.source.as_str())
        .bind(link.external_id.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases the values of a person, whichever system told them.
pub(crate) async fn erase_values(tx: &mut Tx, user: &UserId) -> Result<(), Error> {
    let links: Vec<(String, String)> = sqlx::query_as(
        "SELECT source, external_id FROM directory_person_link WHERE user_id = $1 ORDER BY source, external_id",
    )
    .bind(user.as_str())
    .fetch_all(&mut *tx)
    .await?;
    for (source, external_id) in links {
        remove_values(tx, &source, &external_id).await?;
    }
    Ok(())
}
