//! The request that a browser signs in for, if it is the browser that began it.

use http::HeaderMap;
use platform::clock::Millis;

use super::browser;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::interactions::{self, Row};

/// Which browser came to a request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// The one that began it.
    Again,
    /// Another one, or one that does not show that it began it.
    Other,
}

/// The waiting request of this browser with this secret; none where it is over, or was begun by another browser: a link that
/// somebody sends signs nobody else in.
pub(crate) async fn waiting(
    provider: &Provider,
    headers: &HeaderMap,
    secret: &str,
    now: Millis,
) -> Result<Option<(Secret, Row)>, Error> {
    let found = of_anybody(provider, headers, secret, now).await?;
    Ok(found.and_then(|(secret, row, came)| (came == Came::Again).then_some((secret, row))))
}

/// The waiting request with this secret, whoever came with it. Nobody else than the one who began it is signed in by it, or sees what it wants.
pub(crate) async fn of_anybody(
    provider: &Provider,
    headers: &HeaderMap,
    secret: &str,
    now: Millis,
) -> Result<Option<(Secret, Row, Came)>, Error> {
    let Some(secret) = Secret::parse(secret) else { return Ok(None) };
    let found = interactions::find(provider.db.read(), &secret.stored(), now).await?;
    Ok(found.map(|row| {
        let began = browser::began(headers, &row.interaction.id, &row.browser);
        (secret, row, if began { Came::Again } else { Came::Other })
    }))
}
