//! The request that a browser signs in for, if it is the browser that began it.

use http::HeaderMap;
use platform::clock::Millis;

use super::browser;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::interactions::{self, Row};

/// The waiting request of this browser with this secret; none where it is over, or was begun by another browser: a link that
/// somebody sends signs nobody else in.
pub(crate) async fn waiting(
    provider: &Provider,
    headers: &HeaderMap,
    secret: &str,
    now: Millis,
) -> Result<Option<(Secret, Row)>, Error> {
    let Some(secret) = Secret::parse(secret) else { return Ok(None) };
    let found = interactions::find(provider.db.read(), &secret.stored(), now).await?;
    let mine = found.filter(|row| browser::began(headers, &row.interaction.id, &row.browser));
    Ok(mine.map(|row| (secret, row)))
}
