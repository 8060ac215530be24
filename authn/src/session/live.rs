//! Whether a session can be used now, asked anew at each use.

use std::time::Duration;

use http::HeaderMap;
use platform::clock::Millis;
use platform::db::{self, Tx};

use super::end::{EndCause, end};
use super::moved::{self, Seen};
use super::rule::{Standing, standing};
use super::{SESSION, Session, presented};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::provider::Provider;
use crate::sandbox;
use crate::secret::Secret;
use crate::store::{authenticators, sessions};

/// How often a use is written down at most.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// The live session of a browser. It counts as used now.
pub(crate) async fn current(
    provider: &Provider,
    seen: Seen<'_>,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let Some(session) = held(provider, seen.headers).await? else { return Ok(None) };
    if standing(&session, &provider.config.sessions, now) != Standing::Live
        || !stands_elsewhere(provider, &session, now).await?
    {
        return Ok(None);
    }
    moved::note(provider, &session, seen, now).await?;
    touch(provider, session, now).await.map(Some)
}

/// The session of a browser that nobody has ended, whether or not it still signs in.
pub(crate) async fn held(provider: &Provider, headers: &HeaderMap) -> Result<Option<Session>, Error> {
    match presented(headers, SESSION).and_then(Secret::parse) {
        Some(secret) => sessions::by_secret(provider.db.read(), &secret.hash()).await,
        None => Ok(None),
    }
}

/// What the session with this name is worth. Relying parties that ask for it do not make it used: their programs ask by themselves.
pub(crate) async fn by_sid(provider: &Provider, sid: &str, now: Millis) -> Result<Worth, Error> {
    let Some(session) = sessions::by_sid(provider.db.read(), sid).await? else { return Ok(Worth::Over) };
    let standing = standing(&session, &provider.config.sessions, now);
    if standing == Standing::Over || !stands_elsewhere(provider, &session, now).await? {
        return Ok(Worth::Over);
    }
    Ok(if standing == Standing::Locked { Worth::Locked } else { Worth::Live(session) })
}

/// A session that nobody has ended, as it was read.
pub(crate) struct Found {
    /// The session.
    pub session: Session,
    /// With what it was opened last.
    pub opener: Opener,
}

/// With what a session was opened last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    /// With something that its holder has here, still, and that is not suspended; or with a card that was asked for and is in force.
    Kept,
    /// With a card that was not asked for or is not in force, by the sandbox, or with something that was taken away or is suspended.
    Elsewhere,
}

/// What a session is worth to those who hold something of it.
pub(crate) enum Worth {
    /// It lives.
    Live(Session),
    /// It gives nothing until its holder lifts the lock, and everything then.
    Locked,
    /// It gives nothing any more.
    Over,
}

/// What a session that was read is worth, for whoever asks the register for its person next: that says whether they have left, so it is not
/// asked here. Whom the register does not know any more is to be given to [`by_sid`], which ends the session.
pub(crate) async fn before_claims(provider: &Provider, found: Found, now: Millis) -> Result<Worth, Error> {
    let Found { session, opener } = found;
    let standing = standing(&session, &provider.config.sessions, now);
    if standing == Standing::Over {
        return Ok(Worth::Over);
    }
    if opener == Opener::Elsewhere || session.proofs > 0 {
        let mut read = provider.db.read().acquire().await.map_err(db::Error::from)?;
        let openers = openers(&mut read, &session).await?;
        drop(read);
        let cause = openers.lost(provider).await?;
        if !stands(provider, &session, cause, now).await? {
            return Ok(Worth::Over);
        }
    }
    Ok(if standing == Standing::Locked { Worth::Locked } else { Worth::Live(session) })
}

/// Whether the person is still there and the authenticator still theirs. Where not, the session ends now, on every machine,
/// however late whoever follows the register is.
async fn stands_elsewhere(provider: &Provider, session: &Session, now: Millis) -> Result<bool, Error> {
    let mut read = provider.db.read().acquire().await.map_err(db::Error::from)?;
    let left = !directory::api::closed(&mut read, &[session.person.as_str()]).await?.is_empty();
    let openers = openers(&mut read, session).await?;
    drop(read);
    let cause = if left { Some(EndCause::Left) } else { openers.lost(provider).await? };
    stands(provider, session, cause, now).await
}

/// Whether nothing was lost; otherwise the session ends.
async fn stands(
    provider: &Provider,
    session: &Session,
    lost: Option<EndCause>,
    now: Millis,
) -> Result<bool, Error> {
    match lost {
        None => Ok(true),
        Some(cause) => {
            end(provider, session.id.clone(), cause, now).await?;
            Ok(false)
        }
    }
}

/// How that stands with which the holder of a session signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Openers {
    /// It is theirs.
    Stand,
    /// Of the sandbox, which proved nothing: it stands while the sandbox does.
    OfSandbox,
    /// Some of it is theirs no more.
    Taken(EndCause),
}

impl Openers {
    /// Why a session that stands on this ends, if it does. Whether a sandbox may still be one is asked each time: an authority can be
    /// brought in at any time, and after a start without the section there is none.
    async fn lost(self, provider: &Provider) -> Result<Option<EndCause>, Error> {
        match self {
            Self::Stand => Ok(None),
            Self::Taken(cause) => Ok(Some(cause)),
            Self::OfSandbox => Ok((!sandbox::stands(provider).await?).then_some(EndCause::SandboxRefused)),
        }
    }
}

/// How all that stands with which the holder of a session signed in.
pub(super) async fn openers(read: &mut Tx, session: &Session) -> Result<Openers, Error> {
    let mut found = opener(read, &session.bound).await?;
    if session.proofs > 0 && !matches!(found, Openers::Taken(_)) {
        for bound in sessions::proofs(&mut *read, &session.id).await? {
            match opener(read, &bound).await? {
                Openers::Stand => {}
                Openers::OfSandbox => found = Openers::OfSandbox,
                taken @ Openers::Taken(_) => return Ok(taken),
            }
        }
    }
    Ok(found)
}

/// How one thing stands with which somebody signed in.
pub(super) async fn opener(read: &mut Tx, bound: &Bound) -> Result<Openers, Error> {
    Ok(match bound {
        Bound::Kept(id) => match authenticators::maker(&mut *read, id).await?.as_deref() {
            None => Openers::Taken(EndCause::AuthenticatorRemoved),
            Some(sandbox::MADE_BY) => Openers::OfSandbox,
            Some(_) => Openers::Stand,
        },
        Bound::Card(serial) if !ca::api::in_force(read, &[serial]).await?.contains(serial) => {
            Openers::Taken(EndCause::CardRevoked)
        }
        Bound::Card(_) => Openers::Stand,
    })
}

/// The session, used now; to the minute.
pub(super) async fn touch(provider: &Provider, mut session: Session, now: Millis) -> Result<Session, Error> {
    if now < session.last_used_at.plus(TOUCH_EVERY) {
        return Ok(session);
    }
    let id = session.id.clone();
    provider.db.write(move |tx| Box::pin(async move { sessions::touch(tx, &id, now).await })).await?;
    session.last_used_at = now;
    Ok(session)
}
