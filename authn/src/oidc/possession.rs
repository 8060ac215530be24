//! Whether whoever sends a request holds the key that it has to hold: `DPoP` (RFC 9449) and certificates of connections (RFC 8705).

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;

use super::refusal::{Code, Refusal};
use crate::api::{DpopNonce, TokenBinding};
use crate::client::Client;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::dpop as store;
use crate::token::dpop::{self, Proof, Request};
use crate::token::pace::Pace;
use crate::token::{Binding, Token};

/// How long a nonce is the newest; it is taken for as long again.
const PERIOD: i64 = 300_000;

/// What a request shows beside its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    /// The header `DPoP`; empty, and so no proof, where there are several.
    pub(crate) proof: Option<String>,
    /// The SHA-256 of the certificate of its connection.
    pub(crate) certificate: Option<String>,
    /// Its method.
    pub(crate) method: String,
    /// Its path.
    pub(crate) path: String,
}

/// How an access token was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// As whoever holds it.
    Bearer,
    /// With a proof.
    Dpop,
}

/// RFC 8705 3.1.
pub(crate) fn certificate_thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}

/// What this process knows of proofs.
#[derive(Default)]
pub(crate) struct Proofs {
    pace: Pace,
    /// The newest nonce with its period and the one before. Held only to read or replace it.
    nonces: Mutex<Option<(i64, String, String)>>,
}

/// To what the tokens are bound that a request gets.
pub(crate) async fn binding(
    provider: &Provider,
    client: &Client,
    held: &Held,
    now: Millis,
) -> Result<Binding, Refusal> {
    if client.config().access_token_binding == TokenBinding::Tls {
        let missing = || {
            let sentence = "The tokens of this client are bound to the certificate of its connection: call the port for systems.";
            Refusal::new(Code::InvalidRequest, sentence)
        };
        return held.certificate.clone().map(Binding::Certificate).ok_or_else(missing);
    }
    match thumbprint(provider, client, held, now).await? {
        Some(thumbprint) => Ok(Binding::Key(thumbprint)),
        None if client.config().access_token_binding == TokenBinding::Dpop => {
            let sentence = "The tokens of this client are bound to a key: send a proof in the header DPoP.";
            Err(Refusal::new(Code::InvalidDpopProof, sentence))
        }
        None => Ok(Binding::Nothing),
    }
}

/// The thumbprint of the key that a request proves, if it does.
pub(crate) async fn thumbprint(
    provider: &Provider,
    client: &Client,
    held: &Held,
    now: Millis,
) -> Result<Option<String>, Refusal> {
    if held.proof.is_none() {
        return Ok(None);
    }
    let proof = read(provider, held, None, now)?;
    spend(provider, client, &proof, now).await?;
    Ok(Some(proof.thumbprint))
}

/// Whether a token comes with what it is bound to.
pub(crate) async fn shown_with(
    provider: &Provider,
    client: &Client,
    token: &Token,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<(), Refusal> {
    let bad = |sentence: &str| Err(Refusal::new(Code::InvalidToken, sentence));
    match (&token.binding, scheme) {
        (Binding::Nothing, Scheme::Bearer) => Ok(()),
        (Binding::Certificate(thumbprint), Scheme::Bearer) => {
            if held.certificate.as_ref() == Some(thumbprint) {
                Ok(())
            } else {
                bad("The access token is bound to another certificate than that of the connection.")
            }
        }
        // RFC 9449 7.1 and 7.2: neither is taken for the other.
        (Binding::Key(_), Scheme::Bearer) => {
            bad("The access token is bound to a key: send it as DPoP, with a proof.")
        }
        (Binding::Nothing | Binding::Certificate(_), Scheme::Dpop) => {
            bad("The access token is bound to no key.")
        }
        (Binding::Key(thumbprint), Scheme::Dpop) => {
            let proof = read(provider, held, Some(presented), now)?;
            if proof.thumbprint != *thumbprint {
                return bad("The access token is bound to another key than that of the proof.");
            }
            spend(provider, client, &proof, now).await
        }
    }
}

fn read(provider: &Provider, held: &Held, token: Option<&str>, now: Millis) -> Result<Proof, Refusal> {
    let refused = |why: dpop::NoProof| {
        Refusal::new(Code::InvalidDpopProof, format!("The header DPoP holds no proof: {why}."))
    };
    let missing = dpop::NoProof("there is none");
    let text = held.proof.as_deref().ok_or(missing).map_err(refused)?;
    let addresses = provider.faces.addresses(&held.path);
    let request = Request { method: &held.method, addresses: &addresses, token };
    dpop::read(text, &request, now).map_err(refused)
}

/// Takes a proof as used. It is asked last, so that nobody fills the store who has no token and is no client.
async fn spend(provider: &Provider, client: &Client, proof: &Proof, now: Millis) -> Result<(), Refusal> {
    if client.is_strict() && proof.alg == "RS256" {
        let sentence = "With fapi2 proofs are signed ES256, PS256 or EdDSA.";
        return Err(Refusal::new(Code::InvalidDpopProof, sentence));
    }
    if client.config().dpop_nonce == DpopNonce::Required {
        let (newest, before) = nonces(provider, now).await?;
        if ![&newest, &before].into_iter().any(|ours| proof.nonce.as_ref() == Some(ours)) {
            let sentence = "The proof has to name the nonce of this answer.";
            return Err(Refusal { nonce: Some(newest), ..Refusal::new(Code::UseDpopNonce, sentence) });
        }
    }
    if provider.restored.is_some_and(|at| proof.until <= at.plus(dpop::FORGOTTEN)) {
        let sentence = "The proof may have come before the provider's database was put back from a copy. Make a new one.";
        return Err(Refusal::new(Code::InvalidDpopProof, sentence));
    }
    if !provider.proofs.pace.admits(&proof.thumbprint, now) {
        let sentence = "Too many proofs came in this minute. Try again shortly.";
        return Err(Refusal::new(Code::TemporarilyUnavailable, sentence));
    }
    let (thumbprint, jti_hash, until) = (proof.thumbprint.clone(), proof.jti_hash.clone(), proof.until);
    let first: Result<bool, Error> = provider
        .db
        .write(move |tx| Box::pin(async move { store::spend(tx, &thumbprint, &jti_hash, until).await }))
        .await;
    if first? {
        return Ok(());
    }
    let sentence = "The proof came before. Make a new one for each request.";
    Err(Refusal::new(Code::InvalidDpopProof, sentence))
}

/// The nonce of this period and that of the one before, the same on every machine.
async fn nonces(provider: &Provider, now: Millis) -> Result<(String, String), Error> {
    let period = now.0.div_euclid(PERIOD);
    let known = {
        let kept = provider.proofs.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .filter(|(at, ..)| *at == period)
            .map(|(_, newest, before)| (newest.clone(), before.clone()))
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let mut found = store::nonces(provider.db.read(), period - 1).await?;
    if !found.iter().any(|(at, _)| *at == period) {
        let nonce = Secret::generate(&provider.random)?.text().to_string();
        let made: Result<(), Error> = provider
            .db
            .write(move |tx| Box::pin(async move { store::make_nonce(tx, period, &nonce).await }))
            .await;
        made?;
        found = store::nonces(provider.db.read(), period - 1).await?;
    }
    let of = |wanted: i64| found.iter().find(|(at, _)| *at == wanted).map(|(_, nonce)| nonce.clone());
    let newest = of(period).ok_or(Error::Stored { what: "authn_dpop_nonce.nonce" })?;
    // Where there was none before, none but the newest is taken.
    let before = of(period - 1).unwrap_or_else(|| newest.clone());
    let mut kept = provider.proofs.nonces.lock().unwrap_or_else(PoisonError::into_inner);
    *kept = Some((period, newest.clone(), before.clone()));
    Ok((newest, before))
}
