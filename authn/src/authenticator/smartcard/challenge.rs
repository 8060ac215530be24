//! Smartcards, by a challenge that the workstation's agent has the card sign.
//!
//! The challenge names server, service and request, lies in one row, and is answered once. The signature proves that the key is
//! there; path, purpose and revocation are looked at by whoever makes callers of certificates, and the authority is asked for the
//! certificate's own row as on the other road. Where either does not answer nobody is let in.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use card::wire::sign_in::{Algorithm, Answer, Challenge, VERSION};
use pki::Certificate;
use platform::clock::Millis;
use platform::id::UserId;
use platform::problem::Problem;

use super::{Answered, Card, check, issued, why_of, word, word_of};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::{Interaction, InteractionId, Method};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::sign_in::{Visit, Why};
use crate::store::ceremonies;

/// How long a challenge can be answered: a passcode is typed meanwhile.
const LASTS: Duration = Duration::from_mins(2);
/// How many certificates may come above the card's.
const ABOVE: usize = 4;

fn ceremony(interaction: &InteractionId) -> String {
    format!("card-challenge/{interaction}")
}

/// What a card is to sign for this request. It replaces what was asked before.
pub(crate) async fn begin(
    provider: &Provider,
    interaction: &Interaction,
    now: Millis,
) -> Result<Challenge, Error> {
    let challenge = Challenge {
        version: VERSION,
        server: provider.config.issuer.clone(),
        client: interaction.client.to_string(),
        service: interaction.client_name.clone(),
        interaction: interaction.id.to_string(),
        nonce: Secret::generate(&provider.random)?.text().to_string(),
        expires_at: now.plus(LASTS).0,
    };
    let (key, state) = (ceremony(&interaction.id), serde_json::to_string(&challenge).map_err(Error::json)?);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::put(tx, &key, None, &state, now.plus(LASTS)).await })
        })
        .await?;
    Ok(challenge)
}

/// Why an answer was not taken.
struct Fault {
    holder: (Option<UserId>, Option<Bound>),
    word: &'static str,
    why: Why,
}

impl Fault {
    /// Nothing was proved: whose certificate came along says nothing of who sent it.
    fn unproven(word: &'static str) -> Self {
        let sentence = "What your smartcard signed could not be confirmed. Take the card out, put it back and try again. If it \
                        happens again, choose another way to sign in and tell your registration authority.";
        Self { holder: (None, None), word, why: Why::CardRefused(sentence.to_owned()) }
    }
}

/// Looks at what a card answered, and signs its holder in, or not. Whatever comes of it, the challenge is used.
pub(crate) async fn finish(
    provider: &Provider,
    visit: &Visit,
    answer: &Answer,
    now: Millis,
) -> Result<Answered, Error> {
    let key = ceremony(&visit.interaction);
    let Some(state) = ceremonies::look(provider.db.read(), &key, now).await? else {
        let fault = Fault { holder: (None, None), word: "replayed", why: Why::CardTicketOver };
        return refuse(provider, visit, (key, String::new()), fault, now).await;
    };
    let challenge: Challenge = serde_json::from_str(&state).map_err(Error::json)?;
    match prove(provider, visit, &challenge, answer).await {
        Ok(card) => open(provider, visit, (key, state), card, now).await,
        Err(fault) => refuse(provider, visit, (key, state), fault, now).await,
    }
}

/// Whose card signed the challenge, if it holds.
async fn prove(
    provider: &Provider,
    visit: &Visit,
    challenge: &Challenge,
    answer: &Answer,
) -> Result<Card, Fault> {
    if !visit.acceptable.allows(Method::Smartcard) {
        let why = Why::NotEnough(Method::Smartcard);
        return Err(Fault { holder: (None, None), word: "not-enough", why });
    }
    let read = |text: &String| STANDARD.decode(text).map_err(|_| Fault::unproven("unreadable"));
    if answer.above.len() > ABOVE {
        return Err(Fault::unproven("unreadable"));
    }
    let leaf = read(&answer.certificate)?;
    signed(challenge, &leaf, answer)?;
    let mut chain = vec![leaf.clone()];
    for above in &answer.above {
        chain.push(read(above)?);
    }
    let caller = match (provider.holders)(chain).await {
        Ok(caller) => caller,
        Err(problem) => return Err(refused(provider, &leaf, &problem).await),
    };
    match check(provider, Some(&caller), Some(&leaf)).await {
        Ok(card) => Ok(card),
        Err(why) => Err(Fault { holder: issued(provider, &leaf).await, word: word(&why), why }),
    }
}

/// Whether the certificate's key signed the challenge.
fn signed(challenge: &Challenge, leaf: &[u8], answer: &Answer) -> Result<(), Fault> {
    let certificate = Certificate::from_der(leaf).map_err(|_| Fault::unproven("unreadable"))?;
    let signature = STANDARD.decode(&answer.signature).map_err(|_| Fault::unproven("unreadable"))?;
    let message = challenge.message().map_err(|_| Fault::unproven("unreadable"))?;
    pki::verify_signature(certificate.spki_der(), identifier(answer.algorithm), &message, &signature)
        .map_err(|_| Fault::unproven("card-signature"))
}

/// By what the card signs.
fn identifier(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::Es256 => pki::algorithm::ECDSA_SHA256,
        Algorithm::Es384 => pki::algorithm::ECDSA_SHA384,
        Algorithm::Rs256 => pki::algorithm::RSA_SHA256,
    }
}

/// A certificate that makes no caller. Its key was shown, so that it is in the record with its holder, if the authority knows it.
async fn refused(provider: &Provider, leaf: &[u8], problem: &Problem) -> Fault {
    let silent = problem.kind.status().is_server_error();
    if silent {
        tracing::warn!(%problem, "a card could not be checked: {problem}");
        return Fault { holder: (None, None), word: "authority-silent", why: Why::CardUnknowable };
    }
    let why = why_of(problem.code).unwrap_or_else(|| Why::CardRefused(problem.detail.clone()));
    Fault { holder: issued(provider, leaf).await, word: word_of(problem.code), why }
}

/// Takes the challenge and opens the session, in one transaction: of two answers one signs in.
async fn open(
    provider: &Provider,
    visit: &Visit,
    (key, state): (String, String),
    card: Card,
    now: Millis,
) -> Result<Answered, Error> {
    let (visit, sessions, random) =
        (visit.clone(), provider.config.sessions.clone(), provider.random.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !ceremonies::take(tx, &key, &state, now).await? {
                    let bound = Bound::Card(card.serial);
                    let whose = (Some(&card.user), Some(&bound));
                    visit.refused(tx, whose, Method::Smartcard, "replayed", now).await?;
                    return Ok(Answered::Refused(Why::CardTicketOver));
                }
                super::open(tx, (&sessions, &random), &visit, card, now).await
            })
        })
        .await
}

async fn refuse(
    provider: &Provider,
    visit: &Visit,
    (key, state): (String, String),
    fault: Fault,
    now: Millis,
) -> Result<Answered, Error> {
    let visit = visit.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                ceremonies::take(tx, &key, &state, now).await?;
                let (person, bound) = &fault.holder;
                visit
                    .refused(tx, (person.as_ref(), bound.as_ref()), Method::Smartcard, fault.word, now)
                    .await?;
                Ok(Answered::Refused(fault.why))
            })
        })
        .await
}
