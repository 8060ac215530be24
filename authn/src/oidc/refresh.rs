//! Refresh tokens: each is used once, and one that comes again ends everything that came of it. RFC 9700 4.14.2.
//!
//! An answer can be lost on its way. So for some seconds its client, which proves each time who it is, may ask once more with the token that it
//! has, while nobody has used the one that was given for it: that one is given up, and whoever comes with it ends everything.

use platform::clock::Millis;
use platform::id::UserId;

use super::exchange::{self, Asked, Extra};
use super::giving::Stood;
use super::making::{For, Issued, Making, Refresh, store};
use super::refusal::{Code, Refusal};
use super::scope::Scopes;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::{grants, tokens};
use crate::token::{Grant, Kind, Token};

/// Exchanges a refresh token for new tokens, another refresh token among them.
pub(super) async fn refresh(provider: &Provider, asked: &Asked<'_>, now: Millis) -> Result<Issued, Refusal> {
    let client = asked.client;
    let (token, mut grant) = presented(provider, asked, now).await?;
    // What was taken out of the registration since is given no more.
    let granted = client.still(&token.scope);
    let wanted = asked.parameters.list("scope");
    grant.content.scope = if wanted.is_empty() { granted.clone() } else { Scopes::of(wanted) };
    if grant.content.scope.is_empty() || !grant.content.scope.is_within(&granted) {
        let sentence = "No more than was granted, and no more than the client is registered for now.";
        return Err(Refusal::new(Code::InvalidScope, sentence));
    }
    let (session, person) = exchange::signed_in(provider, &mut grant, now).await?;
    // FAPI 2.0 Security Profile 5.3.2.1: no rotation, because the client proves who it is each time.
    let refresh = if client.is_strict() { Refresh::None } else { Refresh::Given };
    let for_whom = For {
        client,
        grant: &grant,
        session: Some(&session),
        scope: grant.content.scope.clone(),
        binding: asked.binding.clone(),
        audience: asked.audience()?,
        actors: Vec::new(),
        until: grant.expires_at,
    };
    let mut making = Making::begin(provider, for_whom, refresh, now).await?;
    // RFC 6749 6: the new refresh token is good for what the old one was.
    for row in making.rows.iter_mut().filter(|row| row.kind == Kind::Refresh) {
        row.scope = token.scope.clone();
    }
    // OpenID Connect Core 12.2: no nonce, and the time of the sign-in as it was.
    let extra = Extra { nonce: None, code: None };
    let id_token = exchange::id_token(provider, client, &grant, &session, &person, &making, &extra).await?;
    let id = grant.id.clone();
    let since = now.minus(provider.config.refresh_retry());
    let (hash, rows) = (token.hash, std::mem::take(&mut making.rows));
    let given = Given { hash, person: session.person, grant, rows, refresh, since };
    let stored: Result<Stood, Error> =
        provider.db.write(move |tx| Box::pin(async move { given.store(tx, now).await })).await;
    match (stored?, refresh) {
        (Stood::Stands, _) => Ok(making.issued(id_token)),
        (Stood::Over, _) => Err(exchange::over()),
        (Stood::Used, Refresh::None) => {
            Err(Refusal::new(Code::InvalidGrant, "The refresh token is over. Sign in again."))
        }
        (Stood::Used, Refresh::Given) => {
            exchange::end_grant(provider, &id, client, "refresh-token-replayed", now).await?;
            let sentence = "The refresh token was used before. What it gave has ended; sign in again.";
            Err(Refusal::new(Code::InvalidGrant, sentence))
        }
    }
}

/// The refresh token that was presented, if it can be used.
async fn presented(provider: &Provider, asked: &Asked<'_>, now: Millis) -> Result<(Token, Grant), Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no refresh_token.");
    let presented = asked.parameters.get("refresh_token").ok_or_else(missing)?;
    let unknown =
        || Refusal::new(Code::InvalidGrant, "The refresh token is not known for this client. Sign in again.");
    let hash = Secret::parse(presented).ok_or_else(unknown)?.stored();
    let found = tokens::find(provider.db.read(), &hash).await?;
    let (token, grant) = found
        .filter(|(token, _)| token.kind == Kind::Refresh && token.client == asked.client.id)
        .filter(|(_, grant)| grant.content.face == asked.face)
        .ok_or_else(unknown)?;
    let retries = |used_at: Millis| now < used_at.plus(provider.config.refresh_retry());
    if token.used_at.is_some_and(|used_at| !retries(used_at)) {
        exchange::end_grant(provider, &grant.id, asked.client, "refresh-token-replayed", now).await?;
        let sentence = "The refresh token was used before. What it gave has ended; sign in again.";
        return Err(Refusal::new(Code::InvalidGrant, sentence));
    }
    if now >= token.expires_at || token.ended_at.is_some() {
        return Err(Refusal::new(Code::InvalidGrant, "The refresh token is over. Sign in again."));
    }
    Ok((token, grant))
}

/// What is stored at once.
struct Given {
    hash: String,
    person: UserId,
    grant: Grant,
    rows: Vec<Token>,
    refresh: Refresh,
    /// Since when its first use must be for a second one.
    since: Millis,
}

impl Given {
    /// What became of it: the person may have left, the grant have ended, or the refresh token be of no use any more.
    async fn store(self, tx: &mut platform::db::Tx, now: Millis) -> Result<Stood, Error> {
        let left = !directory::api::closed(tx, &[self.person.as_str()]).await?.is_empty();
        if left || !grants::is_open(tx, &self.grant.id).await? {
            return Ok(Stood::Over);
        }
        let good = match self.refresh {
            Refresh::Given => {
                tokens::consume(tx, &self.hash, now).await?
                    || tokens::use_again(tx, &self.hash, self.since, now).await?
            }
            Refresh::None => tokens::is_good(tx, &self.hash, now).await?,
        };
        if !good {
            return Ok(Stood::Used);
        }
        store(tx, &self.grant, &self.rows, "refresh_token", now).await?;
        if self.refresh == Refresh::Given {
            tokens::follow(tx, &self.rows, &self.hash).await?;
        }
        Ok(Stood::Stands)
    }
}
