//! Naming authenticators, and taking them away.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::events::AuthenticatorEvent;
use super::{Authenticator, AuthenticatorId, Bound, Done, lift_in, notify_in};
use crate::error::Error;
use crate::interaction::Level;
use crate::provider::Provider;
use crate::session::{EndCause, end_by_authenticator};
use crate::store::authenticators;

/// The longest name.
const LONGEST_NAME: usize = 60;

/// The name that somebody gives an authenticator.
pub(crate) fn name_of(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let length = text.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || text.chars().any(char::is_control) {
        return Err(Error::field("name", "A name has 1 to 60 characters that can be seen."));
    }
    Ok(text.to_owned())
}

/// Why an authenticator is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemovedBy {
    /// Its holder did not want it any more, and says so with a sign-in that is worth so much.
    Holder(Level),
    /// The registration authority took it.
    Authority,
    /// The holder recovered with a new one.
    Recovery,
    /// The holder's record was found to be another's.
    Merged,
    /// The holder has left.
    Left,
}

impl RemovedBy {
    fn word(self) -> &'static str {
        match self {
            Self::Holder(_) => "by-holder",
            Self::Authority => "by-authority",
            Self::Recovery => "recovery",
            Self::Merged => "merged",
            Self::Left => "left",
        }
    }
}

/// What is to change about an authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// What it is called.
    Name(String),
    /// That it was suspended: it signs in again.
    Lift,
}

/// Changes an authenticator of a person, if it is at this version.
pub(crate) async fn change(
    provider: &Provider,
    (person, id): (UserId, AuthenticatorId),
    changes: Vec<Change>,
    expected: Option<i64>,
    (actor, now): (Actor, Millis),
) -> Result<Authenticator, Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let found = authenticators::of_person_by_id(&mut *tx, &person, &id).await?;
                let found = found.ok_or_else(|| Error::unknown("authenticator", &id))?;
                if expected.is_some_and(|expected| expected != found.version) {
                    return Err(Error::Changed { what: "authenticator", present: found.version });
                }
                let mut is = found;
                for change in changes {
                    is = changed_in(tx, is, change, (&actor, now)).await?;
                }
                Ok(is)
            })
        })
        .await
}

async fn changed_in(
    tx: &mut Tx,
    was: Authenticator,
    change: Change,
    (actor, now): (&Actor, Millis),
) -> Result<Authenticator, Error> {
    // Somebody on another machine was first.
    let changed = Error::Changed { what: "authenticator", present: was.version + 1 };
    let name = match change {
        Change::Name(name) => name,
        Change::Lift if was.suspended_at.is_none() => {
            return Err(Error::conflict("not-suspended", "This authenticator is not suspended."));
        }
        Change::Lift => return lift_in(tx, was, (actor, now)).await?.ok_or(changed),
    };
    if !authenticators::rename(tx, &was.id, &name, was.version).await? {
        return Err(changed);
    }
    let event = AuthenticatorEvent::AuthenticatorRenamed {
        authenticator: was.id.to_string(),
        user: was.person.to_string(),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(Authenticator { name, version: was.version + 1, ..was })
}

/// Takes an authenticator from a person, and ends the sessions it opened. False if it was not there. Whoever signed in with less than
/// it is worth does not take it away: an error, which undoes it. What is taken away in its holder's own name is told to them by message.
pub(crate) async fn remove_in(
    tx: &mut Tx,
    (person, id): (&UserId, &AuthenticatorId),
    why: RemovedBy,
    (actor, now): (&Actor, Millis),
) -> Result<bool, Error> {
    let Some(method) = authenticators::remove(tx, person, id, &actor.subject, now).await? else {
        return Ok(false);
    };
    if let RemovedBy::Holder(level) = why
        && method.level() > level
    {
        return Err(Error::conflict(
            "stronger-than-sign-in",
            "This is worth more than what you signed in with. Sign in with it, or with something as strong, before you remove \
             it; if you have lost it, ask your registration authority.",
        ));
    }
    let event = AuthenticatorEvent::AuthenticatorRemoved {
        authenticator: id.to_string(),
        user: person.to_string(),
        method: method.to_string(),
        reason: why.word().to_owned(),
    };
    audit::record(tx, now, actor, &event).await?;
    let bound = Bound::Kept(id.clone());
    end_by_authenticator(tx, &bound, EndCause::AuthenticatorRemoved, actor, now).await?;
    if matches!(why, RemovedBy::Holder(_)) {
        notify_in(tx, person, (Done::Removed, method), now).await?;
    }
    Ok(true)
}
