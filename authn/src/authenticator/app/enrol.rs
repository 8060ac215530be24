//! Enrolling an app: its seed is shown once, and kept when its first code proves that it was read.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::address;
use super::code::{step_of, typed};
use super::seed::Seed;
use super::{MOST_APPS, place, step};
use crate::authenticator::password::{self, Password};
use crate::authenticator::{Authenticator, AuthenticatorEvent, AuthenticatorId, name_of};
use crate::enrolment::{Enrolment, EnrolmentId, LASTS, Purpose, enrolled_in};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::secret::{Secret, sha256_hex};
use crate::session::{Sessions, holder};
use crate::store::authenticators::New;
use crate::store::{authenticators, ceremonies, persons};
use crate::throttle::{Attempt, Counted, Turn};

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
    let Turn::Now(counted) = attempt.begun(provider, now).await? else {
        return Err(Error::field(
            "password",
            "There were several wrong attempts. Wait a while, and try again.",
        ));
    };
    let right = match provider.login.passwords.verify(proposal.password.clone(), Some(kept)).await {
        Ok(right) => right,
        Err(error) => {
            // Not the fault of whoever waits: what was not looked at counts for nobody.
            counted.taken_back(provider).await?;
            return Err(error);
        }
    };
    if !right || password::email(&proposal.email).as_deref() != Some(email) {
        return Err(wrong());
    }
    counted.taken_back(provider).await
}

/// What came of a proposal.
pub(crate) enum Came {
    /// The app is added. The browser and its network are known from then on, the browser by the secret.
    Added(Method, Secret),
    /// A code was sent to the address; the app is added when it is shown.
    Asked,
}

/// From where somebody comes.
pub(crate) struct Guest {
    /// The network address.
    pub address: Option<IpAddr>,
    /// The hash of what tells the browser from those in which nobody has signed in with a password.
    pub known: Option<Vec<u8>>,
}

/// A proposal whose first code was right.
#[derive(Serialize, Deserialize)]
pub(super) struct Proposed {
    /// What the app is to be called.
    name: String,
    /// The step of the first code.
    first: i64,
    /// SHA-256 of the row with the seed that showed it.
    seed: String,
    /// The address to sign in with.
    pub(super) email: String,
    /// The password as a PHC string.
    password: String,
}

/// By what an address is shown to be its holder's.
enum Proof {
    /// They sign in with it already.
    Stays,
    /// The register was shown it.
    Register,
    /// By a code: the text of the row in which the app waited for it.
    Code(String),
}

/// Takes what somebody proposes, if its first code is right, and the address is known to be theirs. Otherwise it waits for a code that is
/// sent there, whosever the address is.
pub(crate) async fn enrol(
    provider: &Provider,
    enrolment: &Enrolment,
    proposal: Proposal,
    now: Millis,
) -> Result<Came, Error> {
    let name = name_of(&proposal.name)?;
    let stays = staying(provider, enrolment).await?;
    if let Some((email, kept)) = stays.clone() {
        confirmed(provider, &enrolment.person, &proposal, (&email, kept), now).await?;
    }
    let state =
        ceremonies::look(provider.db.read(), &ceremony(&enrolment.id), now).await?.ok_or_else(over)?;
    let seed = opened(provider, &state, &enrolment.id).await?;
    let first = typed(&proposal.code).and_then(|code| step_of(&seed.0, code, step(now)));
    let first = first.ok_or_else(|| {
        Error::field(
            "code",
            "The code is not right. Check that your phone shows the right time, and enter the newest.",
        )
    })?;
    let guest = Guest { address: proposal.address, known: proposal.known };
    let seed = sha256_hex(state.as_bytes());
    let (proof, (email, password)) = match stays {
        Some(stays) => (Proof::Stays, stays),
        None => (Proof::Register, set(provider, &proposal.email, proposal.password).await?),
    };
    let proposed = Proposed { name, first, seed, email, password };
    let tries = counted(provider, &enrolment.person, guest.address, now).await?;
    if matches!(proof, Proof::Register) && !shown(provider, &enrolment.person, &proposed.email).await? {
        address::ask(provider, enrolment, proposed, now).await?;
        return Ok(Came::Asked);
    }
    let (added, known) = add(provider, enrolment, proposed, proof, guest, now).await?;
    tries.taken_back(provider).await?;
    Ok(Came::Added(added.method, known))
}

/// Takes the code that was sent to the address of a proposal, and adds the app.
pub(crate) async fn prove(
    provider: &Provider,
    enrolment: &Enrolment,
    given: &str,
    guest: Guest,
    now: Millis,
) -> Result<(Authenticator, Secret), Error> {
    let (text, waiting) = address::sent(provider, &enrolment.id, now).await?.ok_or_else(over)?;
    if !waiting.is(&enrolment.id, given) {
        return Err(address::wrong(provider, enrolment, (text, waiting), now).await?);
    }
    add(provider, enrolment, waiting.proposed, Proof::Code(text), guest, now).await
}

/// Whether the register was shown that an address is somebody's.
async fn shown(provider: &Provider, person: &UserId, email: &str) -> Result<bool, Error> {
    let mut read = provider.db.read().acquire().await.map_err(platform::db::Error::from)?;
    Ok(directory::api::has_shown_email(&mut read, person, email).await?)
}

async fn add(
    provider: &Provider,
    enrolment: &Enrolment,
    proposed: Proposed,
    proof: Proof,
    guest: Guest,
    now: Millis,
) -> Result<(Authenticator, Secret), Error> {
    let key = ceremony(&enrolment.id);
    let state = ceremonies::look(provider.db.read(), &key, now).await?.ok_or_else(over)?;
    // Another seed than the one whose code was right was never shown to work.
    if sha256_hex(state.as_bytes()) != proposed.seed {
        return Err(over());
    }
    let seed = opened(provider, &state, &enrolment.id).await?;
    let made = Authenticator {
        id: AuthenticatorId::new(now),
        person: enrolment.person.clone(),
        method: Method::Totp,
        name: proposed.name,
        version: 1,
        aaguid: None,
        created_at: now,
        created_by: enrolment.made_by.clone(),
        last_used_at: None,
        suspended_at: None,
    };
    let sealed = seed.seal(&provider.hsm, &place(&made.id)).await?;
    let known = Secret::generate(&provider.random)?;
    let person = Some(enrolment.person.clone());
    let adding = Adding {
        enrolment: enrolment.clone(),
        sessions: provider.config.sessions.clone(),
        made,
        ceremony: (key, state),
        sealed,
        first: proposed.first,
        attempt: Attempt::new(&proposed.email, person, guest.address, guest.known),
        account: (proposed.email, proposed.password),
        proof,
        browser: known.hash(),
    };
    let added = provider.db.write(move |tx| Box::pin(async move { adding.store(tx, now).await })).await?;
    Ok((added, known))
}

/// Counts an attempt to take an address: whoever has a link would find out by many of them which addresses are taken.
async fn counted(
    provider: &Provider,
    person: &UserId,
    address: Option<IpAddr>,
    now: Millis,
) -> Result<Counted, Error> {
    let attempt = Attempt::new(&format!("enrol/{person}"), None, address, None);
    match attempt.begun(provider, now).await? {
        Turn::Now(counted) => Ok(counted),
        Turn::Later(_) => {
            Err(Error::field("email", "There were several attempts. Wait a while, and try again."))
        }
    }
}

/// An app that is added, and all that goes with it.
struct Adding {
    enrolment: Enrolment,
    sessions: Sessions,
    made: Authenticator,
    /// The key and the state of the ceremony that is used up.
    ceremony: (String, String),
    sealed: Vec<u8>,
    /// The step of the first code.
    first: i64,
    /// The address, and the hash of the password.
    account: (String, String),
    /// By what the address is shown to be theirs.
    proof: Proof,
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
        self.proved(tx, now).await?;
        // First: a recovery takes everything that was there, the old address among it.
        enrolled_in(tx, &self.sessions, &self.enrolment, &self.made, now).await?;
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
        if !matches!(self.proof, Proof::Stays) {
            let set = AuthenticatorEvent::PasswordSet { user: person.to_string() };
            audit::record(tx, now, &holder(person, None), &set).await?;
        }
        Ok(self.made)
    }

    /// Uses up what shows that the address is theirs, and writes it down.
    async fn proved(&self, tx: &mut Tx, now: Millis) -> Result<(), Error> {
        let person = &self.enrolment.person;
        let (by, holds) = match &self.proof {
            Proof::Stays => return Ok(()),
            Proof::Register => {
                ("register", directory::api::has_shown_email(tx, person, &self.account.0).await?)
            }
            Proof::Code(text) => {
                let key = address::ceremony(&self.enrolment.id);
                ("code", ceremonies::take(tx, &key, text, now).await?)
            }
        };
        if !holds {
            return Err(over());
        }
        let event = AuthenticatorEvent::AddressProved {
            enrolment: self.enrolment.id.to_string(),
            user: person.to_string(),
            by: by.to_owned(),
        };
        audit::record(tx, now, &holder(person, self.enrolment.session.as_ref()), &event).await?;
        Ok(())
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
