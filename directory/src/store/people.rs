//! Rows of `directory_person`.

use platform::id::UserId;

use super::Reader;
use crate::error::Error;

/// Whether there is a person with this id, and whether their profile is open.
pub(crate) async fn is_open<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Option<bool>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT state FROM directory_person WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|(state,)| state == "open"))
}
