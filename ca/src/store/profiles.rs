//! `ca_profile_version`: what each profile has been.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// One content of a profile, with the number it got when it was first used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileVersion {
    pub(crate) profile: String,
    pub(crate) version: i64,
    pub(crate) content_sha256: String,
    pub(crate) content: String,
    pub(crate) used_at: Millis,
}

/// How many versions of one profile are shown.
const SHOWN: i64 = 1000;

/// The number of a content, if it was used before.
pub(crate) async fn number(
    tx: &mut Tx,
    profile: &str,
    content_sha256: &str,
) -> Result<Option<i64>, db::Error> {
    let row =
        sqlx::query("SELECT version FROM ca_profile_version WHERE profile = $1 AND content_sha256 = $2")
            .bind(profile)
            .bind(content_sha256)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(|row| row.try_get("version")).transpose()?)
}

/// The highest number a profile has; zero before the first.
pub(crate) async fn newest(tx: &mut Tx, profile: &str) -> Result<i64, db::Error> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) AS newest FROM ca_profile_version WHERE profile = $1",
    )
    .bind(profile)
    .fetch_one(tx)
    .await?;
    Ok(row.try_get("newest")?)
}

/// Keeps a content under its number; `false` if another process has taken the number or kept the content.
pub(crate) async fn insert(tx: &mut Tx, version: &ProfileVersion) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_profile_version (profile, version, content_sha256, content, used_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(version.profile.as_str())
    .bind(version.version)
    .bind(version.content_sha256.as_str())
    .bind(version.content.as_str())
    .bind(version.used_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every version of a profile, oldest first.
pub(crate) async fn versions(read: &AnyPool, profile: &str) -> Result<Vec<ProfileVersion>, db::Error> {
    let rows = sqlx::query(
        "SELECT profile, version, content_sha256, content, used_at FROM ca_profile_version \
         WHERE profile = $1 ORDER BY version LIMIT $2",
    )
    .bind(profile)
    .bind(SHOWN)
    .fetch_all(read)
    .await?;
    rows.iter().map(version).collect()
}

fn version(row: &AnyRow) -> Result<ProfileVersion, db::Error> {
    Ok(ProfileVersion {
        profile: row.try_get("profile")?,
        version: row.try_get("version")?,
        content_sha256: row.try_get("content_sha256")?,
        content: row.try_get("content")?,
        used_at: Millis(row.try_get("used_at")?),
    })
}
