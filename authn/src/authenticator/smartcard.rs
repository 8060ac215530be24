//! Smartcards, by the certificate that a browser shows on the port for cards.
//!
//! TLS has proved that the card's key is there, and whoever made the caller has checked path, purpose and revocation lists. Here
//! the authority is asked for the certificate's own row, and once more in the transaction that opens the session. Where it does
//! not answer nobody is let in, and told so. The browser then goes back to the pages with a ticket, which works once, soon, and
//! for the browser that began. The other road, without TLS, is [`challenge`]; what happens when the card is taken out, [`removal`].

pub(crate) mod challenge;
pub(crate) mod removal;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::CertificateState;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::Kind;
use serde::{Deserialize, Serialize};

use super::Bound;
use crate::error::Error;
use crate::interaction::{InteractionId, Method};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Opened, Sessions, open_in};
use crate::sign_in::{Visit, Why};
use crate::store::ceremonies;

/// How long a ticket works: the browser uses it at once.
const LASTS: Duration = Duration::from_mins(1);
/// What the caller's assurance says of a certificate whose key lies on a card and nowhere else.
const ON_A_CARD: &str = "aal3";

/// Whose card it is.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    user: UserId,
    serial: String,
    /// SHA-256 of its certificate, in hexadecimal; empty in a ticket of an older program.
    #[serde(default)]
    certificate: String,
}

/// What came of a card.
pub(crate) enum Answered {
    /// Somebody is signed in.
    SignedIn {
        /// The secret of the session, for the browser.
        browser: Secret,
        /// The secret with which the agent tells that the card was taken out, and nothing else.
        agent: Secret,
        /// By what the agent knows the card: SHA-256 of its certificate, in hexadecimal.
        certificate: String,
    },
    /// Nobody is, and why.
    Refused(Why),
}

fn ceremony(interaction: &InteractionId) -> String {
    format!("card/{interaction}")
}

/// Looks at the card that was shown, and makes a ticket for the way back.
pub(crate) async fn hand_over(
    provider: &Provider,
    visit: &Visit,
    (caller, leaf): (Option<&Caller>, Option<&[u8]>),
    now: Millis,
) -> Result<Result<Secret, Why>, Error> {
    let card = match check(provider, caller, leaf).await {
        Ok(card) => card,
        Err(why) => {
            let person = caller.and_then(|caller| caller.subject.parse().ok());
            // Of a certificate that made a caller: any other's number says nothing about a card.
            let shown =
                leaf.filter(|_| person.is_some()).and_then(|leaf| pki::Certificate::from_der(leaf).ok());
            let bound = shown.map(|certificate| Bound::Card(certificate.serial().to_string()));
            refuse(provider, visit, (person, bound), &why, now).await?;
            return Ok(Err(why));
        }
    };
    let secret = Secret::generate(&provider.random)?;
    let (key, hash) = (ceremony(&visit.interaction), secret.hash());
    let state = serde_json::to_string(&card).map_err(Error::json)?;
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::put(tx, &key, Some(&hash), &state, now.plus(LASTS)).await })
        })
        .await?;
    Ok(Ok(secret))
}

/// Whose card it is, if it holds.
async fn check(provider: &Provider, caller: Option<&Caller>, leaf: Option<&[u8]>) -> Result<Card, Why> {
    let (Some(caller), Some(leaf)) = (caller, leaf) else { return Err(Why::CardMissing) };
    let refused = |sentence: &str| Why::CardRefused(sentence.to_owned());
    let user = caller.subject.parse().ok().filter(|_| caller.kind == CallerKind::Person);
    let Some(user): Option<UserId> = user else {
        return Err(refused(
            "The certificate that was shown is a system's. Choose the one on your smartcard.",
        ));
    };
    if caller.assurance.as_deref() != Some(ON_A_CARD) {
        return Err(Why::CardsUnproven);
    }
    let unknown =
        || refused("This smartcard was not issued here. Use another card, or choose another way to sign in.");
    let serial = pki::Certificate::from_der(leaf).map_err(|_| unknown())?.serial().to_string();
    let row = match provider.ca.certificate(&serial).await {
        Ok(row) => row,
        Err(problem) if problem.kind == Kind::NotFound => return Err(unknown()),
        // Whatever it is: without an answer nobody comes in.
        Err(problem) => {
            tracing::warn!(%problem, "a card could not be checked with the authority: {problem}");
            return Err(Why::CardUnknowable);
        }
    };
    let kept = row.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    if kept.as_deref() != Some(leaf) || row.user_id.as_deref() != Some(user.as_str()) {
        return Err(unknown());
    }
    let sentence = match row.state {
        CertificateState::Issued => {
            return Ok(Card { user, serial, certificate: hex::encode(digest(&SHA256, leaf)) });
        }
        CertificateState::Held => "Your smartcard is on hold. Ask your registration authority to lift that.",
        CertificateState::Expired => {
            "Your smartcard has expired. Ask your registration authority to renew it."
        }
        CertificateState::Revoked | CertificateState::Abandoned => {
            "Your smartcard was cancelled. Use another way to sign in, and ask your registration authority for a new card."
        }
    };
    Err(refused(sentence))
}

/// A stable word for the record.
fn word(why: &Why) -> &'static str {
    match why {
        Why::CardMissing => "no-card",
        Why::CardsUnproven => "cards-unproven",
        Why::CardUnknowable => "authority-silent",
        _ => "card-refused",
    }
}

/// Records that a card did not sign in.
pub(crate) async fn refuse(
    provider: &Provider,
    visit: &Visit,
    (person, bound): (Option<UserId>, Option<Bound>),
    why: &Why,
    now: Millis,
) -> Result<(), Error> {
    let (visit, word) = (visit.clone(), word(why));
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                visit.refused(tx, (person.as_ref(), bound.as_ref()), Method::Smartcard, word, now).await
            })
        })
        .await
}

/// A stable word for the record, of a certificate that makes no caller.
fn word_of(code: &str) -> &'static str {
    match code {
        "certificate-revoked" => "card-revoked",
        "certificate-held" => "card-held",
        "certificate-expired" => "card-expired",
        _ => "card-refused",
    }
}

/// What the refusal of a certificate means to whoever holds the card.
pub(crate) fn why_of(code: &str) -> Option<Why> {
    let sentence = match code {
        "certificate-expired" => "Your smartcard has expired. Ask your registration authority to renew it.",
        "certificate-revoked" => {
            "Your smartcard was cancelled. Choose another way to sign in, and ask your registration authority for a new card."
        }
        "certificate-held" => "Your smartcard is on hold. Ask your registration authority to lift that.",
        "certificate-unknown" | "certificate-purpose" | "certificate-not-a-caller" => {
            "That certificate is not the one for signing in. Try again and choose the other one, or use another card."
        }
        _ => return None,
    };
    Some(Why::CardRefused(sentence.to_owned()))
}

/// Records that the certificate of a card was refused before its holder was known: revoked, held or expired ones are, by whoever
/// makes callers of certificates. Whose it is the authority says, if it issued it.
pub(crate) async fn refused_before(
    provider: &Provider,
    visit: &Visit,
    leaf: Option<&[u8]>,
    code: &str,
    now: Millis,
) -> Result<(), Error> {
    let word = word_of(code);
    let (person, bound) = match leaf {
        Some(leaf) => issued(provider, leaf).await,
        None => (None, None),
    };
    let visit = visit.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                visit.refused(tx, (person.as_ref(), bound.as_ref()), Method::Smartcard, word, now).await
            })
        })
        .await
}

/// Whose certificate it is and which, if the authority issued it. Where that does not answer, the refusal is recorded without.
async fn issued(provider: &Provider, leaf: &[u8]) -> (Option<UserId>, Option<Bound>) {
    let Ok(certificate) = pki::Certificate::from_der(leaf) else { return (None, None) };
    let serial = certificate.serial().to_string();
    let Ok(row) = provider.ca.certificate(&serial).await else { return (None, None) };
    let kept = row.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    if kept.as_deref() != Some(leaf) {
        return (None, None);
    }
    (row.user_id.and_then(|user| user.parse().ok()), Some(Bound::Card(serial)))
}

/// Signs in whoever comes back with a ticket.
pub(crate) async fn finish(
    provider: &Provider,
    visit: &Visit,
    ticket: Option<Secret>,
    now: Millis,
) -> Result<Answered, Error> {
    let Some(ticket) = ticket else { return Ok(Answered::Refused(Why::CardTicketOver)) };
    let (key, hash) = (ceremony(&visit.interaction), ticket.hash());
    let (visit, sessions, random) =
        (visit.clone(), provider.config.sessions.clone(), provider.random.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let Some(state) = ceremonies::take_ticket(tx, &key, &hash, now).await? else {
                    visit.refused(tx, (None, None), Method::Smartcard, "replayed", now).await?;
                    return Ok(Answered::Refused(Why::CardTicketOver));
                };
                let card: Card = serde_json::from_str(&state).map_err(Error::json)?;
                open(tx, (&sessions, &random), &visit, card, now).await
            })
        })
        .await
}

/// Opens the session of a card, and makes the secret by which an agent tells of its removal.
async fn open(
    tx: &mut Tx,
    (sessions, random): (&Sessions, &SystemRandom),
    visit: &Visit,
    Card { user, serial, certificate }: Card,
    now: Millis,
) -> Result<Answered, Error> {
    let opening = visit.opening(user, Method::Smartcard, Bound::Card(serial.clone()));
    let browser = match open_in(tx, (sessions, random), &opening, now).await? {
        Opened::Session(browser) => browser,
        Opened::Refused(refusal) => return Ok(Answered::Refused(refusal.into())),
    };
    let agent = Secret::generate(random)?;
    removal::watch(tx, (&browser, &agent), &serial, now).await?;
    Ok(Answered::SignedIn { browser, agent, certificate })
}
