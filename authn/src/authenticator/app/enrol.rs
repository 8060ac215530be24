//! Enrolling an app: its seed is shown once, and kept when its first code proves that it was read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::clock::Millis;
use zeroize::Zeroizing;

use super::code::{step_of, typed};
use super::seed::Seed;
use super::{MOST_APPS, place, step};
use crate::authenticator::password::{self, Password};
use crate::authenticator::{Authenticator, AuthenticatorEvent, AuthenticatorId, name_of};
use crate::enrolment::{Enrolment, EnrolmentId, LASTS, enrolled_in};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::session::holder;
use crate::store::authenticators::New;
use crate::store::{authenticators, ceremonies, persons};

/// What is shown to whoever enrols an app.
pub(crate) struct Offer {
    /// The seed as people type it.
    pub seed: Zeroizing<String>,
    /// The address that an app reads from a picture.
    pub address: Zeroizing<String>,
}

/// What somebody proposes.
pub(crate) struct Proposal {
    /// The e-mail address to sign in with.
    pub email: String,
    /// The new password.
    pub password: Zeroizing<String>,
    /// The first code.
    pub code: Zeroizing<String>,
    /// What the app is to be called.
    pub name: String,
}

fn ceremony(enrolment: &EnrolmentId) -> String {
    format!("app/{enrolment}")
}

fn waiting_place(enrolment: &EnrolmentId) -> Vec<u8> {
    format!("authn_ceremony/state/{enrolment}/1").into_bytes()
}

/// Shows a seed: the one that waits already, so that a page that is loaded again shows what the app has read.
pub(crate) async fn offer(provider: &Provider, enrolment: &Enrolment, now: Millis) -> Result<Offer, Error> {
    let key = ceremony(&enrolment.id);
    let seed = if let Some(state) = ceremonies::look(provider.db.read(), &key, now).await? {
        opened(provider, &state, &enrolment.id).await?
    } else {
        let seed = Seed::new()?;
        let sealed = seed.seal(&provider.hsm, &waiting_place(&enrolment.id)).await?;
        let state = STANDARD.encode(sealed);
        provider
            .db
            .write(move |tx| {
                Box::pin(async move { ceremonies::put(tx, &key, None, &state, now.plus(LASTS)).await })
            })
            .await?;
        seed
    };
    let address = seed.address(&provider.config.name, enrolment.person.as_str());
    Ok(Offer { seed: seed.base32(), address })
}

async fn opened(provider: &Provider, state: &str, enrolment: &EnrolmentId) -> Result<Seed, Error> {
    let sealed = STANDARD.decode(state).map_err(|_| Error::Stored { what: "authn_ceremony.state" })?;
    Seed::open(&provider.hsm, &sealed, &waiting_place(enrolment)).await
}

/// Takes what somebody proposes, if its first code is right.
pub(crate) async fn enrol(
    provider: &Provider,
    enrolment: &Enrolment,
    proposal: Proposal,
    now: Millis,
) -> Result<Authenticator, Error> {
    let over = || Error::conflict("enrolment-over", "This page is too old. Open your link again.");
    let name = name_of(&proposal.name)?;
    let email = password::email(&proposal.email)
        .ok_or_else(|| Error::field("email", "Enter an e-mail address, such as name@example.org."))?;
    let password = Password::parse(proposal.password, &email)?;
    let key = ceremony(&enrolment.id);
    let state = ceremonies::look(provider.db.read(), &key, now).await?.ok_or_else(over)?;
    let seed = opened(provider, &state, &enrolment.id).await?;
    let first = typed(&proposal.code).and_then(|code| step_of(&seed.0, code, step(now)));
    let first = first.ok_or_else(|| {
        Error::field(
            "code",
            "The code is not right. Check that your phone shows the right time, and enter the newest.",
        )
    })?;
    let password = provider.login.passwords.hash(password).await?;
    let made = Authenticator {
        id: AuthenticatorId::new(now),
        person: enrolment.person.clone(),
        method: Method::Totp,
        name,
        version: 1,
        aaguid: None,
        created_at: now,
        created_by: enrolment.made_by.clone(),
        last_used_at: None,
    };
    let sealed = seed.seal(&provider.hsm, &place(&made.id)).await?;
    let (enrolment, kept) = (enrolment.clone(), made.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !ceremonies::take(tx, &key, &state, now).await? {
                    return Err(over());
                }
                let person = &enrolment.person;
                // First: a recovery takes everything that was there, the old address among it.
                enrolled_in(tx, &enrolment, &kept, now).await?;
                if authenticators::apps(&mut *tx, person).await?.len() >= MOST_APPS {
                    return Err(Error::conflict(
                        "apps-enough",
                        "You have two authenticator apps already. Remove one of them first.",
                    ));
                }
                if !persons::set_password(tx, person, &email, &password, now).await? {
                    return Err(Error::field(
                        "email",
                        "Another profile uses this e-mail address. Use another one.",
                    ));
                }
                let new = New { authenticator: &kept, credential: None, seed: Some((&sealed, first)) };
                authenticators::insert(tx, &new).await?;
                let set = AuthenticatorEvent::PasswordSet { user: person.to_string() };
                audit::record(tx, now, &holder(person, None), &set).await?;
                Ok(kept)
            })
        })
        .await
}
