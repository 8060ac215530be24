//! Suspending a key of which there may be a copy, and lifting that.

use audit::Actor;
use directory::api::{Letter, Told, tell_by_message};
use platform::clock::Millis;
use platform::db::Tx;

use super::events::AuthenticatorEvent;
use super::{Authenticator, Bound, webauthn};
use crate::error::Error;
use crate::session::{EndCause, end_by_authenticator};
use crate::store::suspensions;

/// Until when the holder is told of it.
const TOLD_WITHIN: std::time::Duration = std::time::Duration::from_hours(72);

/// Notes that a key counted backwards. WebAuthn 7.2, step 22: there may be two of it, and nobody knows which of them its holder has.
/// So it signs nobody in from now on, what it opened ends, and its holder is told where the register was shown an address of theirs.
pub(crate) async fn suspect_in(tx: &mut Tx, kept: &Authenticator, now: Millis) -> Result<(), Error> {
    let (actor, user) = (Actor::system("authn"), kept.person.to_string());
    let suspected =
        AuthenticatorEvent::AuthenticatorSuspected { authenticator: kept.id.to_string(), user: user.clone() };
    audit::record(tx, now, &actor, &suspected).await?;
    metrics::counter!("authn_keys_suspected_total").increment(1);
    if !suspensions::suspend(tx, &kept.id, now).await? {
        return Ok(());
    }
    let suspended = AuthenticatorEvent::AuthenticatorSuspended { authenticator: kept.id.to_string(), user };
    audit::record(tx, now, &actor, &suspended).await?;
    let bound = Bound::Kept(kept.id.clone());
    end_by_authenticator(tx, &bound, EndCause::AuthenticatorSuspended, &actor, now).await?;
    if tell_by_message(tx, &kept.person, &letter(&kept.name, now), now).await? == Told::Full {
        tracing::warn!("the holder of a suspended key is not told: too many messages wait");
    }
    Ok(())
}

/// Lifts the suspension of a key of this version. Where it stands with its counter is taken from its next answer: what a copy has
/// counted is not held against the key itself. None if it is not suspended, or at another version.
pub(crate) async fn lift_in(
    tx: &mut Tx,
    kept: Authenticator,
    (actor, now): (&Actor, Millis),
) -> Result<Option<Authenticator>, Error> {
    let credential = suspensions::credential(&mut *tx, &kept.id).await?;
    let anew = credential.as_deref().map(webauthn::counted_anew).transpose()?;
    if !suspensions::lift(tx, &kept.id, anew.as_deref(), kept.version).await? {
        return Ok(None);
    }
    let event = AuthenticatorEvent::AuthenticatorRestored {
        authenticator: kept.id.to_string(),
        user: kept.person.to_string(),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(Some(Authenticator { version: kept.version + 1, suspended_at: None, ..kept }))
}

fn letter(name: &str, now: Millis) -> Letter {
    Letter {
        kind: "key-suspended",
        subject: "Your key does not sign you in any more".to_owned(),
        text: format!(
            "Your key \"{name}\" was used, and had counted backwards, which a single key does not do: there may be a copy of it. \
             It signs nobody in from now on, and wherever it had signed in, it is signed out.\n\nSign in with something else, and \
             ask your registration authority, who can let you use the key again or give you another. If it was not you who used \
             it, tell them at once.\n"
        ),
        short: "Your key was suspended, as there may be a copy of it. Ask your registration authority, at once if you did not use it."
            .to_owned(),
        until: now.plus(TOLD_WITHIN),
    }
}
