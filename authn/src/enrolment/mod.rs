//! How people get authenticators: by a link that the registration authority makes while they are there, or with one they have.
//!
//! A link works once, for one person, soon, and for the browser that opened it. What somebody enrols by themselves is worth no
//! more than what they signed in with.

mod offer;
mod open;
mod send;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use crate::authenticator::webauthn::random_handle;
use crate::authenticator::{Authenticator, AuthenticatorEvent, Done, RemovedBy, notify_in, remove_in};
use crate::error::Error;
use crate::interaction::Level;
use crate::session::{SessionId, Sessions, holder, lends_in};
use crate::store::{authenticators, enrolments, persons, throttles};

pub(crate) use offer::{cancel, fresh, offer, offer_own, permitted};
pub(crate) use open::{BROWSER, bound, look, start};
pub(crate) use send::send;

platform::text_id!(
    /// A link, by its row. What is in the link is another thing: a secret.
    EnrolmentId
);

/// How long a link works; one that somebody makes for themselves, and what they may do by it, that long after they signed in.
pub(crate) const LASTS: Duration = Duration::from_mins(30);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One authenticator more, by the registration authority.
    Issue,
    /// A new one in the place of all others, which are lost.
    Recovery,
    /// One more, by the person.
    Own,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issue => "issue",
            Self::Recovery => "recovery",
            Self::Own => "own",
        })
    }
}

/// A word that names no purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPurpose;

impl FromStr for Purpose {
    type Err = NotAPurpose;

    fn from_str(word: &str) -> Result<Self, NotAPurpose> {
        [Self::Issue, Self::Recovery, Self::Own]
            .into_iter()
            .find(|purpose| purpose.to_string() == word)
            .ok_or(NotAPurpose)
    }
}

/// A link that was made and not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enrolment {
    /// Its row.
    pub id: EnrolmentId,
    /// For whom.
    pub person: UserId,
    /// What for.
    pub purpose: Purpose,
    /// The highest level that may be enrolled.
    pub most_level: Level,
    /// By whom: a user id or a client id.
    pub made_by: String,
    /// The session of a person who made it for themselves.
    pub session: Option<SessionId>,
    /// The hash of what the browser holds that opened it.
    pub browser: Option<Vec<u8>>,
    /// Until when it works.
    pub expires_at: Millis,
}

impl Enrolment {
    /// Whether it takes the place of everything else.
    pub(crate) fn recovers(&self) -> bool {
        self.purpose == Purpose::Recovery
    }
}

/// Uses a link up for an authenticator that is stored next, in its transaction. An error undoes both. Until the commit nobody else
/// enrols anything for the same person: what is counted afterwards stays as it was counted. What somebody enrols by themselves is told to
/// them by message, as it may not have been they.
pub(crate) async fn enrolled_in(
    tx: &mut Tx,
    settings: &Sessions,
    enrolment: &Enrolment,
    made: &Authenticator,
    now: Millis,
) -> Result<(), Error> {
    persons::hold(tx, &enrolment.person, &random_handle()).await?;
    if !enrolments::use_up(tx, &enrolment.id, now).await? {
        return Err(Error::conflict(
            "enrolment-used",
            "This link was used already, or has ended. Ask for a new one.",
        ));
    }
    if !directory::api::closed(tx, &[enrolment.person.as_str()]).await?.is_empty() {
        return Err(Error::conflict(
            "person-closed",
            "This profile is closed. Ask your registration authority.",
        ));
    }
    // What somebody may do with a session ends with it, and rests while it is idle or locked.
    if let Some(session) = &enrolment.session {
        lends_in(tx, settings, session, now).await?;
    }
    let actor = holder(&enrolment.person, enrolment.session.as_ref());
    if enrolment.recovers() {
        strip_in(tx, &enrolment.person, RemovedBy::Recovery, &actor, now).await?;
    }
    let event = AuthenticatorEvent::AuthenticatorEnrolled {
        authenticator: made.id.to_string(),
        user: made.person.to_string(),
        method: made.method.to_string(),
        level: made.method.level().digit().to_owned(),
        model: made.aaguid.clone(),
        enrolment: enrolment.id.to_string(),
    };
    audit::record(tx, now, &actor, &event).await?;
    if enrolment.purpose == Purpose::Own {
        notify_in(tx, &enrolment.person, (Done::Added, made.method), now).await?;
    }
    metrics::counter!("authn_authenticators_enrolled_total", "method" => made.method.word()).increment(1);
    Ok(())
}

/// Takes everything from a person with which they sign in, apart from cards: every authenticator, however many there are, the links
/// that still work, the password with its address, and what is known of their networks and browsers.
pub(crate) async fn strip_in(
    tx: &mut Tx,
    person: &UserId,
    why: RemovedBy,
    actor: &Actor,
    now: Millis,
) -> Result<(), Error> {
    persons::hold(tx, person, &random_handle()).await?;
    for id in authenticators::ids_of_person(tx, person).await? {
        remove_in(tx, (person, &id), why, (actor, now)).await?;
    }
    for id in enrolments::cancel_all(tx, person, now).await? {
        let event =
            AuthenticatorEvent::EnrolmentCancelled { enrolment: id.to_string(), user: person.to_string() };
        audit::record(tx, now, actor, &event).await?;
    }
    persons::clear_password(tx, person).await?;
    throttles::forget_places(tx, person).await
}
