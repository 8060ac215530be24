//! One message to one relying party: a logout token, or a security event.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{ClientId, UserId};
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
use crate::store::hearing::{self, Hearing};
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

/// After how long a message is tried again that could not be signed.
const UNSENT: Duration = Duration::from_secs(10);
/// After how long a relying party that did not answer is called again, at first; each further time it is twice as long.
const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// Whether there was an answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// There was, whatever it said.
    Came,
    /// There was none in time, or no connection.
    Missing,
    /// There was no call.
    NotAsked,
}

/// How one attempt went.
#[derive(Debug)]
pub(super) struct Went {
    /// The state that it settles, if it does.
    settles: Option<&'static str>,
    /// What is told of it.
    outcome: String,
    answer: Answer,
}

impl Went {
    /// It was answered.
    pub(super) fn answered(settles: Option<&'static str>, outcome: String) -> Self {
        Self { settles, outcome, answer: Answer::Came }
    }

    /// It was not, and is tried again.
    pub(super) fn unanswered(outcome: &str) -> Self {
        Self { settles: None, outcome: outcome.to_owned(), answer: Answer::Missing }
    }

    /// There was no answer, because of this.
    pub(super) fn failed(error: &reqwest::Error) -> Self {
        Self::unanswered(if error.is_timeout() { "no answer in time" } else { "no connection could be made" })
    }
}

/// Takes a message for one attempt; false if another machine has it.
pub(super) async fn claim(provider: &Provider, logout: &Logout) -> Result<bool, Error> {
    let (claimed, until) = (logout.clone(), provider.now().plus(CLAIM));
    provider.db.write(move |tx| Box::pin(async move { logouts::claim(tx, &claimed, until).await })).await
}

/// Tries a message that was claimed, to a relying party of which this was known.
pub(super) async fn tell(provider: &Provider, logout: Logout, hearing: Hearing) -> Result<(), Error> {
    let went = match attempt(provider, &logout).await {
        Ok(went) => went,
        // Nothing was sent: the token could not be signed, or what it is made of not be read.
        Err(error) => {
            unsent(provider, logout).await?;
            return Err(error);
        }
    };
    let now = provider.now();
    let attempts = usize::try_from(logout.attempts).unwrap_or(usize::MAX);
    let (answer, outcome) = (went.answer, went.outcome);
    let noted = match (went.settles, PAUSES.get(attempts)) {
        (Some(state), _) => Noted { state, outcome, due_at: now, settled_at: Some(now) },
        (None, Some(pause)) => Noted { state: "due", outcome, due_at: now.plus(*pause), settled_at: None },
        (None, None) => Noted { state: "given-up", outcome, due_at: now, settled_at: Some(now) },
    };
    settle(provider, logout, noted, (answer, hearing), now).await
}

/// Makes a message due again that could not be sent, which takes no attempt from it. A crash before this leaves it with one less.
async fn unsent(provider: &Provider, logout: Logout) -> Result<(), Error> {
    let due_at = provider.now().plus(UNSENT);
    provider
        .db
        .write(move |tx| Box::pin(async move { logouts::unsent(tx, &logout, "not signed", due_at).await }))
        .await
}

/// One attempt. An error says that nothing was sent.
async fn attempt(provider: &Provider, logout: &Logout) -> Result<Went, Error> {
    let client = clients::find_open(provider.db.read(), &logout.client).await?;
    let uri = client.as_ref().and_then(|client| match logout.form {
        Form::LogoutToken => client.config().backchannel_logout_uri.clone(),
        Form::SessionRevoked => client.config().security_events_uri.clone(),
    });
    match (client, uri) {
        (Some(client), Some(uri)) => match logout.form {
            Form::LogoutToken => deliver(provider, &client, logout, &uri).await,
            Form::SessionRevoked => security_event::push(provider, &client, logout, &uri).await,
        },
        _ => Ok(Went {
            settles: Some("given-up"),
            outcome: "the client is closed, or has no address for it any more".to_owned(),
            answer: Answer::NotAsked,
        }),
    }
}

async fn settle(
    provider: &Provider,
    logout: Logout,
    noted: Noted,
    (answer, hearing): (Answer, Hearing),
    now: Millis,
) -> Result<(), Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                heard(tx, (&logout.client, logout.form), (answer, hearing), now).await?;
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

/// Writes down whether a relying party answers in a form. What was known when the call began may have changed: of two calls at a time one may
/// have got no answer.
async fn heard(
    tx: &mut Tx,
    who: (&ClientId, Form),
    (answer, was): (Answer, Hearing),
    now: Millis,
) -> Result<(), Error> {
    match (answer, was) {
        (Answer::NotAsked, _) => Ok(()),
        (Answer::Came, _) => hearing::answered(tx, who).await,
        (Answer::Missing, was) => {
            let times = match was {
                Hearing::Silent(times) => times.saturating_add(1),
                Hearing::Answers | Hearing::Unknown => 1,
            };
            hearing::silent(tx, who, times, now.plus(rest(times))).await
        }
    }
}

/// How long a relying party is left alone that did not answer so many times in a row.
fn rest(times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(16);
    FIRST_REST.saturating_mul(1 << doublings).min(LONGEST_REST)
}

/// Delivers a logout token.
async fn deliver(provider: &Provider, client: &Client, logout: &Logout, uri: &str) -> Result<Went, Error> {
    // The time at which it leaves: it may have waited long.
    let about = (logout.face, &logout.person, logout.sid.as_str());
    let token = logout_token(provider, client, about, provider.now()).await?;
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let Ok(request) = provider.outward.post(uri) else {
        return Ok(Went::unanswered("no connection could be made"));
    };
    let sent = request
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await;
    Ok(match sent.map(|response| response.status().as_u16()) {
        Ok(status @ (200 | 204)) => Went::answered(Some("delivered"), format!("status {status}")),
        // What relying parties of CIS2 answer when they have no such session.
        Ok(501) => Went::answered(Some("unknown-session"), "status 501".to_owned()),
        Ok(status) => Went::answered(None, format!("status {status}")),
        Err(error) => Went::failed(&error),
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

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::logouts::LogoutId;

    platform::both_engines! {
        /// An answer says that a relying party answers, also where another call, which began at the same time, got none meanwhile; in its form
        /// alone.
        async fn the_last_answer_counts(db: Db) {
            let of = |form: Form| Logout {
                id: LogoutId::new(Millis(1)), client: "rp".parse().unwrap(), sid: "s".to_owned(),
                person: "555021942107".parse().unwrap(), face: Face::Plain, attempts: 0, form, cause: None, at: Millis(1),
            };
            let both = [of(Form::LogoutToken), of(Form::SessionRevoked)];
            let known = db.write(move |tx| Box::pin(async move {
                for logout in &both {
                    logouts::insert(tx, logout).await?;
                    heard(tx, (&logout.client, logout.form), (Answer::Missing, Hearing::Answers), Millis(1)).await?;
                }
                heard(tx, (&both[0].client, both[0].form), (Answer::Came, Hearing::Answers), Millis(2)).await?;
                let soon = logouts::due(&mut *tx, Millis(2), 2, 9).await?;
                Ok::<_, Error>((soon, logouts::due(&mut *tx, Millis(9_999), 2, 9).await?))
            })).await.unwrap();
            let told = |due: &[(Logout, Hearing)]| -> Vec<(Form, Hearing)> {
                due.iter().map(|(logout, hearing)| (logout.form, *hearing)).collect()
            };
            assert_eq!(told(&known.0), [(Form::LogoutToken, Hearing::Answers)]);
            assert_eq!(known.1.len(), 2, "the other one rests for a while");
            assert!(told(&known.1).contains(&(Form::SessionRevoked, Hearing::Silent(1))));
        }
    }
}
