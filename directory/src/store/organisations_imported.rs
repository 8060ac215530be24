//! Rows of `directory_organisation_import` and of its parts: how far the import of a release is.

use platform::clock::Millis;
use platform::db::Tx;

use super::stored_number;
use crate::day::Day;
use crate::error::Error;
use crate::organisation::Manifest;

/// The latest day of publication of a release that was brought in to its end.
pub(crate) async fn latest(tx: &mut Tx) -> Result<Option<Day>, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT published FROM directory_organisation_import \
         WHERE finished_at IS NOT NULL AND published IS NOT NULL ORDER BY published DESC LIMIT 1",
    )
    .fetch_optional(&mut *tx)
    .await?;
    row.map(|(day,)| super::read("directory_organisation_import.published", &day)).transpose()
}

/// Begins the import of a release, or goes on with one that was broken off. What is in of any other release counts no longer: it
/// may be overwritten now. Answers by what the rows of this import are found: the id of the release, and for the second and
/// further imports of one a number after it, so that what came of each stays.
pub(crate) async fn begin(tx: &mut Tx, manifest: &Manifest, now: Millis) -> Result<String, Error> {
    let release = manifest.sha256.as_str();
    // A slash comes after the dot before the number.
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
        "SELECT release, finished_at FROM directory_organisation_import WHERE release >= $1 AND release < $2",
    )
    .bind(release)
    .bind(format!("{release}/"))
    .fetch_all(&mut *tx)
    .await?;
    let open = rows.iter().find(|(_, finished_at)| finished_at.is_none()).map(|(import, _)| import.clone());
    let import = match (open, rows.len()) {
        (Some(open), _) => open,
        (None, 0) => release.to_owned(),
        (None, before) => format!("{release}.{}", before + 1),
    };
    sqlx::query("DELETE FROM directory_organisation_import_part WHERE release <> $1")
        .bind(import.as_str())
        .execute(&mut *tx)
        .await?;
    let (parts,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM directory_organisation_import_part WHERE release = $1")
            .bind(import.as_str())
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query(
        "INSERT INTO directory_organisation_import \
           (release, description, published, started_at, created, changed, unchanged) \
         VALUES ($1, $2, $3, $4, 0, 0, 0) ON CONFLICT (release) DO NOTHING",
    )
    .bind(import.as_str())
    .bind(manifest.description.clone())
    .bind(manifest.published.map(|day| day.to_string()))
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    if parts == 0 {
        sqlx::query(
            "UPDATE directory_organisation_import SET started_at = $2, created = 0, changed = 0, unchanged = 0 \
             WHERE release = $1",
        )
        .bind(import.as_str())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    }
    Ok(import)
}

/// Whether this part is in of an import, with this content.
pub(crate) async fn has_part(tx: &mut Tx, import: &str, number: u64, sha256: &str) -> Result<bool, Error> {
    let row: Option<(i64,)> = sqlx::query_as(
        "SELECT number FROM directory_organisation_import_part \
         WHERE release = $1 AND number = $2 AND sha256 = $3",
    )
    .bind(import.to_owned())
    .bind(stored_number(number))
    .bind(sha256.to_owned())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.is_some())
}

/// How many organisations of a part were new, had changed, and were as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// New.
    pub(crate) created: u64,
    /// Changed.
    pub(crate) changed: u64,
    /// As they are.
    pub(crate) unchanged: u64,
}

/// Notes that a part is in.
pub(crate) async fn keep_part(
    tx: &mut Tx,
    import: &str,
    number: u64,
    sha256: &str,
    counts: Counts,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_organisation_import_part (release, number, sha256) VALUES ($1, $2, $3) \
         ON CONFLICT (release, number) DO UPDATE SET sha256 = excluded.sha256",
    )
    .bind(import.to_owned())
    .bind(stored_number(number))
    .bind(sha256.to_owned())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE directory_organisation_import SET created = created + $2, changed = changed + $3, \
         unchanged = unchanged + $4 WHERE release = $1",
    )
    .bind(import.to_owned())
    .bind(stored_number(counts.created))
    .bind(stored_number(counts.changed))
    .bind(stored_number(counts.unchanged))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends an import: what counted for going on is forgotten. Answers what came of it, over every run.
pub(crate) async fn finish(tx: &mut Tx, import: &str, now: Millis) -> Result<Counts, Error> {
    sqlx::query("DELETE FROM directory_organisation_import_part WHERE release = $1")
        .bind(import.to_owned())
        .execute(&mut *tx)
        .await?;
    let (created, changed, unchanged): (i64, i64, i64) = sqlx::query_as(
        "UPDATE directory_organisation_import SET finished_at = $2 WHERE release = $1 \
         RETURNING created, changed, unchanged",
    )
    .bind(import.to_owned())
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Counts { created: count(created), changed: count(changed), unchanged: count(unchanged) })
}
