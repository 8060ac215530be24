//! The token endpoint: what can be exchanged for tokens.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::api::PersonClaims;
use platform::clock::Millis;
use platform::problem::Kind as ProblemKind;

use super::claims::{self, About};
use super::details;
use super::face::Face;
use super::giving::{By, Given, Stood};
use super::making::{For, Issued, Making, Refresh};
use super::parameters::Parameters;
use super::possession::{self, Held};
use super::refusal::{Code, Refusal};
use super::scope::Scope;
use super::{itself, refresh, token_exchange};
use crate::api::GrantType;
use crate::client::{Authenticated, Client};
use crate::error::Error;
use crate::events::Event;
use crate::provider::Provider;
use crate::role;
use crate::secret::Secret;
use crate::session::{self, Found, Session, Worth};
use crate::store::{behind, codes, grants};
use crate::token::{Binding, Grant, GrantId};

/// Exchanges what the client presents for tokens.
pub(crate) async fn exchange(
    provider: &Provider,
    proof: &Authenticated,
    parameters: &Parameters,
    (held, face): (&Held, Face),
    now: Millis,
) -> Result<Issued, Refusal> {
    let (grant_type, word) = match parameters.get("grant_type") {
        Some("authorization_code") => (GrantType::AuthorizationCode, "authorization_code"),
        Some("refresh_token") => (GrantType::RefreshToken, "refresh_token"),
        Some("client_credentials") => (GrantType::ClientCredentials, "client_credentials"),
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
            (GrantType::TokenExchange, "token_exchange")
        }
        Some(_) => {
            let sentence = "grant_type is authorization_code, refresh_token, client_credentials or that of token exchange.";
            return Err(Refusal::new(Code::UnsupportedGrantType, sentence));
        }
        None => return Err(Refusal::new(Code::InvalidRequest, "The request has no grant_type.")),
    };
    let client = proof.client();
    if !client.may(grant_type) {
        let sentence =
            format!("The client is not registered for {word}. Add it to grant_types of its registration.");
        return Err(Refusal::new(Code::UnauthorizedClient, sentence));
    }
    let binding = possession::binding(provider, client, held, now).await?;
    let asked = Asked { client, parameters, binding, face };
    let issued = match grant_type {
        GrantType::AuthorizationCode => code(provider, &asked, now).await?,
        GrantType::RefreshToken => refresh::refresh(provider, &asked, now).await?,
        GrantType::ClientCredentials => itself::itself(provider, &asked, now).await?,
        GrantType::TokenExchange => token_exchange::exchange(provider, &asked, now).await?,
    };
    metrics::counter!("authn_tokens_issued_total", "grant" => word).increment(1);
    Ok(issued)
}

/// A request for tokens, whoever sent it being known.
pub(super) struct Asked<'a> {
    /// Who.
    pub(super) client: &'a Client,
    /// For what.
    pub(super) parameters: &'a Parameters,
    /// To what the tokens are bound.
    pub(super) binding: Binding,
    /// Under which paths it came.
    pub(super) face: Face,
}

impl Asked<'_> {
    /// For whom the tokens are to be: RFC 8707 2.
    pub(super) fn audience(&self) -> Result<Option<String>, Refusal> {
        let Some(resource) = self.parameters.get("resource") else { return Ok(None) };
        if self.client.config().resources.iter().any(|registered| registered == resource) {
            return Ok(Some(resource.to_owned()));
        }
        let sentence =
            "The client is not registered for that resource. Add it to resources of its registration.";
        Err(Refusal::new(Code::InvalidTarget, sentence))
    }
}

async fn code(provider: &Provider, asked: &Asked<'_>, now: Millis) -> Result<Issued, Refusal> {
    let Asked { client, parameters, binding, face } = asked;
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no code.");
    let presented = parameters.get("code").ok_or_else(missing)?;
    let unknown = || {
        let sentence = "The code is not known for this client. Exchange it as it came, with the client and at the provider of the request.";
        Refusal::new(Code::InvalidGrant, sentence)
    };
    let hash = Secret::parse(presented).ok_or_else(unknown)?.stored();
    let coming = provider.given.coming();
    let found = provider.lookups.codes.find(codes::ByHash(hash)).await?;
    let found = found.filter(|found| found.code.client == client.id).ok_or_else(unknown)?;
    let codes::Known { code, mut grant, session } = found;
    if code.used_at.is_some() {
        drop(coming);
        return Err(replayed(provider, &code.grant, client, now).await?);
    }
    // RFC 9207, RFC 9700 4.4: whoever takes one issuer for the other is told by no token of either.
    if grant.content.face != *face {
        return Err(unknown());
    }
    bound(&code, parameters, binding, now)?;
    client.limit(&mut grant.content.scope);
    let (session, person) = signed_in_with(provider, &mut grant, session, now).await?;
    let for_whom = For {
        client,
        grant: &grant,
        session: Some(&session),
        scope: grant.content.scope.clone(),
        binding: binding.clone(),
        audience: asked.audience()?,
        actors: Vec::new(),
        until: grant.expires_at,
    };
    // What was authorised to be signed is not renewed without its person.
    let renewable = client.may(GrantType::RefreshToken) && grant.content.signing.is_none();
    let refresh = if renewable { Refresh::Given } else { Refresh::None };
    let mut making = Making::begin(provider, for_whom, refresh, now).await?;
    let extra = Extra { nonce: grant.content.nonce.as_deref(), code: Some(presented) };
    let id_token = id_token(provider, client, &grant, &session, &person, &making, &extra).await?;
    let signing = grant.content.signing.as_ref().map(|granted| details::granted(&granted.details));
    // Signed before the code is used up, so that a token that is away costs nobody their sign-in.
    let by = By::Code { code: code.hash.clone(), person: session.person.clone() };
    let given = Given { grant, rows: std::mem::take(&mut making.rows), by, at: now };
    match coming.write(given).await? {
        Stood::Stands => Ok(making.issued(id_token).authorising(signing)),
        // Somebody else was first.
        Stood::Used => Err(replayed(provider, &code.grant, client, now).await?),
        Stood::Over => Err(over()),
    }
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
fn bound(code: &codes::Code, parameters: &Parameters, binding: &Binding, now: Millis) -> Result<(), Refusal> {
    let bad = |sentence: &str| Err(Refusal::new(Code::InvalidGrant, sentence));
    if now >= code.expires_at {
        return bad("The code is over. Exchange it as soon as it comes.");
    }
    if parameters.get("redirect_uri") != Some(code.bound.redirect_uri.as_str()) {
        return bad("The redirect_uri is not the one that the code was sent to.");
    }
    // RFC 9449 10.
    if code.bound.key.as_ref().is_some_and(|key| *binding != Binding::Key(key.clone())) {
        return bad("The code is bound to a key, and the request has no proof by it.");
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

/// The session, the person or the grant is over.
pub(super) fn over() -> Refusal {
    Refusal::new(Code::InvalidGrant, "The sign-in behind it has ended. Sign in again.")
}

/// The session and the person of a grant, while both stand. A role that was chosen and is not theirs any more is taken out of the grant.
pub(super) async fn signed_in(
    provider: &Provider,
    grant: &mut Grant,
    now: Millis,
) -> Result<(Session, PersonClaims), Refusal> {
    let found = match &grant.sid {
        Some(sid) => behind::by_sid(provider.db.read(), sid).await?,
        None => None,
    };
    signed_in_with(provider, grant, found, now).await
}

/// The same, of a session that was read with the grant.
pub(super) async fn signed_in_with(
    provider: &Provider,
    grant: &mut Grant,
    found: Option<Found>,
    now: Millis,
) -> Result<(Session, PersonClaims), Refusal> {
    if grant.ended_at.is_some() {
        return Err(over());
    }
    let session = match session::before_claims(provider, found.ok_or_else(over)?, now).await? {
        Worth::Live(session) => session.when_granted(&grant.content),
        Worth::Locked => return Err(Refusal::locked()),
        Worth::Over => return Err(over()),
    };
    match provider.directory.claims(&session.person, &claims::parts(&grant.content)).await {
        Ok(person) => {
            role::forget_lost(&mut grant.content.role, &person.roles);
            Ok((session, person))
        }
        Err(problem) if problem.kind == ProblemKind::NotFound => {
            // Whoever has left is signed out.
            session::by_sid(provider, &session.sid, now).await?;
            Err(over())
        }
        Err(problem) => Err(Error::Module(problem).into()),
    }
}

/// What only some ID tokens have.
pub(super) struct Extra<'e> {
    /// The relying party's word for its request.
    pub(super) nonce: Option<&'e str>,
    /// The code it is exchanged for.
    pub(super) code: Option<&'e str>,
}

/// Makes and signs the ID token; none where openid was not asked for.
pub(super) async fn id_token(
    provider: &Provider,
    client: &Client,
    grant: &Grant,
    session: &Session,
    person: &PersonClaims,
    making: &Making,
    extra: &Extra<'_>,
) -> Result<Option<String>, Error> {
    if !grant.content.scope.has(Scope::OpenId) {
        return Ok(None);
    }
    let alg = client.config().id_token_signed_response_alg;
    let issued_at = making.rows.first().map_or(Millis(0), |row| row.issued_at);
    let about = About {
        issuer: provider.faces.issuer(grant.content.face),
        client: &grant.client,
        grant: &grant.id,
        content: &grant.content,
        registered: &client.scopes(),
        session,
        person,
        at_hash: alg.half_hash(making.access()),
        c_hash: extra.code.map(|code| alg.half_hash(code)),
        nonce: extra.nonce,
        issued_at,
        expires_at: issued_at.plus(provider.config.id_token()),
    };
    provider.keys.sign(alg, "JWT", &claims::id_token(&about)).await.map(Some)
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
