//! Tokens for checks, signed in software: nobody but the client that is checked is given them, and nobody's key is in the token.

use anyhow::anyhow;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key for one run.
pub(super) struct Key {
    pair: RsaKeyPair,
    kid: String,
}

impl Key {
    /// A new one.
    pub(super) fn new(kid: &str) -> anyhow::Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("a key could not be made"))?;
        Ok(Self { pair, kid: kid.to_owned() })
    }

    /// As it is published.
    pub(super) fn published(&self) -> Value {
        let public = self.pair.public_key();
        let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// A signed token.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> anyhow::Result<String> {
        let header = json!({"alg": "RS256", "typ": typ, "kid": self.kid});
        let text = unsigned(&header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| anyhow!("a token could not be signed"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A token with no signature at all: RFC 8725 2.1 says why clients refuse it.
pub(super) fn none(claims: &Value) -> String {
    format!("{}.", unsigned(&json!({"alg": "none", "typ": "JWT"}), claims))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The left half of the hash of an access token. OpenID Connect Core 3.1.3.6
pub(super) fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

/// The challenge of a proof key. RFC 7636 4.2
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// A part of a token that somebody else signed; nothing is believed of it.
pub(super) fn part(token: &str, place: usize) -> Option<Value> {
    let octets = URL_SAFE_NO_PAD.decode(token.split('.').nth(place)?).ok()?;
    serde_json::from_slice(&octets).ok()
}

/// What nobody guesses.
pub(super) fn secret() -> anyhow::Result<String> {
    let mut octets = [0; 32];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| anyhow!("no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}
