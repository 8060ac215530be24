//! Opening a link: from then on it works in that browser alone.

use http::HeaderMap;
use platform::clock::Millis;
use subtle::ConstantTimeEq as _;

use super::Enrolment;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::presented;
use crate::store::enrolments;

/// What the browser holds that opened a link.
pub(crate) const BROWSER: &str = "__Host-lanyard-enrolment";

/// The link that somebody came with, whether or not it was opened; none if it is over.
pub(crate) async fn look(provider: &Provider, text: &str, now: Millis) -> Result<Option<Enrolment>, Error> {
    match Secret::parse(text) {
        Some(secret) => enrolments::by_secret(provider.db.read(), &secret.hash(), now).await,
        None => Ok(None),
    }
}

/// Opens a link in a browser, which is to hold the secret; none if another browser has it.
pub(crate) async fn start(provider: &Provider, enrolment: &Enrolment) -> Result<Option<Secret>, Error> {
    let secret = Secret::generate(&provider.random)?;
    let (id, hash) = (enrolment.id.clone(), secret.hash());
    let opened =
        provider.db.write(move |tx| Box::pin(async move { enrolments::bind(tx, &id, &hash).await })).await?;
    Ok(opened.then_some(secret))
}

/// The link that somebody came with, if this browser opened it.
pub(crate) async fn bound(
    provider: &Provider,
    headers: &HeaderMap,
    text: &str,
    now: Millis,
) -> Result<Option<Enrolment>, Error> {
    let held = presented(headers, BROWSER).and_then(Secret::parse).map(|secret| secret.hash());
    let found = look(provider, text, now).await?;
    Ok(found.filter(|enrolment| match (&enrolment.browser, held) {
        (Some(browser), Some(held)) => bool::from(browser.as_slice().ct_eq(&held)),
        _ => false,
    }))
}
