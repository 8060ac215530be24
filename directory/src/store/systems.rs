//! Rows of `directory_system` and of the words under which systems are found.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::{Reader, former, list, places, read};
use crate::api::{SystemContent, SystemKind};
use crate::error::Error;
use crate::system::{Several, System, SystemId, digest, folded, keys};
use crate::version::Version;

/// How many words go into one statement.
const AT_ONCE: usize = 100;

type Columns = (String, String, i64, i64, Option<i64>, i64, Option<i64>, Option<String>);

fn system(
    (identifier, content, made_at, changed_at, withdrawn_at, version, since, first): Columns,
) -> Result<System, Error> {
    Ok(System {
        id: read("directory_system.identifier", &identifier)?,
        content: serde_json::from_str(&content)
            .map_err(|_| Error::Stored { what: "directory_system.content" })?,
        made_at: Millis(made_at),
        changed_at: Millis(changed_at),
        withdrawn_at: withdrawn_at.map(Millis),
        version: Version(version),
        several: since.map(|since| Several { since: Version(since), first }),
    })
}

/// The system with this identifier, folded; a withdrawn one too.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, folded: &str) -> Result<Option<System>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT identifier, content, made_at, changed_at, withdrawn_at, version, several_since, first_endpoint \
         FROM directory_system WHERE folded = $1",
    )
    .bind(folded)
    .fetch_optional(reader)
    .await?;
    row.map(system).transpose()
}

/// Systems by their identifiers, folded, withdrawn ones too; in no order.
pub(crate) async fn find_all<'c>(reader: impl Reader<'c>, wanted: &[String]) -> Result<Vec<System>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT identifier, content, made_at, changed_at, withdrawn_at, version, several_since, first_endpoint \
         FROM directory_system WHERE folded IN ({})",
        list(1, wanted.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for one in wanted {
        query = query.bind(one.clone());
    }
    let rows: Vec<Columns> = query.fetch_all(reader).await?;
    rows.into_iter().map(system).collect()
}

/// Systems whose folded identifiers begin so and go on, withdrawn ones too: those that are not first, each in the order of these.
pub(crate) async fn beginning<'c>(
    reader: impl Reader<'c>,
    beginning: &str,
    limit: u32,
) -> Result<Vec<System>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT identifier, content, made_at, changed_at, withdrawn_at, version, several_since, first_endpoint \
         FROM directory_system WHERE folded > $1 AND folded < $2 \
         ORDER BY CASE WHEN withdrawn_at IS NULL THEN 0 ELSE 1 END, folded LIMIT $3",
    )
    .bind(beginning.to_owned())
    .bind(format!("{beginning}\u{10ffff}"))
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(system).collect()
}

/// Which systems are meant: those under every one of these words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Of this kind.
    pub(crate) kind: Option<SystemKind>,
    /// Names of keys with their folded values.
    pub(crate) keys: Vec<(&'static str, String)>,
}

/// Systems that are not withdrawn, in the order of their folded identifiers, after one of these.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    wanted: &Wanted,
    after: &str,
    limit: u32,
) -> Result<Vec<System>, Error> {
    let columns = "s.identifier, s.content, s.made_at, s.changed_at, s.withdrawn_at, s.version, s.several_since, \
                   s.first_endpoint";
    let rows: Vec<Columns> = rows(reader, columns, wanted, after, limit).await?;
    rows.into_iter().map(system).collect()
}

/// Their folded identifiers alone: what a system is, is large.
pub(crate) async fn ids<'c>(
    reader: impl Reader<'c>,
    wanted: &Wanted,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = rows(reader, "s.folded", wanted, "", limit).await?;
    Ok(rows.into_iter().map(|(folded,)| folded).collect())
}

/// These columns of systems, in the order of their folded identifiers.
async fn rows<'c, R>(
    reader: impl Reader<'c>,
    columns: &'static str,
    wanted: &Wanted,
    after: &str,
    limit: u32,
) -> Result<Vec<R>, Error>
where
    R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
{
    let mut text = format!("SELECT {columns} FROM ");
    match wanted.keys.len() {
        0 => text.push_str("directory_system s WHERE s.folded > $1"),
        many => {
            // From the first word on: the planner has an index for each step.
            text.push_str("directory_system_key k0");
            for key in 1..many {
                let join = format!(
                    " JOIN directory_system_key k{key} ON k{key}.folded = k0.folded AND k{key}.name = ${} \
                     AND k{key}.value = ${}",
                    key * 2 + 4,
                    key * 2 + 5
                );
                text.push_str(&join);
            }
            text.push_str(
                " JOIN directory_system s ON s.folded = k0.folded WHERE k0.name = $4 AND k0.value = $5 AND k0.folded > $1",
            );
        }
    }
    text.push_str(" AND s.withdrawn_at IS NULL AND ($2 = '' OR s.kind = $2) ORDER BY s.folded LIMIT $3");
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(after.to_owned())
        .bind(wanted.kind.map_or("", SystemKind::word))
        .bind(i64::from(limit));
    for (name, value) in &wanted.keys {
        query = query.bind(*name).bind(value.clone());
    }
    Ok(query.fetch_all(reader).await?)
}

/// Systems of a kind that are not withdrawn and were written at a time or after it, in the order of their folded identifiers, after
/// one of these.
pub(crate) async fn written<'c>(
    reader: impl Reader<'c>,
    kind: SystemKind,
    since: Millis,
    after: &str,
    limit: u32,
) -> Result<Vec<System>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT identifier, content, made_at, changed_at, withdrawn_at, version, several_since, first_endpoint \
         FROM directory_system WHERE folded > $1 AND kind = $2 AND changed_at >= $3 AND withdrawn_at IS NULL ORDER BY folded LIMIT $4",
    )
    .bind(after.to_owned())
    .bind(kind.word())
    .bind(since.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(system).collect()
}

/// Writes a system whole, with the words under which it is found, and keeps what it was; gives the SHA-256 of what it is.
pub(crate) async fn write(tx: &mut Tx, system: &System) -> Result<String, Error> {
    let json = serde_json::to_string(&system.content).map_err(|_| Error::Stored { what: "system" })?;
    let sha256 = digest(&json);
    former::keep_system(tx, &folded(system.id.as_str()), system.version).await?;
    sqlx::query(
        "INSERT INTO directory_system (identifier, folded, kind, content, content_sha256, made_at, changed_at, \
           withdrawn_at, version, several_since, first_endpoint) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (folded) DO UPDATE SET content = excluded.content, content_sha256 = excluded.content_sha256, \
           changed_at = excluded.changed_at, withdrawn_at = excluded.withdrawn_at, version = excluded.version, \
           several_since = excluded.several_since, first_endpoint = excluded.first_endpoint",
    )
    .bind(system.id.as_str())
    .bind(folded(system.id.as_str()))
    .bind(system.content.kind().word())
    .bind(&json)
    .bind(&sha256)
    .bind(system.made_at.0)
    .bind(system.changed_at.0)
    .bind(system.withdrawn_at.map(|at| at.0))
    .bind(system.version.0)
    .bind(system.several.as_ref().map(|several| several.since.0))
    .bind(system.several.as_ref().and_then(|several| several.first.clone()))
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM directory_system_key WHERE folded = $1")
        .bind(folded(system.id.as_str()))
        .execute(&mut *tx)
        .await?;
    if system.withdrawn_at.is_none() {
        insert_keys(tx, &system.id, &system.content).await?;
    }
    Ok(sha256)
}

async fn insert_keys(tx: &mut Tx, id: &SystemId, content: &SystemContent) -> Result<(), Error> {
    let keys: Vec<_> = keys(content).into_iter().collect();
    for some in keys.chunks(AT_ONCE) {
        let text = format!(
            "INSERT INTO directory_system_key (name, value, folded) VALUES {}",
            places(some.len(), 3)
        );
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (name, value) in some {
            query = query.bind(*name).bind(value.clone()).bind(folded(id.as_str()));
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}
