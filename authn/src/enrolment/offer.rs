//! Making links, and taking them back.

use audit::Actor;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::id::UserId;
use platform::problem::Problem;

use super::{Enrolment, EnrolmentId, LASTS, Purpose};
use crate::api::AUTHENTICATORS;
use crate::authenticator::AuthenticatorEvent;
use crate::error::Error;
use crate::interaction::Level;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Session, holder, lends};
use crate::store::enrolments;

/// Demands that the caller may issue and take away authenticators of a person: a system that was granted it, or somebody whom the
/// register allows it. Nobody does it to themselves.
pub(crate) async fn permitted(provider: &Provider, caller: &Caller, person: &UserId) -> Result<(), Problem> {
    if caller.kind != CallerKind::Person {
        return caller.may(AUTHENTICATORS);
    }
    provider.directory.may_issue_authenticator(caller, person).await
}

/// Makes a link for a person. When this returns it is stored and in the record; what is in the link is shown this once.
pub(crate) async fn offer(
    provider: &Provider,
    caller: &Caller,
    (person, purpose): (UserId, Purpose),
    now: Millis,
) -> Result<(Enrolment, Secret), Problem> {
    permitted(provider, caller, &person).await?;
    let enrolment = Enrolment {
        id: EnrolmentId::new(now),
        person,
        purpose,
        most_level: Level::Three,
        made_by: match caller.kind {
            CallerKind::Person => caller.subject.clone(),
            CallerKind::System | CallerKind::Module => caller.client.to_string(),
        },
        session: None,
        browser: None,
        expires_at: now.plus(LASTS),
    };
    Ok(store(provider, enrolment, Actor::from(caller), now).await?)
}

/// Demands that somebody signed in a moment ago: somebody else may sit there by now, or have their cookie.
pub(crate) fn fresh(session: &Session, now: Millis) -> Result<(), Error> {
    if now < session.authenticated_at.plus(LASTS) {
        return Ok(());
    }
    Err(Error::conflict(
        "sign-in-too-old",
        "You signed in more than half an hour ago. Sign in again before you add or remove a way to sign in.",
    ))
}

/// Makes a link for the person of a session, who enrols with it what is worth no more than how they signed in, for as long as that
/// sign-in is fresh.
pub(crate) async fn offer_own(
    provider: &Provider,
    session: &Session,
    now: Millis,
) -> Result<(Enrolment, Secret), Error> {
    fresh(session, now)?;
    lends(provider, &session.id, now).await?;
    let enrolment = Enrolment {
        id: EnrolmentId::new(now),
        person: session.person.clone(),
        purpose: Purpose::Own,
        most_level: session.level,
        made_by: session.person.to_string(),
        session: Some(session.id.clone()),
        browser: None,
        expires_at: session.authenticated_at.plus(LASTS),
    };
    store(provider, enrolment, holder(&session.person, Some(&session.id)), now).await
}

async fn store(
    provider: &Provider,
    enrolment: Enrolment,
    actor: Actor,
    now: Millis,
) -> Result<(Enrolment, Secret), Error> {
    let secret = Secret::generate(&provider.random)?;
    let (kept, hash) = (enrolment.clone(), secret.hash());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !directory::api::closed(tx, &[kept.person.as_str()]).await?.is_empty() {
                    return Err(Error::conflict("person-closed", "This profile is closed."));
                }
                enrolments::insert(tx, &kept, &hash, now).await?;
                let event = AuthenticatorEvent::EnrolmentOffered {
                    enrolment: kept.id.to_string(),
                    user: kept.person.to_string(),
                    purpose: kept.purpose.to_string(),
                    most_level: kept.most_level.digit().to_owned(),
                    expires_at: kept.expires_at.0,
                };
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await?;
    Ok((enrolment, secret))
}

/// Takes a link of a person back.
pub(crate) async fn cancel(
    provider: &Provider,
    caller: &Caller,
    (person, id): (UserId, EnrolmentId),
    now: Millis,
) -> Result<(), Problem> {
    permitted(provider, caller, &person).await?;
    let actor = Actor::from(caller);
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            if !enrolments::cancel(tx, &person, &id, now).await? {
                return Err(Error::unknown("enrolment", &id));
            }
            let event = AuthenticatorEvent::EnrolmentCancelled {
                enrolment: id.to_string(),
                user: person.to_string(),
            };
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    Ok(done.await?)
}
