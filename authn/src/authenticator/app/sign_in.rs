//! Signing in with an app.

use hsm::Hsm;
use platform::clock::Millis;
use platform::id::UserId;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::code::{step_of, typed};
use super::seed::Seed;
use super::{MOST_APPS, place, step};
use crate::authenticator::{AuthenticatorId, Bound, password};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Refusal, open_in, refused};
use crate::sign_in::{Outcome, Visit, Why};
use crate::store::{authenticators, persons};
use crate::throttle::{Attempt, Counted, Turn};

/// What somebody typed.
pub(crate) struct Given {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// The code.
    pub code: Zeroizing<String>,
}

/// A sealed seed that is nobody's, opened where somebody has none, so that it takes as long.
#[derive(Default)]
pub(crate) struct Decoy(OnceCell<Vec<u8>>);

const DECOY: &[u8] = b"authn_authenticator/secret/decoy/1";

impl Decoy {
    async fn open(&self, hsm: &Hsm) -> Result<Seed, Error> {
        let made = || async { Seed::new()?.seal(hsm, DECOY).await };
        match Seed::open(hsm, self.0.get_or_try_init(made).await?, DECOY).await {
            // The wrapping key it was sealed under is no more; what it would have opened to is nobody's anyway.
            Err(Error::Hsm(hsm::Error::SealBroken | hsm::Error::WrappingKeyMissing { .. })) => Seed::new(),
            opened => opened,
        }
    }
}

/// Whose app it may be.
struct Account {
    person: Option<UserId>,
    password: Option<String>,
}

/// Looks at what somebody typed and signs them in, or not. Where all was right there is a secret by which the browser is known from now
/// on.
pub(crate) async fn sign_in(
    provider: &Provider,
    visit: &Visit,
    given: Given,
    now: Millis,
) -> Result<(Outcome, Option<Secret>), Error> {
    // What is no address is treated as the address of nobody.
    let email = password::email(&given.email).unwrap_or_else(|| given.email.chars().take(254).collect());
    let found = persons::by_email(provider.db.read(), &email).await?;
    let (person, password) = found.map_or((None, None), |(person, kept)| (Some(person), Some(kept)));
    let account = Account { person, password };
    let attempt = Attempt::new(&email, account.person.clone(), visit.address, visit.known.clone());
    let counted = match attempt.begun(provider, now).await? {
        Turn::Now(counted) => counted,
        Turn::Later(until) => return Ok((Outcome::Refused(Why::Slowed(until, now)), None)),
    };
    match verify(provider, &account, given, now).await {
        Ok(Some(shown)) => taken(provider, visit, (attempt, counted), shown, now).await,
        Ok(None) => Ok((wrong(provider, visit, account.person, now).await?, None)),
        // Not the fault of whoever waits: what was not looked at counts for nobody.
        Err(error) => {
            counted.taken_back(provider).await?;
            if matches!(error, Error::Busy) { Ok((Outcome::Refused(Why::Busy), None)) } else { Err(error) }
        }
    }
}

/// Whose app showed a code, with their password.
struct Shown {
    person: UserId,
    app: AuthenticatorId,
    step: i64,
    /// What was kept of the password, and what is to be from now on, where hashing costs more than it did.
    renewed: Option<(String, String)>,
}

/// Which app of whom showed the code, if the password is right too. Password and code are both looked at, whatever the other
/// is, and as many seeds are opened for everybody.
async fn verify(
    provider: &Provider,
    account: &Account,
    given: Given,
    now: Millis,
) -> Result<Option<Shown>, Error> {
    let mut apps = match &account.person {
        Some(person) => authenticators::apps(provider.db.read(), person).await?,
        None => Vec::new(),
    };
    apps.truncate(MOST_APPS);
    let code = typed(&given.code);
    let mut shown = None;
    for number in 0..MOST_APPS {
        let seed = match apps.get(number) {
            Some((id, sealed)) => Seed::open(&provider.hsm, sealed, &place(id)).await?,
            None => provider.login.decoy.open(&provider.hsm).await?,
        };
        let step = step_of(&seed.0, code.unwrap_or(*b"000000"), step(now));
        if let (Some(step), Some((id, _)), Some(_), None) = (step, apps.get(number), code, &shown) {
            shown = Some((id.clone(), step));
        }
    }
    let passwords = &provider.login.passwords;
    let right = passwords.verify(given.password.clone(), account.password.clone()).await?;
    let (true, Some((app, step)), Some(person)) = (right, shown, &account.person) else { return Ok(None) };
    let renewed = match &account.password {
        // A queue that is full keeps nobody out who was right: the next time will do.
        Some(kept) => {
            passwords.renewed(given.password, kept).await.ok().flatten().map(|is| (kept.clone(), is))
        }
        None => None,
    };
    Ok(Some(Shown { person: person.clone(), app, step, renewed }))
}

/// Takes the step and opens the session, in one transaction: of two who show one code, one is signed in.
async fn taken(
    provider: &Provider,
    visit: &Visit,
    (attempt, counted): (Attempt, Counted),
    Shown { person, app, step, renewed }: Shown,
    now: Millis,
) -> Result<(Outcome, Option<Secret>), Error> {
    let opening = visit.opening(person, Method::Totp, Bound::Kept(app.clone()));
    let sessions = provider.config.sessions.clone();
    let (random, known) = (provider.random.clone(), Secret::generate(&provider.random)?);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !authenticators::take_step(tx, &app, step).await? {
                    refused(tx, &opening, Refusal::Replayed, now).await?;
                    return Ok((Outcome::Refused(Why::CodeUsed), None));
                }
                if let Some((was, is)) = renewed {
                    persons::renew_password(tx, &opening.person, &was, &is).await?;
                }
                attempt.was_right(tx, &counted, &known.hash(), now).await?;
                let opened = open_in(tx, (&sessions, &random), &opening, now).await?;
                Ok((opened.into(), Some(known)))
            })
        })
        .await
}

async fn wrong(
    provider: &Provider,
    visit: &Visit,
    person: Option<UserId>,
    now: Millis,
) -> Result<Outcome, Error> {
    let visit = visit.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                visit.refused(tx, (person.as_ref(), None), Method::Totp, "wrong-details", now).await?;
                Ok(Outcome::Refused(Why::WrongDetails))
            })
        })
        .await
}
