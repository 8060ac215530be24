//! What a token is worth: RFC 7662.

use platform::clock::Millis;
use serde_json::{Value, json};

use super::claims;
use super::exchange::signed_in_with;
use super::making::acting;
use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::api::Introspection;
use crate::client::{Authenticated, State};
use crate::provider::Provider;
use crate::store::tokens::{self, Shown};
use crate::token::{Kind, stored};

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
) -> Result<Option<Value>, Refusal> {
    let Some(hash) = stored(presented) else { return Ok(None) };
    let Some(found) = provider.lookups.tokens.find(tokens::ByHash(hash)).await? else { return Ok(None) };
    let Shown { token, mut grant, client: holder, session } = found.within_registration();
    // What was exchanged lies under somebody else's grant, which goes on when the client that has it is closed.
    if holder.state != State::Open {
        return Ok(None);
    }
    let client = proof.client();
    // A refresh token is for its client and for nobody else: a server that is shown one was shown the wrong thing.
    let of_all = client.config().introspection == Introspection::Any && token.kind == Kind::Access;
    let theirs = token.client == client.id || of_all;
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
        "sub": grant.client.as_str(),
    });
    if token.kind == Kind::Access {
        told["token_type"] = token.binding.token_type().into();
        told["aud"] = token.audience.as_deref().unwrap_or(provider.faces.issuer(grant.content.face)).into();
    }
    for (name, value) in [("cnf", token.binding.confirmation()), ("act", acting(&token.actors))] {
        if let Some(value) = value {
            told[name] = value;
        }
    }
    if grant.person.is_some() {
        let session = match signed_in_with(provider, &mut grant, session, now).await {
            Ok((session, _)) => session,
            // While its session is locked it is worth nothing, and says no more of why than where that has ended.
            Err(refusal) if matches!(refusal.code, Code::InvalidGrant | Code::SessionLocked) => {
                return Ok(None);
            }
            Err(refusal) => return Err(refusal),
        };
        told["sub"] = session.person.as_str().into();
        claims::of_sign_in(&mut told, &session);
        if let Some(role) = grant.content.role.filter(|_| token.scope.want_role()) {
            told["selected_roleid"] = role.into();
        }
    }
    Ok(Some(told))
}
