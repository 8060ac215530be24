//! Which certificates of a person are younger than their leaving, and which a system has by its name.

use std::collections::HashSet;

use platform::clock::Millis;
use sqlx::{Any, Executor};

/// A certificate by its serial number.
pub(crate) type Named = (String, Vec<u8>);

/// The serials of a person's certificates that were begun after a time.
pub(crate) async fn begun_after<'c>(
    reader: impl Executor<'c, Database = Any>,
    user: &str,
    after: Millis,
) -> Result<HashSet<String>, sqlx::Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT serial FROM ca_certificate WHERE user_id = $1 AND reserved_at > $2 ORDER BY serial",
    )
    .bind(user.to_owned())
    .bind(after.0)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(serial,)| serial).collect())
}

/// Certificates in force or on hold that name neither a person nor a system and have this name, given in small letters, of those that were
/// begun at a time or after it; after a serial number, at most so many.
pub(crate) async fn by_name<'c>(
    reader: impl Executor<'c, Database = Any>,
    (name, since): (&str, Millis),
    now: Millis,
    after: &str,
    limit: i64,
) -> Result<Vec<Named>, sqlx::Error> {
    sqlx::query_as(
        "SELECT serial, certificate FROM ca_certificate WHERE LOWER(common_name) = $1 AND user_id IS NULL \
         AND system_id IS NULL AND state = 'issued' AND certificate IS NOT NULL AND (reason IS NULL OR reason = 6) \
         AND not_after >= $2 AND reserved_at >= $3 AND serial > $4 ORDER BY serial LIMIT $5",
    )
    .bind(name.to_owned())
    .bind(now.0)
    .bind(since.0)
    .bind(after.to_owned())
    .bind(limit)
    .fetch_all(reader)
    .await
}
