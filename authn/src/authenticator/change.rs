//! Naming authenticators, and taking them away.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::events::AuthenticatorEvent;
use super::{Authenticator, AuthenticatorId, Bound};
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

/// Gives an authenticator of a person another name, if it is at this version.
pub(crate) async fn rename(
    provider: &Provider,
    (person, id): (UserId, AuthenticatorId),
    name: String,
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
                if !authenticators::rename(tx, &id, &name, found.version).await? {
                    // Somebody on another machine was first.
                    return Err(Error::Changed { what: "authenticator", present: found.version + 1 });
                }
                let event = AuthenticatorEvent::AuthenticatorRenamed {
                    authenticator: id.to_string(),
                    user: person.to_string(),
                };
                audit::record(tx, now, &actor, &event).await?;
                Ok(Authenticator { name, version: found.version + 1, ..found })
            })
        })
        .await
}

/// Takes an authenticator from a person, and ends the sessions it opened. False if it was not there. Whoever signed in with less than
/// it is worth does not take it away: an error, which undoes it.
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
    Ok(true)
}
