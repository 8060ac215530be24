//! The request that a browser signs in for, if it is the browser that began it.

use http::HeaderMap;
use platform::clock::Millis;
use subtle::ConstantTimeEq as _;

use crate::error::Error;
use crate::interaction::Interaction;
use crate::provider::Provider;
use crate::session::{Secret, presented};
use crate::store::waiting::find;

/// What the browser holds that began a request.
const BROWSER: &str = "__Host-lanyard-interaction";

/// The waiting request of this browser with this secret; none where it is over, or was begun by another browser: a link that
/// somebody sends signs nobody else in.
pub(crate) async fn waiting(
    provider: &Provider,
    headers: &HeaderMap,
    secret: &str,
    now: Millis,
) -> Result<Option<Interaction>, Error> {
    let held = presented(headers, BROWSER).and_then(Secret::parse);
    let (Some(secret), Some(held)) = (Secret::parse(secret), held) else { return Ok(None) };
    let found = find(provider.db.read(), &hex::encode(secret.hash()), now).await?;
    let held = hex::encode(held.hash());
    let same = |browser: &str| bool::from(browser.as_bytes().ct_eq(held.as_bytes()));
    Ok(found.filter(|(_, browser)| same(browser)).map(|(interaction, _)| interaction))
}
