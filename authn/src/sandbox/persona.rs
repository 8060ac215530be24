//! Signing in as an invented person, and taking out the card that they do not have.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::Kind;

use super::hierarchy;
use crate::authenticator::{Authenticator, AuthenticatorEvent, AuthenticatorId, Bound};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::session::{EndCause, Session, end_by_authenticator, holder, open_in};
use crate::sign_in::{Outcome, Visit, Why};
use crate::store::authenticators::{self, New};

/// Who made what a persona signs in with.
pub(crate) const MADE_BY: &str = "sandbox";

/// Somebody whom the register knows.
pub(crate) struct Known {
    /// The user id.
    pub(crate) user: UserId,
    /// Their name.
    pub(crate) name: String,
    /// How many roles they have.
    pub(crate) roles: usize,
}

/// Looks somebody up; none where the register knows nobody, or nobody who is there.
pub(crate) async fn known(provider: &Provider, user: UserId) -> Result<Option<Known>, Error> {
    match provider.directory.claims(&user, &[directory::api::ClaimsPart::Roles]).await {
        Ok(claims) => {
            let name = format!("{} {}", claims.name.given, claims.name.family);
            Ok(Some(Known { user, name: name.trim().to_owned(), roles: claims.roles.len() }))
        }
        Err(problem) if problem.kind == Kind::NotFound => Ok(None),
        Err(problem) => Err(Error::Module(problem)),
    }
}

/// Signs in as somebody whom the register knows, as if they had proved it so. What they would have proved it with is an authenticator
/// without a key: nobody signs in with it anywhere else.
pub(crate) async fn sign_in(
    provider: &Provider,
    visit: &Visit,
    (known, method): (Known, Method),
    now: Millis,
) -> Result<Outcome, Error> {
    hierarchy::demand_demonstration(&provider.ca).await?;
    if !visit.acceptable.allows(method) {
        return Ok(Outcome::Refused(Why::NotEnough(method)));
    }
    let (visit, sessions, random) =
        (visit.clone(), provider.config.sessions.clone(), provider.random.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let bound = Bound::Kept(authenticator(tx, &known.user, method, now).await?);
                let opening = visit.opening(known.user, method, bound);
                Ok(open_in(tx, (&sessions, &random), &opening, now).await?.into())
            })
        })
        .await
}

/// What a persona signs in with: made the first time.
async fn authenticator(
    tx: &mut Tx,
    person: &UserId,
    method: Method,
    now: Millis,
) -> Result<AuthenticatorId, Error> {
    let kept = authenticators::of_person(&mut *tx, person).await?;
    if let Some(kept) = kept.into_iter().find(|kept| kept.created_by == MADE_BY && kept.method == method) {
        return Ok(kept.id);
    }
    let made = Authenticator {
        id: AuthenticatorId::new(now),
        person: person.clone(),
        method,
        name: format!("Sandbox: {method}"),
        version: 1,
        aaguid: None,
        created_at: now,
        created_by: MADE_BY.to_owned(),
        last_used_at: None,
        suspended_at: None,
    };
    authenticators::insert(tx, &New { authenticator: &made, credential: None, seed: None }).await?;
    let event = AuthenticatorEvent::AuthenticatorEnrolled {
        authenticator: made.id.to_string(),
        user: person.to_string(),
        method: method.to_string(),
        level: method.level().digit().to_owned(),
        model: None,
        enrolment: MADE_BY.to_owned(),
    };
    audit::record(tx, now, &Actor::system("authn"), &event).await?;
    Ok(made.id)
}

/// Takes the card out with which a session was opened: every session that it opened ends, and relying parties are told. Says how many;
/// none where it was no card.
pub(crate) async fn remove_card(
    provider: &Provider,
    session: Session,
    now: Millis,
) -> Result<Option<usize>, Error> {
    if session.method != Method::Smartcard {
        return Ok(None);
    }
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let actor = holder(&session.person, Some(&session.id));
                let ended =
                    end_by_authenticator(tx, &session.bound, EndCause::CardRemoved, &actor, now).await?;
                Ok(Some(ended))
            })
        })
        .await
}
