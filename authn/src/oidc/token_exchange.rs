//! Exchanging a token that was given to another: RFC 8693, as far as the registration of the client allows.
//!
//! What comes of it lies under the grant of the token that was shown: it is never for more, never lives longer, and ends with it. Who
//! acts is always said.

use platform::clock::Millis;
use platform::id::ClientId;

use super::exchange::{Asked, signed_in};
use super::id_token::IdToken;
use super::making::{For, Issued, Making, Refresh, store};
use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use super::scope::{Scope, Scopes};
use crate::api::{SubjectToken, TokenExchange};
use crate::client::{Client, State};
use crate::error::Error;
use crate::provider::Provider;
use crate::session::Session;
use crate::store::grants;
use crate::store::tokens::{self, Shown};
use crate::token::{Binding, Grant, Kind, stored};

/// The type of token that is given.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The same, by the form that it has where the client has it signed.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The type of an ID token.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// How often a token can be handed on.
const LONGEST_CHAIN: usize = 4;

/// The token that was shown.
struct Subject {
    kind: SubjectToken,
    /// To whom it was given.
    client: ClientId,
    grant: Grant,
    session: Option<Session>,
    scope: Scopes,
    /// What has to be shown with it.
    binding: Binding,
    /// For whom it is, if that is not this provider.
    audience: Option<String>,
    /// Who has acted with it.
    actors: Vec<ClientId>,
    until: Millis,
    /// The row of it, or none for an ID token.
    hash: Option<String>,
}

/// Exchanges a token.
pub(super) async fn exchange(provider: &Provider, asked: &Asked<'_>, now: Millis) -> Result<Issued, Refusal> {
    let Asked { client, parameters, binding, .. } = asked;
    let token_type = wanted_type(asked)?;
    let subject = subject(provider, parameters, now).await?;
    let rule = rule(client, &subject)?;
    stays_bound(&subject.binding, binding)?;
    let scope = scope(parameters, rule, &subject)?;
    let audience = audience(parameters, rule)?;
    let mut actors = subject.actors.clone();
    actors.insert(0, client.id.clone());
    if actors.len() > LONGEST_CHAIN {
        return Err(Refusal::new(Code::InvalidRequest, "The token was handed on too often."));
    }
    let for_whom = For {
        client,
        grant: &subject.grant,
        session: subject.session.as_ref(),
        scope,
        binding: binding.clone(),
        audience,
        actors,
        until: subject.until,
    };
    let mut making = Making::begin(provider, for_whom, Refresh::None, now).await?;
    let (rows, grant, hash) = (std::mem::take(&mut making.rows), subject.grant, subject.hash);
    let given: Result<bool, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let person = grant.person.as_ref().map(platform::id::UserId::as_str);
                let left = !directory::api::closed(tx, person.as_slice()).await?.is_empty();
                let over = match &hash {
                    Some(hash) => !tokens::is_good(tx, hash, now).await?,
                    None => false,
                };
                if left || over || !grants::is_open(tx, &grant.id).await? {
                    return Ok(false);
                }
                store(tx, &grant, &rows, "token_exchange", now).await?;
                Ok(true)
            })
        })
        .await;
    if given? { Ok(making.exchanged(token_type)) } else { Err(unusable()) }
}

/// RFC 8693 2.2.2: in whatever way it is not good.
fn unusable() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The subject_token is not known here, or it is over. Get a new one.")
}

/// RFC 8693 2.2.2, too: no grant goes on of which the ID token can be.
fn ended() -> Refusal {
    let sentence =
        "What the ID token in subject_token came with has ended. Sign in again, and show the new one.";
    Refusal::new(Code::InvalidRequest, sentence)
}

fn wanted_type(asked: &Asked<'_>) -> Result<&'static str, Refusal> {
    if asked.parameters.get("actor_token").is_some() {
        let sentence = "actor_token is not read here: the client that asks is the one that acts.";
        return Err(Refusal::new(Code::InvalidRequest, sentence));
    }
    let signed = asked.client.config().access_token_signed_response_alg.is_some();
    match asked.parameters.get("requested_token_type") {
        None | Some(ACCESS_TOKEN) => Ok(ACCESS_TOKEN),
        Some(JWT) if signed => Ok(JWT),
        Some(_) => Err(Refusal::new(
            Code::InvalidRequest,
            "requested_token_type is that of access tokens, or jwt where the client has them signed.",
        )),
    }
}

async fn subject(provider: &Provider, parameters: &Parameters, now: Millis) -> Result<Subject, Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no subject_token.");
    let presented = parameters.get("subject_token").ok_or_else(missing)?;
    match parameters.get("subject_token_type") {
        Some(ACCESS_TOKEN | JWT) => access_token(provider, presented, now).await,
        Some(ID_TOKEN) => id_token(provider, presented, now).await,
        _ => {
            let sentence =
                "subject_token_type is that of an access token or of an ID token of this provider.";
            Err(Refusal::new(Code::InvalidRequest, sentence))
        }
    }
}

async fn access_token(provider: &Provider, presented: &str, now: Millis) -> Result<Subject, Refusal> {
    let hash = stored(presented).ok_or_else(unusable)?;
    let found =
        provider.lookups.tokens.find(tokens::ByHash(hash.clone())).await?.map(Shown::within_registration);
    // A client that is closed has nothing that is exchanged, and neither has what was given to it under another's grant.
    let good = |found: &Shown| found.token.kind == Kind::Access && found.client.state == State::Open;
    let found = found.filter(good).ok_or_else(unusable)?;
    let Shown { token, mut grant, .. } = found;
    if token.ended_at.is_some() || now >= token.expires_at || grant.ended_at.is_some() {
        return Err(unusable());
    }
    let session = standing(provider, &mut grant, now).await?;
    Ok(Subject {
        kind: SubjectToken::AccessToken,
        client: token.client,
        grant,
        session,
        scope: token.scope,
        binding: token.binding,
        audience: token.audience,
        actors: token.actors,
        until: token.expires_at,
        hash: Some(hash),
    })
}

/// An ID token that we signed, while the very grant goes on that it came of.
async fn id_token(provider: &Provider, presented: &str, now: Millis) -> Result<Subject, Refusal> {
    let claims = provider.keys.read(presented).ok_or_else(unusable)?;
    let shown = IdToken::of(claims, &provider.faces).ok_or_else(unusable)?;
    if now >= shown.until {
        return Err(unusable());
    }
    let open = grants::open_of_session(provider.db.read(), &shown.sid, &shown.client).await?;
    let own: Vec<Grant> = open.into_iter().filter(|grant| shown.may_be_of(grant)).collect();
    // Of several that are alike in all that it says, it stands for what each of them gave.
    let scope = shown.stands_for(&common(&own).ok_or_else(ended)?);
    // The latest; one with another role only if the register says that this was lost before the token was made.
    let mut grant = own.into_iter().min_by_key(|grant| !shown.names_role_of(grant)).ok_or_else(ended)?;
    let named = shown.names_role_of(&grant);
    let session = standing(provider, &mut grant, now).await?;
    if !named && !shown.names_role_of(&grant) {
        return Err(ended());
    }
    let IdToken { client, until, .. } = shown;
    let until = until.min(grant.expires_at);
    Ok(Subject {
        kind: SubjectToken::IdToken,
        client,
        grant,
        session,
        scope,
        binding: Binding::Nothing,
        audience: None,
        actors: Vec::new(),
        until,
        hash: None,
    })
}

/// What all of these gave.
fn common(grants: &[Grant]) -> Option<Scopes> {
    let (first, rest) = grants.split_first()?;
    let given = |word: &str| rest.iter().all(|grant| grant.content.scope.contains(word));
    Some(first.content.scope.filtered(given))
}

/// The session of a person's grant, which has to stand; none where a system asked for itself.
async fn standing(provider: &Provider, grant: &mut Grant, now: Millis) -> Result<Option<Session>, Refusal> {
    if grant.person.is_none() {
        return Ok(None);
    }
    match signed_in(provider, grant, now).await {
        Ok((session, _)) => Ok(Some(session)),
        Err(refusal) if refusal.code == Code::InvalidGrant => Err(unusable()),
        Err(refusal) => Err(refusal),
    }
}

/// What allows the exchange: of that kind, of that client, and for whoever exchanges it. A token that is for another is not its to show.
fn rule<'r>(client: &'r Client, subject: &Subject) -> Result<&'r TokenExchange, Refusal> {
    let is_for = |rule: &TokenExchange| match &subject.audience {
        None => true,
        Some(audience) => audience == client.id.as_str() || rule.subject_audiences.contains(audience),
    };
    let allows = |rule: &&TokenExchange| {
        rule.subject_token_types.contains(&subject.kind)
            && rule.subject_clients.iter().any(|client| client == subject.client.as_str())
            && is_for(rule)
    };
    client.config().token_exchanges.iter().find(allows).ok_or_else(|| {
        let sentence =
            "The client is not registered to exchange tokens of that kind of that client for that audience.";
        Refusal::new(Code::UnauthorizedClient, sentence)
    })
}

/// What was bound is not exchanged for what is not: a thief without the key would have it unbound.
fn stays_bound(shown: &Binding, given: &Binding) -> Result<(), Refusal> {
    if *shown == Binding::Nothing || *given != Binding::Nothing {
        return Ok(());
    }
    let sentence = "The subject_token is bound. Ask for a token that is: with a proof of DPoP, or over the connection of your certificate.";
    Err(Refusal::new(Code::InvalidRequest, sentence))
}

/// Of an access token no more than it was for; of an ID token no more of its person than was granted.
fn scope(parameters: &Parameters, rule: &TokenExchange, subject: &Subject) -> Result<Scopes, Refusal> {
    let ruled = Scopes::of(rule.scopes.iter().map(String::as_str));
    let allowed = ruled.filtered(|word| match subject.kind {
        SubjectToken::AccessToken => subject.scope.contains(word),
        SubjectToken::IdToken => subject.scope.contains(word) || !Scope::is_personal(word),
    });
    let wanted = parameters.list("scope");
    let scope = if wanted.is_empty() { allowed.clone() } else { Scopes::of(wanted) };
    if scope.is_empty() || !scope.is_within(&allowed) {
        let sentence = "No more than the token was for, and no more than the client is registered for.";
        return Err(Refusal::new(Code::InvalidScope, sentence));
    }
    Ok(scope)
}

fn audience(parameters: &Parameters, rule: &TokenExchange) -> Result<Option<String>, Refusal> {
    let named = match (parameters.get("audience"), parameters.get("resource")) {
        (None, None) => return Ok(rule.audiences.first().cloned()),
        (Some(one), Some(other)) if one != other => None,
        (Some(one), _) | (None, Some(one)) => rule.audiences.iter().find(|allowed| *allowed == one),
    };
    named.cloned().map(Some).ok_or_else(|| {
        Refusal::new(
            Code::InvalidTarget,
            "The client is not registered to exchange tokens for that audience.",
        )
    })
}
