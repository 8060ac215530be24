//! The row of a waiting authorisation request, as the pages read it. The protocol writes it.

use platform::clock::Millis;

use super::{Reader, read};
use crate::error::Error;
use crate::interaction::Interaction;

/// The waiting request with this secret's hash, and the hash of what the browser holds that began it.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    secret_hash: &str,
    now: Millis,
) -> Result<Option<(Interaction, String)>, Error> {
    let row: Option<(String, String, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT interaction_id, browser_hash, client_id, client_name, wanted, created_at, expires_at \
         FROM authn_interaction WHERE secret_hash = $1 AND state = 'waiting' AND expires_at > $2",
    )
    .bind(secret_hash)
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    let Some((id, browser, client, client_name, wanted, created_at, expires_at)) = row else {
        return Ok(None);
    };
    let interaction = Interaction {
        id: read("authn_interaction.interaction_id", &id)?,
        client: read("authn_interaction.client_id", &client)?,
        client_name,
        wanted: serde_json::from_str(&wanted)
            .map_err(|_| Error::Stored { what: "authn_interaction.wanted" })?,
        created_at: Millis(created_at),
        expires_at: Millis(expires_at),
    };
    Ok(Some((interaction, browser)))
}
