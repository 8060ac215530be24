//! One message to one relying party: a logout token, or a security event.

use std::time::Duration;

use platform::clock::Millis;
use platform::id::UserId;
use serde_json::{Value, json};

use super::security_event;
use crate::api::LogoutTyp;
use crate::client::Client;
use crate::error::Error;
use crate::events::Event;
use crate::oidc::face::Face;
use crate::outward::CALL;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::clients;
use crate::store::logouts::{self, Form, Logout, Noted};

/// What the token says has happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is good.
const LIFE: Duration = Duration::from_mins(2);
/// How long a message is one machine's: longer than a call and writing down how it went.
const CLAIM: Duration = CALL.saturating_mul(3);
/// After how long it is tried again; after the last it is given up.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
];

/// Takes a message for one attempt; false if another machine has it.
pub(super) async fn claim(provider: &Provider, logout: &Logout) -> Result<bool, Error> {
    let (claimed, until) = (logout.clone(), provider.now().plus(CLAIM));
    provider.db.write(move |tx| Box::pin(async move { logouts::claim(tx, &claimed, until).await })).await
}

/// Tries a message that was claimed.
pub(super) async fn tell(provider: &Provider, logout: Logout) -> Result<(), Error> {
    let client = clients::find_open(provider.db.read(), &logout.client).await?;
    let uri = client.as_ref().and_then(|client| match logout.form {
        Form::LogoutToken => client.config().backchannel_logout_uri.clone(),
        Form::SessionRevoked => client.config().security_events_uri.clone(),
    });
    let (state, outcome) = match (client, uri) {
        (Some(client), Some(uri)) => match logout.form {
            Form::LogoutToken => deliver(provider, &client, &logout, &uri).await?,
            Form::SessionRevoked => security_event::push(provider, &client, &logout, &uri).await?,
        },
        _ => (Some("given-up"), "the client is closed, or has no address for it any more".to_owned()),
    };
    let now = provider.now();
    let attempts = usize::try_from(logout.attempts).unwrap_or(usize::MAX);
    let noted = match (state, PAUSES.get(attempts)) {
        (Some(state), _) => Noted { state, outcome, due_at: now, settled_at: Some(now) },
        (None, Some(pause)) => Noted { state: "due", outcome, due_at: now.plus(*pause), settled_at: None },
        (None, None) => Noted { state: "given-up", outcome, due_at: now, settled_at: Some(now) },
    };
    settle(provider, logout, noted, now).await
}

async fn settle(provider: &Provider, logout: Logout, noted: Noted, now: Millis) -> Result<(), Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !logouts::note(tx, &logout.id, &noted).await? || noted.settled_at.is_none() {
                    return Ok(());
                }
                let event = Event::LogoutTold {
                    client: logout.client.to_string(),
                    sid: logout.sid,
                    form: logout.form.word().to_owned(),
                    outcome: noted.state.to_owned(),
                    attempts: u32::try_from(logout.attempts + 1).unwrap_or(u32::MAX),
                };
                audit::record(tx, now, &audit::Actor::system("authn"), &event).await?;
                metrics::counter!("authn_logouts_told_total", "outcome" => noted.state).increment(1);
                Ok(())
            })
        })
        .await
}

/// One attempt: the state it settles, if it does, and what is told of it.
async fn deliver(
    provider: &Provider,
    client: &Client,
    logout: &Logout,
    uri: &str,
) -> Result<(Option<&'static str>, String), Error> {
    // The time at which it leaves: it may have waited long.
    let about = (logout.face, &logout.person, logout.sid.as_str());
    let token = logout_token(provider, client, about, provider.now()).await?;
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let Ok(request) = provider.outward.post(uri) else {
        return Ok((None, "no connection could be made".to_owned()));
    };
    let sent = request
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await;
    Ok(match sent.map(|response| response.status().as_u16()) {
        Ok(status @ (200 | 204)) => (Some("delivered"), format!("status {status}")),
        // What relying parties of CIS2 answer when they have no such session.
        Ok(501) => (Some("unknown-session"), "status 501".to_owned()),
        Ok(status) => (None, format!("status {status}")),
        Err(error) => unanswered(&error),
    })
}

/// The token that tells a client of the end of a session.
pub(crate) async fn logout_token(
    provider: &Provider,
    client: &Client,
    about: (Face, &UserId, &str),
    now: Millis,
) -> Result<String, Error> {
    let claims = claims(provider, client, about, now)?;
    let typ = match client.config().logout_token_typ {
        LogoutTyp::LogoutJwt => "logout+jwt",
        LogoutTyp::Jwt => "JWT",
    };
    provider.keys.sign(client.config().id_token_signed_response_alg, typ, &claims).await
}

/// What is told of an attempt without an answer; it is tried again.
pub(super) fn unanswered(error: &reqwest::Error) -> (Option<&'static str>, String) {
    let told = if error.is_timeout() { "no answer in time" } else { "no connection could be made" };
    (None, told.to_owned())
}

/// OpenID Connect Back-Channel Logout 2.4: no nonce, so that it can never pass for an ID token.
fn claims(
    provider: &Provider,
    client: &Client,
    (face, person, sid): (Face, &UserId, &str),
    now: Millis,
) -> Result<Value, Error> {
    Ok(json!({
        "iss": provider.faces.issuer(face),
        "sub": person.as_str(),
        "aud": client.id.as_str(),
        "iat": now.seconds(),
        "exp": now.plus(LIFE).seconds(),
        "jti": &*Secret::generate(&provider.random)?.text(),
        "sid": sid,
        "events": {EVENT: {}},
    }))
}
