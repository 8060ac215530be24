//! Which releases of organisations were brought in, as they are listed.

use super::Reader;
use crate::api::OrganisationImport;
use crate::error::Error;

#[derive(sqlx::FromRow)]
struct Row {
    release: String,
    description: String,
    published: Option<String>,
    started_at: i64,
    finished_at: Option<i64>,
    created: i64,
    changed: i64,
    unchanged: i64,
    parts: i64,
}

/// The latest fifty, the latest first.
pub(crate) async fn latest<'c>(reader: impl Reader<'c>) -> Result<Vec<OrganisationImport>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT i.release, i.description, i.published, i.started_at, i.finished_at, i.created, i.changed, i.unchanged, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_organisation_import_part p WHERE p.release = i.release) AS parts \
         FROM directory_organisation_import i ORDER BY i.started_at DESC, i.release LIMIT 50",
    )
    .fetch_all(reader)
    .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let shown = |row: Row| OrganisationImport {
        // The number of a further import of the same release stands after a dot.
        release: row.release.split('.').next().unwrap_or_default().to_owned(),
        description: row.description,
        published: row.published,
        started_at: row.started_at,
        finished_at: row.finished_at,
        parts: count(row.parts),
        created: count(row.created),
        changed: count(row.changed),
        unchanged: count(row.unchanged),
    };
    Ok(rows.into_iter().map(shown).collect())
}
