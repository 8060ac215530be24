//! `POST /sign-in`: a page has the card sign the challenge of its own server, by which its holder signs in.

use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use card::piv::Slot;
use card::wire::sign_in::{Algorithm, Answer, Challenge};
use serde_json::json;

use super::origins::Allowed;
use super::{Shared, sentence, trouble};
use crate::readers::Readers;
use crate::signing::{self, Document, Request, SignatureAlgorithm, SigningCard, SigningError};
use crate::{clock, passcode};

/// The largest challenge, in octets.
const LARGEST: usize = 8_192;
/// What a page shows above the reason.
const TITLE: &str = "Your smartcard did not sign you in";

/// Asks the holder, and answers with what the card signed; with a title and a sentence where it did not.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    body: Bytes,
) -> Response {
    let challenge =
        (body.len() <= LARGEST).then(|| serde_json::from_slice::<Challenge>(&body).ok()).flatten();
    let Some(challenge) = challenge else {
        return trouble(StatusCode::BAD_REQUEST, TITLE, "The page brought no challenge.");
    };
    let message = match check(&challenge, &origin.0, clock::now_ms()) {
        Ok(message) => message,
        Err((status, words)) => return trouble(status, TITLE, words),
    };
    let Ok(_permit) = shared.at_card.try_acquire() else {
        let words = "Another request is waiting for the passcode. Answer its question first.";
        return trouble(StatusCode::CONFLICT, TITLE, words);
    };
    let (pinentry, asker) = (shared.settings().pinentry, origin.0.clone());
    // Readers, cards and people are waited for on a thread of their own.
    let outcome = tokio::task::spawn_blocking(move || {
        let question = |holder: &str| question(&asker, &challenge.service, holder);
        sign(&pinentry, &question, message)
    });
    match outcome.await {
        Ok(Ok((card, answer))) => {
            shared.removals.signed(&origin.0, &card, clock::now_ms());
            super::json(&json!(answer))
        }
        Ok(Err(error)) => trouble(StatusCode::UNPROCESSABLE_ENTITY, TITLE, &sentence(&error)),
        Err(_) => trouble(StatusCode::INTERNAL_SERVER_ERROR, TITLE, "Signing ended unexpectedly. Try again."),
    }
}

/// What the card is to sign, where it is a challenge that this very page's server made and that can still be answered.
fn check(challenge: &Challenge, origin: &str, now_ms: i64) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    let message = challenge.message().map_err(|_| {
        (StatusCode::BAD_REQUEST, "The server speaks another form of sign-in: bring the agent up to date.")
    })?;
    if challenge.server != origin {
        return Err((StatusCode::FORBIDDEN, "This page may not sign you in to another server."));
    }
    if challenge.expires_at < now_ms {
        let words = "The challenge is too old. Try again; if it stays so, look at the clock of this machine.";
        return Err((StatusCode::BAD_REQUEST, words));
    }
    Ok(message)
}

/// What the holder is asked.
fn question(origin: &str, service: &str, holder: &str) -> String {
    format!(
        "{origin} asks you to sign in to {service}.\nEnter the passcode of the smartcard of {holder} to sign in."
    )
}

fn sign(
    pinentry: &Path,
    question: &dyn Fn(&str) -> String,
    message: Vec<u8>,
) -> Result<(SigningCard, Answer), SigningError> {
    let readers = Readers::open()?;
    let card = signing::find_card_for(&readers, Slot::Authentication, clock::now_ms())?;
    let holder = card.certificate().common_name().unwrap_or_default();
    let passcode = passcode::ask(pinentry, &question(&holder), passcode::PATIENCE)?;
    let document = Document { id: String::new(), octets: message };
    let request = Request { origin: String::new(), algorithm: card.algorithm(), documents: vec![document] };
    let signed = signing::sign(&readers, &card, passcode, &request)?;
    if let Some((_, error)) = signed.failed {
        return Err(error);
    }
    let (_, signature) = signed.signatures.into_iter().next().ok_or(SigningError::BadSignature)?;
    let answer = Answer {
        certificate: STANDARD.encode(card.certificate().der()),
        above: Vec::new(),
        algorithm: named(card.algorithm()),
        signature: STANDARD.encode(signature),
    };
    Ok((card, answer))
}

fn named(algorithm: SignatureAlgorithm) -> Algorithm {
    match algorithm {
        SignatureAlgorithm::Rs256 => Algorithm::Rs256,
        SignatureAlgorithm::Es256 => Algorithm::Es256,
        SignatureAlgorithm::Es384 => Algorithm::Es384,
    }
}

#[cfg(test)]
mod tests {
    use card::wire::sign_in::VERSION;

    use super::*;

    /// A challenge of another server than the page's, one that is over, and one of another form are not signed.
    #[test]
    fn challenges_are_checked() {
        let challenge = Challenge {
            version: VERSION,
            server: "https://id.example".to_owned(),
            client: "records".to_owned(),
            service: "Shared records".to_owned(),
            interaction: "1".to_owned(),
            nonce: "n".to_owned(),
            expires_at: 1_000,
        };
        let status = |challenge: &Challenge, origin: &str, now_ms| {
            check(challenge, origin, now_ms).err().map(|(status, _)| status)
        };
        assert_eq!(status(&challenge, "https://id.example", 1_000), None);
        assert_eq!(status(&challenge, "https://id.example", 1_001), Some(StatusCode::BAD_REQUEST));
        for other in ["https://evil.example", "https://id.example:8443", "http://id.example"] {
            assert_eq!(status(&challenge, other, 0), Some(StatusCode::FORBIDDEN), "{other}");
        }
        let newer = Challenge { version: VERSION + 1, ..challenge };
        assert_eq!(status(&newer, "https://id.example", 0), Some(StatusCode::BAD_REQUEST));
    }
}
