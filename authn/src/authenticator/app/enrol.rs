//! Enrolling an app: its seed is shown once, and kept when its first code proves that it was read.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use zeroize::Zeroizing;

use super::code::{step_of, typed};
use super::seed::Seed;
use super::{MOST_APPS, place, step};
use crate::authenticator::password::{self, Password};
use crate::authenticator::{Authenticator, AuthenticatorEvent, AuthenticatorId, name_of};
use crate::enrolment::{Enrolment, EnrolmentId, LASTS, Purpose, enrolled_in};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::holder;
use crate::store::authenticators::New;
use crate::store::{authenticators, ceremonies, persons};
use crate::throttle::{Attempt, Turn};

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
    /// From where it comes.
    pub address: Option<IpAddr>,
    /// The hash of what tells the browser from those in which nobody has signed in with a password.
    pub known: Option<Vec<u8>>,
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

/// The address and password that stay as they are: of whoever adds an app by themselves beside one that they have. To set others is
/// for whoever has none, or has a link of the registration authority.
pub(crate) async fn staying(
    provider: &Provider,
    enrolment: &Enrolment,
) -> Result<Option<(String, String)>, Error> {
    let read = provider.db.read();
    if enrolment.purpose != Purpose::Own || authenticators::apps(read, &enrolment.person).await?.is_empty() {
        return Ok(None);
    }
    persons::password(read, &enrolment.person).await
}

/// Whether it is the holder who adds an app beside theirs: a desk that was left, or a stolen cookie, is not. A wrong guess counts as at a
/// sign-in.
async fn confirmed(
    provider: &Provider,
    person: &UserId,
    proposal: &Proposal,
    (email, kept): (&str, String),
    now: Millis,
) -> Result<(), Error> {
    let wrong = || {
        let sentence = "You have an authenticator app already. Enter the e-mail address and the password with which you sign in now; \
                        your registration authority can set others with you.";
        Error::field("password", sentence)
    };
    let attempt = Attempt::new(email, Some(person.clone()), proposal.address, proposal.known.clone());
    if let Turn::Later(_) = attempt.begun(provider, now).await? {
        return Err(Error::field(
            "password",
            "There were several wrong attempts. Wait a while, and try again.",
        ));
    }
    let right = provider.login.passwords.verify(proposal.password.clone(), Some(kept)).await;
    if matches!(right, Err(Error::Busy)) {
        // Not the fault of whoever waits.
        attempt.taken_back(provider, now).await?;
    }
    if !right? || password::email(&proposal.email).as_deref() != Some(email) {
        return Err(wrong());
    }
    attempt.taken_back(provider, now).await
}

/// Takes what somebody proposes, if its first code is right. The browser and its network are known from then on, the browser by the secret
/// that is given.
pub(crate) async fn enrol(
    provider: &Provider,
    enrolment: &Enrolment,
    proposal: Proposal,
    now: Millis,
) -> Result<(Authenticator, Secret), Error> {
    let name = name_of(&proposal.name)?;
    let stays = staying(provider, enrolment).await?;
    if let Some((email, kept)) = stays.clone() {
        confirmed(provider, &enrolment.person, &proposal, (&email, kept), now).await?;
    }
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
    let anew = stays.is_none();
    let attempt = |email: &str| {
        Attempt::new(email, Some(enrolment.person.clone()), proposal.address, proposal.known.clone())
    };
    let (account, attempt) = if let Some(stays) = stays {
        let attempt = attempt(&stays.0);
        (stays, attempt)
    } else {
        let attempt = attempt(&proposal.email);
        (set(provider, &proposal.email, proposal.password).await?, attempt)
    };
    let tries = counted(provider, &enrolment.person, proposal.address, now).await?;
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
        suspended_at: None,
    };
    let sealed = seed.seal(&provider.hsm, &place(&made.id)).await?;
    let known = Secret::generate(&provider.random)?;
    let browser = known.hash();
    let adding = Adding {
        enrolment: enrolment.clone(),
        made,
        ceremony: (key, state),
        sealed,
        first,
        account,
        anew,
        attempt,
        browser,
    };
    let added = provider.db.write(move |tx| Box::pin(async move { adding.store(tx, now).await })).await?;
    tries.taken_back(provider, now).await?;
    Ok((added, known))
}

/// Counts an attempt to take an address: whoever has a link would find out by many of them which addresses are taken.
async fn counted(
    provider: &Provider,
    person: &UserId,
    address: Option<IpAddr>,
    now: Millis,
) -> Result<Attempt, Error> {
    let attempt = Attempt::new(&format!("enrol/{person}"), None, address, None);
    match attempt.begun(provider, now).await? {
        Turn::Now => Ok(attempt),
        Turn::Later(_) => {
            Err(Error::field("email", "There were several attempts. Wait a while, and try again."))
        }
    }
}

/// An app that is added, and all that goes with it.
struct Adding {
    enrolment: Enrolment,
    made: Authenticator,
    /// The key and the state of the ceremony that is used up.
    ceremony: (String, String),
    sealed: Vec<u8>,
    /// The step of the first code.
    first: i64,
    /// The address, and the hash of the password.
    account: (String, String),
    anew: bool,
    /// By what the browser and its network are known.
    attempt: Attempt,
    browser: Vec<u8>,
}

impl Adding {
    /// Stores it; an error undoes everything.
    async fn store(self, tx: &mut Tx, now: Millis) -> Result<Authenticator, Error> {
        let (key, state) = &self.ceremony;
        if !ceremonies::take(tx, key, state, now).await? {
            return Err(over());
        }
        let person = &self.enrolment.person;
        // First: a recovery takes everything that was there, the old address among it.
        enrolled_in(tx, &self.enrolment, &self.made, now).await?;
        if authenticators::apps(&mut *tx, person).await?.len() >= MOST_APPS {
            return Err(Error::conflict(
                "apps-enough",
                "You have two authenticator apps already. Remove one of them first.",
            ));
        }
        let (email, password) = &self.account;
        if !persons::set_password(tx, person, email, password, now).await? {
            return Err(Error::field(
                "email",
                "This e-mail address cannot be used here. Use another one, or ask your registration authority.",
            ));
        }
        let new = New { authenticator: &self.made, credential: None, seed: Some((&self.sealed, self.first)) };
        authenticators::insert(tx, &new).await?;
        // Where somebody enrols they sign in: guessing elsewhere does not keep them out from the first day on.
        self.attempt.acquaint(tx, &self.browser, now).await?;
        if self.anew {
            let set = AuthenticatorEvent::PasswordSet { user: person.to_string() };
            audit::record(tx, now, &holder(person, None), &set).await?;
        }
        Ok(self.made)
    }
}

fn over() -> Error {
    Error::conflict("enrolment-over", "This page is too old. Open your link again.")
}

/// An address and the hash of a password, as they are to be from now on.
async fn set(
    provider: &Provider,
    email: &str,
    password: Zeroizing<String>,
) -> Result<(String, String), Error> {
    let email = password::email(email)
        .ok_or_else(|| Error::field("email", "Enter an e-mail address, such as name@example.org."))?;
    let password = Password::parse(password, &email)?;
    let hash = provider.login.passwords.hash(password).await?;
    Ok((email, hash))
}
