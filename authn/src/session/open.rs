//! Opening a session, in the transaction that takes the proof of the sign-in, so that no proof opens two.

use std::net::IpAddr;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::end::{EndCause, end_all_of_person, end_in};
use super::events::{SessionEvent, holder};
use super::secret::public_name;
use super::settings::{Concurrent, Sessions};
use super::{Secret, Session, SessionId};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::Method;
use crate::store::{authenticators, sessions};

/// A session that is to be opened. Whoever makes one has seen the proof.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// Who proved who they are.
    pub person: UserId,
    /// How.
    pub method: Method,
    /// With what.
    pub bound: Bound,
    /// The hash of the session that the browser held before: it ends, and its secret is never used again.
    pub before: Option<Vec<u8>>,
    /// From where.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// What came of it.
pub(crate) enum Opened {
    /// The session, and the secret for the browser.
    Session(Secret),
    /// There is none, and why is in the record.
    Refused(Refusal),
}

/// Why somebody who proved who they are is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Their profile is closed.
    Left,
    /// What they proved it with was taken from them meanwhile.
    AuthenticatorGone,
    /// They are signed in elsewhere, and one session is all they may have.
    Elsewhere,
    /// The proof was used before.
    Replayed,
}

impl Refusal {
    /// A stable word for the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::AuthenticatorGone => "authenticator-gone",
            Self::Elsewhere => "signed-in-elsewhere",
            Self::Replayed => "replayed",
        }
    }
}

/// Opens a session, or records why not.
pub(crate) async fn open_in(
    tx: &mut Tx,
    settings: &Sessions,
    opening: &Opening,
    now: Millis,
) -> Result<Opened, Error> {
    if let Some(refusal) = refusal(tx, settings, opening, now).await? {
        refused(tx, opening, refusal, now).await?;
        return Ok(Opened::Refused(refusal));
    }
    let actor = holder(&opening.person, None);
    let replaced = replace(tx, settings, opening, &actor, now).await?;
    let secret = Secret::new()?;
    let session = Session {
        id: SessionId::new(now),
        sid: public_name()?,
        person: opening.person.clone(),
        method: opening.method,
        level: opening.method.level(),
        bound: opening.bound.clone(),
        authenticated_at: now,
        last_used_at: now,
        expires_at: now.plus(settings.absolute()),
    };
    let (address, agent) = (opening.address.map(|address| address.to_string()), opening.agent.as_deref());
    sessions::insert(tx, &session, &secret.hash(), address.as_deref(), agent).await?;
    if let Bound::Kept(id) = &opening.bound {
        authenticators::mark_used(tx, id, now).await?;
    }
    let event = SessionEvent::SessionOpened {
        session: session.id.to_string(),
        sid: session.sid.clone(),
        user: session.person.to_string(),
        method: session.method.to_string(),
        level: session.level.digit().to_owned(),
        authenticator: session.bound.to_string(),
        address,
        replaces: replaced.map(|id| id.to_string()),
    };
    audit::record(tx, now, &actor, &event).await?;
    metrics::counter!("authn_sessions_opened_total", "method" => session.method.word()).increment(1);
    Ok(Opened::Session(secret))
}

/// Records that somebody who proved who they are was not signed in.
pub(crate) async fn refused(
    tx: &mut Tx,
    opening: &Opening,
    refusal: Refusal,
    now: Millis,
) -> Result<(), Error> {
    let event = SessionEvent::SignInRefused {
        user: Some(opening.person.to_string()),
        method: opening.method.to_string(),
        reason: refusal.word().to_owned(),
        address: opening.address.map(|address| address.to_string()),
    };
    audit::record(tx, now, &Actor::system("authn"), &event).await?;
    metrics::counter!("authn_sign_ins_refused_total", "method" => opening.method.word()).increment(1);
    Ok(())
}

async fn refusal(
    tx: &mut Tx,
    settings: &Sessions,
    opening: &Opening,
    now: Millis,
) -> Result<Option<Refusal>, Error> {
    if !directory::api::closed(tx, &[opening.person.as_str()]).await?.is_empty() {
        return Ok(Some(Refusal::Left));
    }
    let stands = match &opening.bound {
        Bound::Kept(id) => authenticators::stands(&mut *tx, id).await?,
        Bound::Card(serial) => ca::api::in_force(tx, &[serial]).await?.contains(serial),
    };
    if !stands {
        return Ok(Some(Refusal::AuthenticatorGone));
    }
    if settings.concurrent == Concurrent::First {
        let idle_since = now.minus(settings.idle());
        let open = sessions::in_use_of_person(tx, &opening.person, idle_since, now).await?;
        if open.iter().any(|(_, secret)| Some(secret) != opening.before.as_ref()) {
            return Ok(Some(Refusal::Elsewhere));
        }
    }
    Ok(None)
}

/// Ends what a new session takes the place of; says which of them was this browser's.
async fn replace(
    tx: &mut Tx,
    settings: &Sessions,
    opening: &Opening,
    actor: &Actor,
    now: Millis,
) -> Result<Option<SessionId>, Error> {
    let mut replaced = None;
    if let Some(hash) = &opening.before
        && let Some(before) = sessions::by_secret(&mut *tx, hash).await?
    {
        end_in(tx, &before.id, EndCause::Replaced, actor, now).await?;
        replaced = Some(before.id);
    }
    if settings.concurrent == Concurrent::Newest {
        end_all_of_person(tx, &opening.person, EndCause::Replaced, actor, now).await?;
    }
    Ok(replaced)
}
