//! The session manager: how long the session of a ticket still lives, and whether it lives at all.
//!
//! The answer to `authvalidate` names it as `sso_session_url`. How the real one is asked is published nowhere, and no public agent
//! does so, since the real one tells them `sso_keep_alive` false. Here it is asked in the words of every other act of the broker.

use platform::clock::Millis;

use super::message::{Answer, Message};
use super::settings::{Cis1, KeepAlive};
use super::standing::{Act, live, refused};
use super::{Came, Refusal};
use crate::error::Error;
use crate::oidc::parameters::Parameters;
use crate::provider::Provider;
use crate::session::{IdleEnds, Session, Sessions};
use crate::store::sessions;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    ticket: &'a str,
    log_session: &'a str,
    person: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// An agent, with a message as it signs out.
    pub(crate) fn in_message(message: &'a Message) -> Self {
        let person = Some(message.get("uid")).filter(|person| !person.is_empty());
        Self { ticket: message.get("sso_ticket"), log_session: message.get("log_session_id"), person }
    }

    /// Whoever has the ticket alone, as it fixes a role.
    pub(crate) fn in_address(parameters: &'a Parameters) -> Self {
        Self { ticket: parameters.get("token").unwrap_or_default(), log_session: "", person: None }
    }
}

/// Says how long a session still lives. Where the operator has it so, asking makes it used; past its absolute limit nothing keeps it.
pub(crate) async fn update(
    provider: &Provider,
    settings: &Cis1,
    asked: Asked<'_>,
    came: Came,
) -> Result<Answer, Refusal> {
    let (kept, mut session) = live(provider, asked.ticket, Act::SessionUpdate, came).await?;
    if asked.person.is_some_and(|person| person != kept.person.as_str()) {
        refused(provider, &kept, (Act::SessionUpdate, &Refusal::TicketUnknown), came).await?;
        return Err(Refusal::TicketUnknown);
    }
    if settings.keep_alive == KeepAlive::Asked {
        if let Err(refusal) = keep(provider, &session, came.now).await? {
            refused(provider, &kept, (Act::SessionUpdate, &refusal), came).await?;
            return Err(refusal);
        }
        session.last_used_at = came.now;
    }
    let (longest, idle) = left(&session, &provider.config.sessions, came.now);
    Ok(Answer::new(&provider.config.issuer)
        .with("log_session_id", asked.log_session)
        .with("sso_max_session_time", &longest.to_string())
        .with("sso_keep_alive", settings.keep_alive.word())
        .with("sso_session_time", &idle.to_string())
        .with("service", "SESSIONUPDATE"))
}

/// Makes a session used now, unless it has ended since it was looked at.
async fn keep(provider: &Provider, session: &Session, now: Millis) -> Result<Result<(), Refusal>, Error> {
    let id = session.id.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !sessions::hold(tx, &id, now).await? {
                    return Ok(Err(Refusal::SessionOver("meanwhile".to_owned())));
                }
                sessions::touch(tx, &id, now).await?;
                Ok(Ok(()))
            })
        })
        .await
}

/// The minutes that a session has left whatever happens, and those if nobody uses it: a minute that has begun counts.
fn left(session: &Session, settings: &Sessions, now: Millis) -> (u64, u64) {
    let minutes =
        |until: Millis| u64::try_from(until.since(now).as_millis()).unwrap_or_default().div_ceil(60_000);
    let longest = minutes(session.expires_at);
    match settings.idle_ends {
        IdleEnds::Session => (longest, minutes(session.last_used_at.plus(settings.idle())).min(longest)),
        IdleEnds::SignOn => (longest, longest),
    }
}
