//! Delivering logout tokens, again until they arrive or nobody can expect them any more.

use std::time::Duration;

use platform::clock::Millis;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::events::Event;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::clients;
use crate::store::logouts::{self, Logout};

/// What the token says has happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is good.
const LIFE: Duration = Duration::from_mins(2);
/// After how long it is tried again; after the last it is given up.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
];
/// How many messages are taken at once.
const PAGE: u32 = 16;
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(500);

impl Provider {
    /// Tells relying parties of sessions that have ended, for as long as it is polled. Stopping it anywhere loses nothing, and
    /// several machines that do it share the work.
    pub async fn keep_telling(&self) {
        loop {
            match self.tell_due().await {
                Ok(told) if told > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "ended sessions could not be told: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Delivers what is due, a page at most; says how many were tried.
    pub async fn tell_due(&self) -> Result<usize, Error> {
        let now = self.now();
        let mut tried = 0;
        for logout in logouts::due(self.db.read(), now, PAGE).await? {
            tried += usize::from(tell(self, logout, now).await?);
        }
        Ok(tried)
    }
}

/// Tries one message, if no other machine does.
async fn tell(provider: &Provider, logout: Logout, now: Millis) -> Result<bool, Error> {
    let attempts = usize::try_from(logout.attempts).unwrap_or(usize::MAX);
    let pause = PAUSES.get(attempts).copied();
    let claimed = logout.clone();
    let again_at = now.plus(pause.unwrap_or(PAUSES[0]));
    let mine: Result<bool, Error> = provider
        .db
        .write(move |tx| Box::pin(async move { logouts::claim(tx, &claimed, again_at).await }))
        .await;
    if !mine? {
        return Ok(false);
    }
    let client = clients::find(provider.db.read(), &logout.client).await?;
    let uri = client.as_ref().and_then(|client| client.config().backchannel_logout_uri.clone());
    let (state, outcome) = match (client, uri) {
        (Some(client), Some(uri)) => deliver(provider, &client, &logout, &uri, now).await?,
        _ => (Some("given-up"), "the client has no address for it any more".to_owned()),
    };
    let state = state.or(pause.is_none().then_some("given-up"));
    settle(provider, logout, state, outcome, now).await?;
    Ok(true)
}

async fn settle(
    provider: &Provider,
    logout: Logout,
    state: Option<&'static str>,
    outcome: String,
    now: Millis,
) -> Result<(), Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let settled_at = state.map(|_| now);
                if !logouts::note(tx, &logout.id, state.unwrap_or("due"), &outcome, settled_at).await? {
                    return Ok(());
                }
                let Some(state) = state else { return Ok(()) };
                let event = Event::LogoutTold {
                    client: logout.client.to_string(),
                    sid: logout.sid,
                    outcome: state.to_owned(),
                    attempts: u32::try_from(logout.attempts + 1).unwrap_or(u32::MAX),
                };
                audit::record(tx, now, &audit::Actor::system("authn"), &event).await?;
                metrics::counter!("authn_logouts_told_total", "outcome" => state).increment(1);
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
    now: Millis,
) -> Result<(Option<&'static str>, String), Error> {
    let claims = claims(provider, logout, now)?;
    let token =
        provider.keys.sign(client.config().id_token_signed_response_alg, "logout+jwt", &claims).await?;
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let sent = provider
        .http
        .post(uri)
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await;
    Ok(match sent.map(|response| response.status().as_u16()) {
        Ok(status @ (200 | 204)) => (Some("delivered"), format!("status {status}")),
        // What relying parties of CIS2 answer when they have no such session.
        Ok(501) => (Some("unknown-session"), "status 501".to_owned()),
        Ok(status) => (None, format!("status {status}")),
        Err(error) if error.is_timeout() => (None, "no answer in time".to_owned()),
        Err(_) => (None, "no connection could be made".to_owned()),
    })
}

/// OpenID Connect Back-Channel Logout 2.4: no nonce, so that it can never pass for an ID token.
fn claims(provider: &Provider, logout: &Logout, now: Millis) -> Result<Value, Error> {
    Ok(json!({
        "iss": provider.faces.issuer(logout.face),
        "sub": logout.person.as_str(),
        "aud": logout.client.as_str(),
        "iat": now.seconds(),
        "exp": now.plus(LIFE).seconds(),
        "jti": &*Secret::generate(&provider.random)?.text(),
        "sid": logout.sid,
        "events": {EVENT: {}},
    }))
}
