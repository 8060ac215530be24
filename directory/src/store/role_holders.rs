//! Whose role profile it is: asked by whoever shares the database and is told a role profile by somebody.

use platform::db;
use sqlx::{Any, Executor};

/// The person to whom this role profile belongs, by their number; nothing where the register has none of this id.
pub async fn role_holder<'c>(
    reader: impl Executor<'c, Database = Any>,
    role_profile: &str,
) -> Result<Option<String>, db::Error> {
    Ok(sqlx::query_scalar("SELECT user_id FROM directory_role_profile WHERE role_profile_id = $1")
        .bind(role_profile)
        .fetch_optional(reader)
        .await?)
}
