//! What a token is worth: RFC 7662.

use platform::clock::Millis;
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::api::Introspection;
use crate::client::Authenticated;
use crate::error::Error;
use crate::interaction::Acr;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session;
use crate::store::tokens;
use crate::token::Kind;

/// Says what a token is worth now. Whatever is not good, or not theirs to ask about, is not active and nothing more.
pub(crate) async fn introspect(
    provider: &Provider,
    proof: &Authenticated,
    parameters: &Parameters,
    now: Millis,
) -> Result<Value, Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no token.");
    let presented = parameters.get("token").ok_or_else(missing)?;
    Ok(worth(provider, proof, presented, now).await?.unwrap_or_else(|| json!({"active": false})))
}

async fn worth(
    provider: &Provider,
    proof: &Authenticated,
    presented: &str,
    now: Millis,
) -> Result<Option<Value>, Error> {
    let Some(secret) = Secret::parse(presented) else { return Ok(None) };
    let Some((token, grant)) = tokens::find(provider.db.read(), &secret.stored()).await? else {
        return Ok(None);
    };
    let client = proof.client();
    let theirs = token.client == client.id || client.config().introspection == Introspection::Any;
    let over = token.ended_at.is_some() || token.used_at.is_some() || now >= token.expires_at;
    if !theirs || over || grant.ended_at.is_some() {
        return Ok(None);
    }
    let mut told = json!({
        "active": true,
        "scope": token.scope.text(),
        "client_id": token.client.as_str(),
        "iat": token.issued_at.seconds(),
        "exp": token.expires_at.seconds(),
        "iss": provider.faces.issuer(grant.content.face),
        "sub": token.client.as_str(),
    });
    if token.kind == Kind::Access {
        told["token_type"] = "Bearer".into();
    }
    if let Some(sid) = &grant.sid {
        let Some(session) = session::by_sid(provider, sid, now).await? else { return Ok(None) };
        let session = session.when_granted(&grant.content);
        told["sub"] = session.person.as_str().into();
        told["sid"] = session.sid.clone().into();
        told["auth_time"] = session.authenticated_at.seconds().into();
        told["acr"] = Acr::reached(session.level).into();
        told["amr"] = json!([session.method.amr()]);
        if let Some(role) = &grant.content.role {
            told["selected_roleid"] = role.clone().into();
        }
    }
    Ok(Some(told))
}
