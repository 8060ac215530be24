//! Userinfo: what an access token tells. OpenID Connect Core 5.3.

use platform::clock::Millis;
use serde_json::{Map, Value};

use super::claims;
use super::exchange::signed_in_with;
use super::possession::{self, Held, Scheme};
use super::refusal::{Code, Refusal};
use super::scope::Scope;
use crate::client::State;
use crate::provider::Provider;
use crate::store::tokens::{self, Shown};
use crate::token::{Grant, Kind, Token, stored};

/// The answer, as the client registered it.
pub(crate) enum Userinfo {
    /// Plain.
    Json(Map<String, Value>),
    /// Signed.
    Jwt(String),
}

/// Answers what an access token allows.
pub(crate) async fn userinfo(
    provider: &Provider,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<Userinfo, Refusal> {
    let Shown { token, mut grant, client, session } = live(provider, presented, scheme, held, now).await?;
    if grant.person.is_none() || !token.scope.has(Scope::OpenId) {
        let sentence = "The access token is for no person who signed in with the scope openid.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let signed_in = signed_in_with(provider, &mut grant, session, now).await;
    let (_, person) = signed_in.map_err(|refusal| match refusal.code {
        Code::InvalidGrant => unknown(),
        _ => refusal,
    })?;
    let whole = token.client == grant.client && token.scope == grant.content.scope;
    let named = whole && !grant.content.userinfo_claims.is_empty();
    let registered = named.then(|| client.scopes());
    let mut told = claims::userinfo(&person, &grant.content, &token.scope, registered.as_ref());
    let Some(alg) = client.config().userinfo_signed_response_alg else { return Ok(Userinfo::Json(told)) };
    told.insert("iss".to_owned(), provider.faces.issuer(grant.content.face).into());
    told.insert("aud".to_owned(), client.id.as_str().into());
    Ok(Userinfo::Jwt(provider.keys.sign(alg, "JWT", &Value::Object(told)).await?))
}

fn unknown() -> Refusal {
    Refusal::new(Code::InvalidToken, "The access token is not known, or it is over. Get a new one.")
}

/// An access token that is good here and comes with what it is bound to. Whether the session behind it stands is not looked at.
pub(crate) async fn live(
    provider: &Provider,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<Shown, Refusal> {
    let hash = stored(presented).ok_or_else(unknown)?;
    let found = provider.lookups.tokens.find(tokens::ByHash(hash)).await?;
    let shown = found.filter(|found| is_good(&found.token, &found.grant, now)).ok_or_else(unknown)?;
    if shown.token.audience.is_some() {
        // Whoever it is for could show it here in somebody else's name.
        let sentence =
            "The access token is for another audience. Show one that was given without a resource.";
        return Err(Refusal::new(Code::InvalidToken, sentence));
    }
    if shown.client.state != State::Open {
        return Err(unknown());
    }
    possession::shown_with(provider, &shown.client, &shown.token, presented, scheme, held, now).await?;
    Ok(shown.within_registration())
}

fn is_good(token: &Token, grant: &Grant, now: Millis) -> bool {
    token.kind == Kind::Access
        && token.ended_at.is_none()
        && now < token.expires_at
        && grant.ended_at.is_none()
}
