//! Giving a code: the request is answered, the grant and its code are stored, and the act is recorded, all at once.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use crate::api::{GrantType, SigningDecision};
use crate::client::Client;
use crate::error::Error;
use crate::events::Event;
use crate::oidc::answer::Answer;
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::request::Return;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::Session;
use crate::store::codes::{self, Bound};
use crate::store::interactions::{self, Waiting};
use crate::store::{clients, grants, sessions};
use crate::token::{Content, Grant, GrantId, GrantedSigning};

/// How long a code is good at most where the strict profile is asked.
const STRICT: Duration = Duration::from_mins(1);

/// Whether somebody chose a role.
pub(crate) enum Chosen {
    /// Not yet.
    Nothing,
    /// This one.
    Role(String),
}

/// What came of it.
enum Granted {
    /// The code can be used.
    Code,
    /// The request had been answered.
    AnsweredBefore,
    /// The person has left.
    Left,
    /// The session has ended meanwhile.
    SignedOut,
}

/// Gives a code. A crash before the commit leaves the request waiting; after it, a code that nobody has and that is soon over.
pub(super) async fn grant(
    provider: &Provider,
    waiting: Waiting,
    session: Session,
    role: Option<String>,
    now: Millis,
) -> Result<Answer, Refusal> {
    let code = Secret::generate(&provider.random)?;
    let found = clients::find_open(provider.db.read(), &waiting.request.client).await?;
    let client = found.ok_or_else(|| {
        Refusal::new(Code::InvalidRequest, "The client is no longer registered. Ask whoever registered it.")
    })?;
    // It may have been changed while somebody signed in: where the answer goes and what it gives is what is registered now.
    if !has(&client, &waiting.request.back) || !client.may(GrantType::AuthorizationCode) {
        return Err(registered_otherwise());
    }
    let grant = of(&waiting, &client, &session, role, now);
    // FAPI 2.0 Security Profile 5.3.2.2.
    let life = if client.is_strict() { provider.config.code().min(STRICT) } else { provider.config.code() };
    let row = codes::Code {
        hash: code.stored(),
        grant: grant.id.clone(),
        client: client.id,
        bound: Bound {
            redirect_uri: waiting.request.back.redirect_uri.clone(),
            challenge: waiting.request.challenge.clone(),
            key: waiting.request.key.clone(),
        },
        expires_at: now.plus(life),
        used_at: None,
    };
    let back = waiting.request.back.clone();
    let granted: Result<Granted, Error> = provider
        .db
        .write(move |tx| Box::pin(async move { store(tx, &waiting, &session, &grant, &row, now).await }))
        .await;
    match granted? {
        Granted::Code => Ok(Answer::code(&back, provider.faces.issuer(back.face), &code)),
        Granted::AnsweredBefore => Err(Refusal::new(
            Code::InvalidRequest,
            "This sign-in was answered before. Start again in your application.",
        )),
        Granted::SignedOut => {
            let refusal =
                Refusal::new(Code::LoginRequired, "The sign-in has ended meanwhile. Sign in again.");
            Ok(Answer::refusal(&back, provider.faces.issuer(back.face), &refusal))
        }
        Granted::Left => {
            let refusal = Refusal::new(Code::AccessDenied, "The person is no longer in the register.");
            Ok(Answer::refusal(&back, provider.faces.issuer(back.face), &refusal))
        }
    }
}

/// Whether an answer to a request that waited still goes where it was to go, by what is registered now. Where that cannot be read it goes: it did
/// when the request came. RFC 6749 4.1.2.1.
pub(super) async fn still_goes(provider: &Provider, client: &ClientId, back: &Return) -> bool {
    match clients::find_open(provider.db.read(), client).await {
        Ok(found) => found.is_some_and(|client| has(&client, back)),
        Err(error) => {
            Refusal::from(error).log();
            true
        }
    }
}

fn has(client: &Client, back: &Return) -> bool {
    client.config().redirect_uris.contains(&back.redirect_uri)
}

/// What is said on a page where the answer goes nowhere any more.
pub(super) fn registered_otherwise() -> Refusal {
    let sentence = "The application was registered otherwise meanwhile. Start again in your application.";
    Refusal::new(Code::InvalidRequest, sentence)
}

fn of(waiting: &Waiting, client: &Client, session: &Session, role: Option<String>, now: Millis) -> Grant {
    let request = &waiting.request;
    let alg = client.config().id_token_signed_response_alg;
    let (signing, signs_until) = signing(waiting);
    Grant {
        id: GrantId::new(now),
        client: client.id.clone(),
        person: Some(session.person.clone()),
        sid: Some(session.sid.clone()),
        content: Content {
            face: request.back.face,
            scope: client.still(&request.scope),
            method: Some(session.method),
            authenticated_at: Some(session.authenticated_at),
            nonce: request.nonce.clone(),
            s_hash: request.back.state.as_deref().map(|state| alg.half_hash(state)),
            role,
            acr: request.acr.clone(),
            id_token_claims: request.id_token_claims.clone(),
            userinfo_claims: request.userinfo_claims.clone(),
            signing,
        },
        created_at: now,
        expires_at: signs_until.map_or(session.expires_at, |until| until.min(session.expires_at)),
        ended_at: None,
    }
}

/// What was authorised to be signed, and until when: the grant is over with it.
fn signing(waiting: &Waiting) -> (Option<GrantedSigning>, Option<Millis>) {
    match (&waiting.request.signing, waiting.signed.as_ref().map(|signed| &signed.decided)) {
        (Some(details), Some(SigningDecision::Consented { authorisation, expires_at })) => {
            let granted = GrantedSigning { authorisation: authorisation.clone(), details: details.clone() };
            (Some(granted), Some(Millis(*expires_at)))
        }
        _ => (None, None),
    }
}

async fn store(
    tx: &mut Tx,
    waiting: &Waiting,
    session: &Session,
    grant: &Grant,
    code: &codes::Code,
    now: Millis,
) -> Result<Granted, Error> {
    // One that nobody had to be waited for has no row.
    let answered_before =
        waiting.coming.is_none() && !interactions::settle(tx, &waiting.interaction.id).await?;
    if !directory::api::closed(tx, &[session.person.as_str()]).await?.is_empty() {
        return Ok(Granted::Left);
    }
    if answered_before {
        return Ok(Granted::AnsweredBefore);
    }
    // Whoever ends the session on another machine ends what is given here with it, or nothing is given.
    if !sessions::hold(tx, &session.id, now).await? {
        return Ok(Granted::SignedOut);
    }
    if let Some(role) = grant.content.role.as_deref().filter(|role| !role.is_empty()) {
        interactions::choose_role(tx, &session.sid, role, now).await?;
    }
    grants::insert_all(tx, &[grant]).await?;
    codes::insert(tx, code).await?;
    let event = Event::AccessGranted {
        grant: grant.id.to_string(),
        client: grant.client.to_string(),
        user: session.person.to_string(),
        sid: session.sid.clone(),
        scope: grant.content.scope.text(),
        role: grant.content.role.clone(),
    };
    audit::record(tx, now, &actor(grant), &event).await?;
    Ok(Granted::Code)
}

/// Who acts in a grant, as the audit record names them.
pub(crate) fn actor(grant: &Grant) -> audit::Actor {
    let (kind, subject) = match &grant.person {
        Some(person) => ("person", person.to_string()),
        None => ("system", grant.client.to_string()),
    };
    audit::Actor {
        kind: kind.to_owned(),
        subject,
        client: Some(grant.client.to_string()),
        organisation: None,
        role_profile: grant.content.role.clone().filter(|role| !role.is_empty()),
        session: grant.sid.clone(),
    }
}
