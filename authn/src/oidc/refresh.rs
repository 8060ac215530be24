//! Refresh tokens: each is used once, and one that comes again ends everything that came of it. RFC 9700 4.14.2.

use platform::clock::Millis;

use super::exchange::{self, Extra, Issued, Making};
use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use super::scope::Scopes;
use crate::client::Client;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::{grants, tokens};
use crate::token::Kind;

/// Exchanges a refresh token for new tokens, another refresh token among them.
pub(super) async fn refresh(
    provider: &Provider,
    client: &Client,
    parameters: &Parameters,
    now: Millis,
) -> Result<Issued, Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no refresh_token.");
    let presented = parameters.get("refresh_token").ok_or_else(missing)?;
    let unknown = || Refusal::new(Code::InvalidGrant, "The refresh token is not known for this client.");
    let hash = Secret::parse(presented).ok_or_else(unknown)?.stored();
    let found = tokens::find(provider.db.read(), &hash).await?;
    let (token, mut grant) = found
        .filter(|(token, _)| token.kind == Kind::Refresh && token.client == client.id)
        .ok_or_else(unknown)?;
    if token.used_at.is_some() {
        exchange::end_grant(provider, &grant.id, client, "refresh-token-replayed", now).await?;
        let sentence = "The refresh token was used before. What it gave has ended; sign in again.";
        return Err(Refusal::new(Code::InvalidGrant, sentence));
    }
    if now >= token.expires_at || token.ended_at.is_some() {
        return Err(Refusal::new(Code::InvalidGrant, "The refresh token is over. Sign in again."));
    }
    let wanted = parameters.list("scope");
    if !wanted.is_empty() {
        let wanted = Scopes::of(wanted);
        if !wanted.is_within(&token.scope) {
            return Err(Refusal::new(Code::InvalidScope, "No more than was granted."));
        }
        grant.content.scope = wanted;
    }
    let (session, person) = exchange::signed_in(provider, &grant, now).await?;
    let mut making = Making::begin(provider, client, &grant, now)?;
    // RFC 6749 6: the new refresh token is good for what the old one was.
    for row in making.rows.iter_mut().filter(|row| row.kind == Kind::Refresh) {
        row.scope = token.scope.clone();
    }
    // OpenID Connect Core 12.2: no nonce, and the time of the sign-in as it was.
    let extra = Extra { nonce: None, code: None };
    let id_token = exchange::id_token(provider, client, &grant, &session, &person, &making, &extra).await?;
    let (rows, id) = (making.rows.clone(), grant.id.clone());
    let stored: Result<bool, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let left = !directory::api::closed(tx, &[session.person.as_str()]).await?.is_empty();
                if left || !grants::is_open(tx, &grant.id).await? || !tokens::consume(tx, &hash, now).await? {
                    return Ok(false);
                }
                exchange::store(tx, &grant, &rows, "refresh_token", now).await?;
                Ok(true)
            })
        })
        .await;
    if !stored? {
        exchange::end_grant(provider, &id, client, "refresh-token-replayed", now).await?;
        return Err(Refusal::new(
            Code::InvalidGrant,
            "The refresh token was used at the same time. Sign in again.",
        ));
    }
    Ok(making.issued(Some(id_token)))
}
