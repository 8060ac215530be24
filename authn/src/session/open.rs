//! Opening a session, in the transaction that takes the proof of the sign-in, so that no proof opens two.

use std::net::IpAddr;

use audit::Actor;
use aws_lc_rs::rand::SystemRandom;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::end::{EndCause, end_in};
use super::events::{SessionEvent, holder};
use super::live::{Openers, opener, openers};
use super::rule::{Standing, standing};
use super::settings::{Concurrent, Sessions};
use super::{Session, SessionId, lifts_lock};
use crate::authenticator::Bound;
use crate::authenticator::webauthn::random_handle;
use crate::error::Error;
use crate::interaction::Method;
use crate::secret::{Secret, public_name};
use crate::store::sessions::Anew;
use crate::store::{authenticators, persons, sessions};

/// A session that is to be opened. Whoever makes one has seen the proof.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// Who proved who they are.
    pub person: UserId,
    /// How.
    pub method: Method,
    /// With what.
    pub bound: Bound,
    /// The hash of the secret that the browser held before. It opens nothing any more, whatever becomes of its session.
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

/// Opens a session, or records why not. Where the same person has one in this browser it goes on, with another secret: what relying
/// parties hold of it stays, and whoever had the old secret has nothing.
pub(crate) async fn open_in(
    tx: &mut Tx,
    (settings, random): (&Sessions, &SystemRandom),
    opening: &Opening,
    now: Millis,
) -> Result<Opened, Error> {
    if let Some(refusal) = refusal(tx, settings, opening, now).await? {
        refused(tx, opening, refusal, now).await?;
        return Ok(Opened::Refused(refusal));
    }
    let actor = holder(&opening.person, None);
    let secret = Secret::generate(random)?;
    let before = match &opening.before {
        Some(hash) => sessions::by_secret(&mut *tx, hash).await?,
        None => None,
    };
    let same = match &before {
        Some(before) if goes_on(tx, settings, before, opening, now).await? => {
            go_on(tx, settings, (before, opening), &secret, now).await?
        }
        _ => false,
    };
    let kept = before.as_ref().filter(|_| same).map(|before| &before.id);
    let replaced = replace(tx, settings, (opening, before.as_ref(), kept), &actor, now).await?;
    if !same {
        let sid = public_name(random)?;
        insert(tx, settings, opening, (&secret, sid, replaced), now).await?;
    }
    metrics::counter!("authn_sessions_opened_total", "method" => opening.method.word()).increment(1);
    Ok(Opened::Session(secret))
}

async fn insert(
    tx: &mut Tx,
    settings: &Sessions,
    opening: &Opening,
    (secret, sid, replaced): (&Secret, String, Option<SessionId>),
    now: Millis,
) -> Result<(), Error> {
    let session = Session {
        id: SessionId::new(now),
        sid,
        person: opening.person.clone(),
        method: opening.method,
        level: opening.method.level(),
        bound: opening.bound.clone(),
        proofs: 0,
        authenticated_at: now,
        last_used_at: now,
        expires_at: now.plus(settings.absolute()),
        locked: false,
    };
    let address = opening.address.map(|address| address.to_string());
    sessions::insert(tx, &session, &secret.hash(), address.as_deref(), opening.agent.as_deref()).await?;
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
    audit::record(tx, now, &holder(&opening.person, None), &event).await?;
    Ok(())
}

/// Whether the session that the browser held is one to go on with: the same person's, and none that is over or has lost with what it
/// was opened. One that is locked goes on by what is worth as much as the card that was taken out; by less another one is opened, and it
/// ends.
async fn goes_on(
    tx: &mut Tx,
    settings: &Sessions,
    before: &Session,
    opening: &Opening,
    now: Millis,
) -> Result<bool, Error> {
    if before.person != opening.person || standing(before, settings, now) == Standing::Over {
        return Ok(false);
    }
    if before.locked && !lifts_lock(opening.method) {
        return Ok(false);
    }
    Ok(match openers(tx, before).await? {
        Openers::Stand => true,
        // What the sandbox opened goes on by the sandbox alone: nobody's proof is to end with it.
        Openers::OfSandbox => opener(tx, &opening.bound).await? == Openers::OfSandbox,
        Openers::Taken(_) => false,
    })
}

/// Goes on with a session; false if somebody else ended it or went on with it at the same time.
async fn go_on(
    tx: &mut Tx,
    settings: &Sessions,
    (before, opening): (&Session, &Opening),
    secret: &Secret,
    now: Millis,
) -> Result<bool, Error> {
    let (was, is) = (opening.before.clone().unwrap_or_default(), secret.hash());
    let address = opening.address.map(|address| address.to_string());
    let anew = Anew {
        secrets: (&was, &is),
        method: opening.method,
        bound: &opening.bound,
        place: (address.as_deref(), opening.agent.as_deref()),
        at: now,
        expires_at: now.plus(settings.absolute()),
    };
    if !sessions::go_on(tx, before, &anew).await? {
        return Ok(false);
    }
    let event = SessionEvent::SessionContinued {
        session: before.id.to_string(),
        sid: before.sid.clone(),
        user: before.person.to_string(),
        method: opening.method.to_string(),
        level: opening.method.level().digit().to_owned(),
        authenticator: opening.bound.to_string(),
        address,
    };
    audit::record(tx, now, &holder(&before.person, Some(&before.id)), &event).await?;
    Ok(true)
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
        authenticator: Some(opening.bound.to_string()),
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
    // By a write, so that whoever takes it away on another machine waits, and then ends what is opened here.
    let stands = match &opening.bound {
        Bound::Kept(id) => authenticators::mark_used(tx, id, now).await?,
        Bound::Card(serial) => ca::api::in_force(tx, &[serial]).await?.contains(serial),
    };
    if !stands {
        return Ok(Some(Refusal::AuthenticatorGone));
    }
    if settings.concurrent != Concurrent::Many {
        // One after the other: another machine may be about to sign the same person in.
        persons::hold(tx, &opening.person, &random_handle()).await?;
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

/// Ends what a sign-in takes the place of, apart from the session that it goes on with; says whether that was one of this browser's.
async fn replace(
    tx: &mut Tx,
    settings: &Sessions,
    (opening, before, kept): (&Opening, Option<&Session>, Option<&SessionId>),
    actor: &Actor,
    now: Millis,
) -> Result<Option<SessionId>, Error> {
    let mut replaced = None;
    if let Some(before) = before.filter(|before| Some(&before.id) != kept) {
        end_in(tx, &before.id, EndCause::Replaced, actor, now).await?;
        replaced = Some(before.id.clone());
    }
    // Where the first stays, whoever comes here found none that is in use: what is idle lives on for relying parties, what is locked
    // waits for its holder, and both end now.
    if settings.concurrent != Concurrent::Many {
        for (open, _) in sessions::open_of_person(tx, &opening.person).await? {
            if Some(&open) != kept {
                end_in(tx, &open, EndCause::Replaced, actor, now).await?;
            }
        }
    }
    Ok(replaced)
}
