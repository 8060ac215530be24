//! The token endpoint: what can be exchanged for tokens.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::api::PersonClaims;
use platform::clock::Millis;
use platform::db::Tx;
use platform::problem::Kind as ProblemKind;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::authorise::actor;
use super::claims::{self, About};
use super::parameters::Parameters;
use super::refresh;
use super::refusal::{Code, Refusal};
use super::scope::{Scope, Scopes};
use crate::api::GrantType;
use crate::client::{Authenticated, Client};
use crate::error::Error;
use crate::events::Event;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{self, Session};
use crate::store::{codes, grants, tokens};
use crate::token::{Content, Grant, GrantId, Kind, Token};

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
    scope: String,
}

fn shown<S: Serializer>(secret: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret)
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn shown_if_any<S: Serializer>(secret: &Option<Zeroizing<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.as_ref().map_or("", |secret| secret.as_str()))
}

/// Exchanges what the client presents for tokens.
pub(crate) async fn exchange(
    provider: &Provider,
    proof: &Authenticated,
    parameters: &Parameters,
    now: Millis,
) -> Result<Issued, Refusal> {
    let (grant_type, word) = match parameters.get("grant_type") {
        Some(word @ "authorization_code") => (GrantType::AuthorizationCode, word),
        Some(word @ "refresh_token") => (GrantType::RefreshToken, word),
        Some(word @ "client_credentials") => (GrantType::ClientCredentials, word),
        Some(_) => {
            let sentence = "grant_type is authorization_code, refresh_token or client_credentials.";
            return Err(Refusal::new(Code::UnsupportedGrantType, sentence));
        }
        None => return Err(Refusal::new(Code::InvalidRequest, "The request has no grant_type.")),
    };
    let client = proof.client();
    if !client.may(grant_type) {
        let sentence = format!("The client is not registered for {word}.");
        return Err(Refusal::new(Code::UnauthorizedClient, sentence));
    }
    let issued = match grant_type {
        GrantType::AuthorizationCode => code(provider, client, parameters, now).await?,
        GrantType::RefreshToken => refresh::refresh(provider, client, parameters, now).await?,
        GrantType::ClientCredentials => itself(provider, client, parameters, now).await?,
    };
    metrics::counter!("authn_tokens_issued_total", "grant" => word.to_owned()).increment(1);
    Ok(issued)
}

async fn code(
    provider: &Provider,
    client: &Client,
    parameters: &Parameters,
    now: Millis,
) -> Result<Issued, Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no code.");
    let presented = parameters.get("code").ok_or_else(missing)?;
    let unknown = || Refusal::new(Code::InvalidGrant, "The code is not known for this client.");
    let hash = Secret::parse(presented).ok_or_else(unknown)?.stored();
    let code = codes::find(provider.db.read(), &hash).await?;
    let code = code.filter(|code| code.client == client.id).ok_or_else(unknown)?;
    if code.used_at.is_some() {
        return Err(replayed(provider, &code.grant, client, now).await?);
    }
    bound(&code, parameters, now)?;
    let grant = grants::find(provider.db.read(), &code.grant).await?.ok_or_else(unknown)?;
    let making = Making::begin(provider, client, &grant, now)?;
    let (session, person) = signed_in(provider, &grant, now).await?;
    let extra = Extra { nonce: grant.content.nonce.as_deref(), code: Some(presented) };
    let id_token = id_token(provider, client, &grant, &session, &person, &making, &extra).await?;
    // Signed before the code is used up, so that a token that is away costs nobody their sign-in.
    let (rows, id, user) = (making.rows.clone(), code.hash.clone(), session.person.clone());
    let stored: Result<bool, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let left = !directory::api::closed(tx, &[user.as_str()]).await?.is_empty();
                if left || !grants::is_open(tx, &grant.id).await? || !codes::consume(tx, &id, now).await? {
                    return Ok(false);
                }
                store(tx, &grant, &rows, "authorization_code", now).await?;
                Ok(true)
            })
        })
        .await;
    if !stored? {
        // Somebody else was first, or the grant ended meanwhile: for a second use both end it.
        return Err(replayed(provider, &code.grant, client, now).await?);
    }
    Ok(making.issued(Some(id_token)))
}

/// RFC 6749 10.5: whatever a code gave ends when it comes again.
async fn replayed(
    provider: &Provider,
    grant: &GrantId,
    client: &Client,
    now: Millis,
) -> Result<Refusal, Error> {
    end_grant(provider, grant, client, "code-replayed", now).await?;
    let sentence = "The code was used before. What it gave has ended; sign in again.";
    Ok(Refusal::new(Code::InvalidGrant, sentence))
}

/// Ends a grant, if it still goes on, and records why.
pub(super) async fn end_grant(
    provider: &Provider,
    grant: &GrantId,
    client: &Client,
    cause: &'static str,
    now: Millis,
) -> Result<(), Error> {
    let (grant, client) = (grant.clone(), client.id.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if grants::end(tx, &grant, cause, now).await? {
                    let event = Event::GrantEnded {
                        grant: grant.to_string(),
                        client: client.to_string(),
                        cause: cause.to_owned(),
                    };
                    audit::record(tx, now, &audit::Actor::system("authn"), &event).await?;
                    metrics::counter!("authn_grants_ended_total", "cause" => cause).increment(1);
                }
                Ok(())
            })
        })
        .await
}

/// Everything that a code is bound to.
fn bound(code: &codes::Code, parameters: &Parameters, now: Millis) -> Result<(), Refusal> {
    let bad = |sentence: &str| Err(Refusal::new(Code::InvalidGrant, sentence));
    if now >= code.expires_at {
        return bad("The code is over. Exchange it as soon as it comes.");
    }
    if parameters.get("redirect_uri") != Some(code.bound.redirect_uri.as_str()) {
        return bad("The redirect_uri is not the one that the code was sent to.");
    }
    match (&code.bound.challenge, parameters.get("code_verifier")) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if answers(challenge, verifier) => Ok(()),
        (Some(_), Some(_)) => bad("The code_verifier does not belong to the code_challenge."),
        (Some(_), None) => bad("The request has no code_verifier, and there was a code_challenge."),
        // RFC 9700 4.8.2: somebody took the challenge out of the request.
        (None, Some(_)) => bad("The request has a code_verifier, and there was no code_challenge."),
    }
}

/// RFC 7636 4.6.
fn answers(challenge: &str, verifier: &str) -> bool {
    let shaped = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    shaped && URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == challenge
}

/// The session and the person of a grant, while both stand.
pub(super) async fn signed_in(
    provider: &Provider,
    grant: &Grant,
    now: Millis,
) -> Result<(Session, PersonClaims), Refusal> {
    let over = || Refusal::new(Code::InvalidGrant, "The sign-in behind it has ended. Sign in again.");
    if grant.ended_at.is_some() {
        return Err(over());
    }
    let sid = grant.sid.as_deref().ok_or_else(over)?;
    let session = session::by_sid(provider, sid, now).await?.ok_or_else(over)?;
    let session = session.when_granted(&grant.content);
    match provider.directory.claims(&session.person).await {
        Ok(person) => Ok((session, person)),
        Err(problem) if problem.kind == ProblemKind::NotFound => Err(over()),
        Err(problem) => Err(Error::Module(problem).into()),
    }
}

/// A system asks for itself.
async fn itself(
    provider: &Provider,
    client: &Client,
    parameters: &Parameters,
    now: Millis,
) -> Result<Issued, Refusal> {
    let personal = |word: &&str| Scope::ALL.iter().any(|scope| scope.word() == *word);
    let allowed = client.scopes();
    let asked = parameters.list("scope");
    let scope = if asked.is_empty() {
        Scopes::of(allowed.words().filter(|word| !personal(word)))
    } else {
        Scopes::of(asked)
    };
    if !scope.is_within(&allowed) || scope.words().any(|word| personal(&word)) {
        let sentence =
            "The client may not have that scope for itself; those of people need somebody who signs in.";
        return Err(Refusal::new(Code::InvalidScope, sentence));
    }
    let expires_at = now.plus(provider.config.access_token());
    let grant = Grant {
        id: GrantId::new(now),
        client: client.id.clone(),
        person: None,
        sid: None,
        content: Content::of_system(scope),
        created_at: now,
        expires_at,
        ended_at: None,
    };
    let access = Secret::generate(&provider.random)?;
    let row = token(&access, Kind::Access, &grant, now, expires_at);
    let scope = grant.content.scope.text();
    let stored: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                grants::insert(tx, &grant).await?;
                store(tx, &grant, &[row], "client_credentials", now).await
            })
        })
        .await;
    stored?;
    Ok(Issued {
        access_token: access.text(),
        token_type: "Bearer",
        expires_in: provider.config.access_token().as_secs(),
        refresh_token: None,
        id_token: None,
        scope,
    })
}

/// Stores tokens and records that they were given out.
pub(super) async fn store(
    tx: &mut Tx,
    grant: &Grant,
    rows: &[Token],
    grant_type: &str,
    now: Millis,
) -> Result<(), Error> {
    for row in rows {
        tokens::insert(tx, row).await?;
    }
    let event = Event::TokensIssued {
        grant: grant.id.to_string(),
        client: grant.client.to_string(),
        grant_type: grant_type.to_owned(),
        scope: rows.first().map(|row| row.scope.text()).unwrap_or_default(),
    };
    audit::record(tx, now, &actor(grant), &event).await?;
    Ok(())
}

/// Tokens that are made and not yet stored.
pub(super) struct Making {
    access: Secret,
    refresh: Option<Secret>,
    lives: Duration,
    /// Their rows.
    pub(super) rows: Vec<Token>,
    scope: Scopes,
}

impl Making {
    /// New tokens under a grant, none of which outlives it.
    pub(super) fn begin(
        provider: &Provider,
        client: &Client,
        grant: &Grant,
        now: Millis,
    ) -> Result<Self, Refusal> {
        let until = |life: Duration| now.plus(life).min(grant.expires_at);
        let access = Secret::generate(&provider.random)?;
        let ends = until(provider.config.access_token());
        let mut rows = vec![token(&access, Kind::Access, grant, now, ends)];
        let refresh = if client.may(GrantType::RefreshToken) {
            let refresh = Secret::generate(&provider.random)?;
            rows.push(token(&refresh, Kind::Refresh, grant, now, until(provider.config.refresh_token())));
            Some(refresh)
        } else {
            None
        };
        Ok(Self { access, refresh, lives: ends.since(now), rows, scope: grant.content.scope.clone() })
    }

    /// The access token, for its hash in the ID token.
    pub(super) fn access(&self) -> Zeroizing<String> {
        self.access.text()
    }

    /// The answer.
    pub(super) fn issued(self, id_token: Option<String>) -> Issued {
        Issued {
            access_token: self.access.text(),
            token_type: "Bearer",
            expires_in: self.lives.as_secs(),
            refresh_token: self.refresh.as_ref().map(Secret::text),
            id_token,
            scope: self.scope.text(),
        }
    }
}

fn token(secret: &Secret, kind: Kind, grant: &Grant, now: Millis, expires_at: Millis) -> Token {
    Token {
        hash: secret.stored(),
        kind,
        grant: grant.id.clone(),
        client: grant.client.clone(),
        scope: grant.content.scope.clone(),
        issued_at: now,
        expires_at,
        used_at: None,
        ended_at: None,
    }
}

/// What only some ID tokens have.
pub(super) struct Extra<'e> {
    /// The relying party's word for its request.
    pub(super) nonce: Option<&'e str>,
    /// The code it is exchanged for.
    pub(super) code: Option<&'e str>,
}

/// Makes and signs the ID token.
pub(super) async fn id_token(
    provider: &Provider,
    client: &Client,
    grant: &Grant,
    session: &Session,
    person: &PersonClaims,
    making: &Making,
    extra: &Extra<'_>,
) -> Result<String, Error> {
    let alg = client.config().id_token_signed_response_alg;
    let issued_at = making.rows.first().map_or(Millis(0), |row| row.issued_at);
    let about = About {
        issuer: provider.faces.issuer(grant.content.face),
        client: &grant.client,
        content: &grant.content,
        session,
        person,
        at_hash: alg.half_hash(&making.access()),
        c_hash: extra.code.map(|code| alg.half_hash(code)),
        nonce: extra.nonce,
        issued_at,
        expires_at: issued_at.plus(provider.config.id_token()),
    };
    provider.keys.sign(alg, "JWT", &claims::id_token(&about)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B; what is too short or has other letters answers nothing.
    #[test]
    fn verifiers_answer() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(answers(challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        for wrong in
            ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", "", "short", &"a".repeat(129), &"ä".repeat(50)]
        {
            assert!(!answers(challenge, wrong), "{wrong}");
        }
    }
}
