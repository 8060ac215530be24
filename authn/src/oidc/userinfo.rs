//! Userinfo: what an access token tells. OpenID Connect Core 5.3.

use platform::clock::Millis;
use serde_json::{Map, Value};

use super::claims;
use super::exchange::signed_in;
use super::refusal::{Code, Refusal};
use super::scope::Scope;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::{clients, tokens};
use crate::token::{Grant, Kind, Token};

/// The answer, as the client registered it.
pub(crate) enum Userinfo {
    /// Plain.
    Json(Map<String, Value>),
    /// Signed.
    Jwt(String),
}

/// Answers what an access token allows.
pub(crate) async fn userinfo(provider: &Provider, presented: &str, now: Millis) -> Result<Userinfo, Refusal> {
    let bad = || Refusal::new(Code::InvalidToken, "The access token is not known, or it is over.");
    let (token, grant) = live(provider, presented, now).await?.ok_or_else(bad)?;
    if grant.person.is_none() || !token.scope.has(Scope::OpenId) {
        let sentence = "The access token is for no person who signed in with the scope openid.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let (_, person) = signed_in(provider, &grant, now).await.map_err(|refusal| match refusal.code {
        Code::InvalidGrant => bad(),
        _ => refusal,
    })?;
    let mut told = claims::userinfo(&person, &grant.content, &token.scope);
    let client = clients::find(provider.db.read(), &grant.client).await?.ok_or_else(bad)?;
    let Some(alg) = client.config().userinfo_signed_response_alg else { return Ok(Userinfo::Json(told)) };
    told.insert("iss".to_owned(), provider.faces.issuer(grant.content.face).into());
    told.insert("aud".to_owned(), grant.client.as_str().into());
    Ok(Userinfo::Jwt(provider.keys.sign(alg, "JWT", &Value::Object(told)).await?))
}

/// An access token that is good, with its grant. Whether the session behind it stands is asked elsewhere.
pub(super) async fn live(
    provider: &Provider,
    presented: &str,
    now: Millis,
) -> Result<Option<(Token, Grant)>, Refusal> {
    let Some(secret) = Secret::parse(presented) else { return Ok(None) };
    let found = tokens::find(provider.db.read(), &secret.stored()).await?;
    Ok(found.filter(|(token, grant)| {
        token.kind == Kind::Access
            && token.ended_at.is_none()
            && now < token.expires_at
            && grant.ended_at.is_none()
    }))
}
