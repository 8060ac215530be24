//! Which releases of organisations were brought in, as they are listed.

use platform::id::NotAnId;

use super::Reader;
use crate::api::OrganisationImport;
use crate::error::Error;

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

platform::from_row!(Row {
    release,
    description,
    published,
    started_at,
    finished_at,
    created,
    changed,
    unchanged,
    parts
});

/// After which import a page begins: when that was begun, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    started_at: i64,
    release: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.started_at, self.release)
    }
}

impl std::str::FromStr for Place {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let not = NotAnId { expected: "the next of a page" };
        let (at, release) = text.split_once('-').ok_or(not)?;
        let started_at = at.parse().map_err(|_| NotAnId { expected: "the next of a page" })?;
        Ok(Self { started_at, release: release.to_owned() })
    }
}

/// A page, the latest first, each with its place.
pub(crate) async fn latest<'c>(
    reader: impl Reader<'c>,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<(Place, OrganisationImport)>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT i.release, i.description, i.published, i.started_at, i.finished_at, i.created, i.changed, i.unchanged, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_organisation_import_part p WHERE p.release = i.release) AS parts \
         FROM directory_organisation_import i WHERE i.started_at < $1 OR (i.started_at = $1 AND i.release > $2) \
         ORDER BY i.started_at DESC, i.release LIMIT $3",
    )
    .bind(after.map_or(i64::MAX, |place| place.started_at))
    .bind(after.map_or("", |place| place.release.as_str()))
    .bind(i64::from(limit))
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
    let place = |row: &Row| Place { started_at: row.started_at, release: row.release.clone() };
    Ok(rows.into_iter().map(|row| (place(&row), shown(row))).collect())
}
