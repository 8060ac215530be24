//! Which certificates of a person are younger than their leaving.

use std::collections::HashSet;

use platform::clock::Millis;
use sqlx::{Any, Executor};

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
