//! Making tokens: their rows, and the form in which they travel.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::claims;
use super::giving::told;
use super::refusal::Refusal;
use super::scope::Scopes;
use crate::api::TokenAlg;
use crate::client::Client;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::Session;
use crate::store::tokens;
use crate::token::{Binding, Grant, Kind, Token, stored};

/// What is answered. RFC 6749 5.1, OpenID Connect Core 3.1.3.3.
#[derive(Serialize)]
pub(crate) struct Issued {
    #[serde(serialize_with = "shown")]
    access_token: Zeroizing<String>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_if_any")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// What an exchange gave. RFC 8693 2.2.1.
    #[serde(rename = "issued_token_type", skip_serializing_if = "Option::is_none")]
    given_type: Option<&'static str>,
    scope: String,
    /// What may be signed with it. RFC 9396 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<Value>,
}

impl Issued {
    /// With what may be signed.
    pub(super) fn authorising(self, authorization_details: Option<Value>) -> Self {
        Self { authorization_details, ..self }
    }
}

fn shown<S: Serializer>(secret: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret)
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn shown_if_any<S: Serializer>(secret: &Option<Zeroizing<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.as_ref().map_or("", |secret| secret.as_str()))
}

/// Stores tokens and records that they were given out.
pub(super) async fn store(
    tx: &mut Tx,
    grant: &Grant,
    rows: &[Token],
    grant_type: &str,
    now: Millis,
) -> Result<(), Error> {
    tokens::insert_all(tx, &rows.iter().collect::<Vec<_>>()).await?;
    let (at, actor, event) = told(grant, rows, grant_type, now);
    audit::record(tx, at, &actor, &event).await?;
    Ok(())
}

/// What tokens are made for.
pub(super) struct For<'f> {
    /// To whom they are given.
    pub(super) client: &'f Client,
    /// Under what.
    pub(super) grant: &'f Grant,
    /// The session of its person, if there is one.
    pub(super) session: Option<&'f Session>,
    /// For what.
    pub(super) scope: Scopes,
    /// To what the access token is bound. A refresh token is bound to its client, which proves who it is.
    pub(super) binding: Binding,
    /// For whom, if that is not this provider.
    pub(super) audience: Option<String>,
    /// Who acts with it in turn for whom it was given to first.
    pub(super) actors: Vec<ClientId>,
    /// Until when at the latest.
    pub(super) until: Millis,
}

/// Whether there is a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// There is.
    Given,
    /// There is none.
    None,
}

/// Tokens that are made and not yet stored.
pub(super) struct Making {
    access: Zeroizing<String>,
    refresh: Option<Secret>,
    lives: Duration,
    /// Their rows, which whoever stores them takes.
    pub(super) rows: Vec<Token>,
    scope: Scopes,
    token_type: &'static str,
}

impl Making {
    /// New tokens, none of which outlives what they are made for.
    pub(super) async fn begin(
        provider: &Provider,
        for_whom: For<'_>,
        refresh: Refresh,
        now: Millis,
    ) -> Result<Self, Refusal> {
        let until = |life: Duration| now.plus(life).min(for_whom.until);
        let ends = until(provider.config.access_token());
        let access = match for_whom.client.config().access_token_signed_response_alg {
            None => Secret::generate(&provider.random)?.text(),
            Some(alg) => signed(provider, &for_whom, alg, now, ends).await?,
        };
        // It is one of ours, so it is stored.
        let hash = stored(&access).ok_or(Error::Stored { what: "access token" })?;
        let mut rows = vec![row(hash, Kind::Access, &for_whom, now, ends)];
        let refresh = match refresh {
            Refresh::None => None,
            Refresh::Given => {
                let secret = Secret::generate(&provider.random)?;
                let ends = until(provider.config.refresh_token());
                let row = row(secret.stored(), Kind::Refresh, &for_whom, now, ends);
                rows.push(Token { binding: Binding::Nothing, audience: None, ..row });
                Some(secret)
            }
        };
        let token_type = for_whom.binding.token_type();
        Ok(Self { access, refresh, lives: ends.since(now), rows, scope: for_whom.scope, token_type })
    }

    /// The access token, for its hash in the ID token.
    pub(super) fn access(&self) -> &str {
        &self.access
    }

    /// The answer.
    pub(super) fn issued(self, id_token: Option<String>) -> Issued {
        Issued {
            access_token: self.access,
            token_type: self.token_type,
            expires_in: self.lives.as_secs(),
            refresh_token: self.refresh.as_ref().map(Secret::text),
            id_token,
            given_type: None,
            scope: self.scope.text(),
            authorization_details: None,
        }
    }

    /// The answer to an exchange.
    pub(super) fn exchanged(self, token_type: &'static str) -> Issued {
        Issued { given_type: Some(token_type), ..self.issued(None) }
    }
}

fn row(hash: String, kind: Kind, for_whom: &For<'_>, now: Millis, expires_at: Millis) -> Token {
    Token {
        hash,
        kind,
        grant: for_whom.grant.id.clone(),
        client: for_whom.client.id.clone(),
        scope: for_whom.scope.clone(),
        issued_at: now,
        expires_at,
        used_at: None,
        ended_at: None,
        binding: for_whom.binding.clone(),
        actors: for_whom.actors.clone(),
        audience: for_whom.audience.clone(),
    }
}

/// An access token that says itself what it is worth. RFC 9068 2.2.
async fn signed(
    provider: &Provider,
    for_whom: &For<'_>,
    alg: TokenAlg,
    now: Millis,
    ends: Millis,
) -> Result<Zeroizing<String>, Error> {
    let content = &for_whom.grant.content;
    let issuer = provider.faces.issuer(content.face);
    let client = for_whom.client.id.as_str();
    let mut told = json!({
        "iss": issuer,
        "sub": for_whom.grant.person.as_ref().map_or(for_whom.grant.client.as_str(), |person| person.as_str()),
        "aud": for_whom.audience.as_deref().unwrap_or(issuer),
        "client_id": client,
        "iat": now.seconds(),
        "exp": ends.seconds(),
        "jti": &*Secret::generate(&provider.random)?.text(),
        "scope": for_whom.scope.text(),
    });
    if let Some(session) = for_whom.session {
        claims::of_sign_in(&mut told, session);
    }
    if for_whom.scope.want_role() {
        told["selected_roleid"] = content.role.clone().unwrap_or_default().into();
    }
    if let Some(confirmation) = for_whom.binding.confirmation() {
        told["cnf"] = confirmation;
    }
    if let Some(act) = acting(&for_whom.actors) {
        told["act"] = act;
    }
    provider.keys.sign(alg, "at+jwt", &told).await.map(Zeroizing::new)
}

/// The claim `act`: who acts, and within it who acted before. RFC 8693 4.1.
pub(super) fn acting(actors: &[ClientId]) -> Option<Value> {
    actors.iter().rev().fold(None, |before: Option<Value>, actor| {
        let mut act = json!({"sub": actor.as_str()});
        if let Some(before) = before {
            act["act"] = before;
        }
        Some(act)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The latest actor is outside, those before stand within.
    #[test]
    fn actors_nest() {
        let actors = ["b".parse().unwrap(), "a".parse().unwrap()];
        assert_eq!(acting(&actors), Some(json!({"sub": "b", "act": {"sub": "a"}})));
        assert_eq!(acting(&[]), None);
    }
}
