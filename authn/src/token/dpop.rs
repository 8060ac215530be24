//! Proofs that whoever sends a request holds a key: `DPoP`, RFC 9449.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use serde_json::{Map, Value};
use url::Url;

use super::jws::Jws;
use super::keys::thumbprint;
use crate::secret::sha256_hex;

/// The algorithms that are taken.
pub(crate) const ALGORITHMS: [&str; 4] = ["ES256", "PS256", "EdDSA", "RS256"];
/// How long after it was made a proof is taken.
const LIFE: Duration = Duration::from_mins(1);
/// How far a clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(10);
/// How long after the database was put back from a copy the last proof ends that may have been used before.
pub(crate) const FORGOTTEN: Duration = LIFE.saturating_add(AHEAD);
/// The longest `jti` and nonce.
const LONGEST: usize = 256;

/// A proof that is right but for what only the database knows: whether it came before, and which nonces are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The thumbprint of the key. RFC 7638.
    pub(crate) thumbprint: String,
    /// SHA-256 of its `jti`.
    pub(crate) jti_hash: String,
    /// Until when it could be presented again.
    pub(crate) until: Millis,
    /// The nonce that it names.
    pub(crate) nonce: Option<String>,
    /// How it is signed.
    pub(crate) alg: String,
}

/// The request that a proof has to be for.
pub(crate) struct Request<'r> {
    /// Its method.
    pub(crate) method: &'r str,
    /// Every address under which it can have been sent.
    pub(crate) addresses: &'r [String],
    /// The access token that it shows.
    pub(crate) token: Option<&'r str>,
}

/// Why a proof is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoProof(pub(crate) &'static str);

/// Reads a proof. RFC 9449 4.3, in its order.
pub(crate) fn read(text: &str, request: &Request<'_>, now: Millis) -> Result<Proof, NoProof> {
    let jws = Jws::parse(text).map_err(|malformed| NoProof(malformed.0))?;
    if jws.typ.as_deref() != Some("dpop+jwt") {
        return Err(NoProof("its typ is not dpop+jwt"));
    }
    if !ALGORITHMS.contains(&jws.alg.as_str()) {
        return Err(NoProof("it is signed in none of ES256, PS256, EdDSA and RS256"));
    }
    let key = jws.jwk.as_ref().ok_or(NoProof("its header has no jwk"))?;
    let thumbprint = public(key).ok_or(NoProof("its jwk is no public key that is taken here"))?;
    if !jws.is_by(key) {
        return Err(NoProof("its signature is not by its jwk"));
    }
    if jws.text("htm") != Some(request.method) {
        return Err(NoProof("its htm is not the method of the request"));
    }
    let place = jws.text("htu").and_then(plain).ok_or(NoProof("its htu is no address"))?;
    if !request.addresses.iter().any(|address| plain(address).as_ref() == Some(&place)) {
        return Err(NoProof("its htu is not the address of the request"));
    }
    let made_at = jws.seconds("iat").map(|seconds| Millis(seconds.saturating_mul(1000)));
    let made_at = made_at.ok_or(NoProof("it has no iat"))?;
    if made_at > now.plus(AHEAD) || made_at.plus(LIFE) <= now {
        return Err(NoProof("its iat is not within the last minute"));
    }
    let jti = jws.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST);
    let jti_hash = sha256_hex(jti.ok_or(NoProof("it has no jti of at most 256 octets"))?.as_bytes());
    if request.token.is_some_and(|token| jws.text("ath") != Some(token_hash(token).as_str())) {
        return Err(NoProof("its ath is not the hash of the access token"));
    }
    let nonce = jws.text("nonce").filter(|nonce| nonce.len() <= LONGEST).map(str::to_owned);
    Ok(Proof { thumbprint, jti_hash, until: made_at.plus(LIFE), nonce, alg: jws.alg })
}

/// RFC 9449 4.2: what `ath` is.
fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// The thumbprint of a key that is public and of a kind that is verified here.
fn public(key: &Value) -> Option<String> {
    let members = key.as_object()?;
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|private| members.contains_key(*private)) {
        return None;
    }
    let names: &[&str] = match members.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let needed: Option<Map<String, Value>> = names
        .iter()
        .map(|name| Some(((*name).to_owned(), Value::from(members.get(*name)?.as_str()?))))
        .collect();
    Some(thumbprint(&needed?))
}

/// An address without query and fragment, in one spelling. RFC 9449 4.3.
fn plain(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok().filter(|url| url.scheme() == "https")?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_562_262_616_000);

    /// The example of RFC 9449 4.2.
    const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    fn at<'r>(addresses: &'r [String], token: Option<&'r str>) -> Request<'r> {
        Request { method: "POST", addresses, token }
    }

    /// The example of the standard is a proof, by the thumbprint that the standard gives for its key.
    #[test]
    fn the_example_is_read() {
        let here = ["https://server.example.com/token".to_owned()];
        let proof = read(EXAMPLE, &at(&here, None), NOW).unwrap();
        assert_eq!(proof.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        // RFC 9449 7.1.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(token_hash(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }

    fn made(header: &Value, claims: &Value, pair: &EcdsaKeyPair) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Each thing that is wrong is named; spellings of one address are one.
    #[test]
    fn each_check_has_its_word() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let b64 = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let seconds = NOW.seconds();
        let claims = json!({
            "jti": "1", "htm": "POST", "htu": "https://id.example.org/token", "iat": seconds, "ath": token_hash("token")
        });
        let here = ["https://id.example.org/token".to_owned()];
        let judged = |header: &Value, claims: &Value| {
            read(&made(header, claims, &pair), &at(&here, Some("token")), NOW).err().map(|refused| refused.0)
        };
        let with = |base: &Value, name: &str, value: Value| {
            let mut changed = base.clone();
            changed[name] = value;
            changed
        };
        assert_eq!(judged(&header, &claims), None);
        for htu in [
            "https://ID.example.org:443/token",
            "https://id.example.org/token?x=1#y",
            "https://id.example.org/a/../token",
        ] {
            assert_eq!(judged(&header, &with(&claims, "htu", json!(htu))), None, "{htu}");
        }
        assert_eq!(judged(&header, &with(&claims, "iat", json!(seconds - 59))), None);
        let mut private = jwk.clone();
        private["d"] = json!("AA");
        for (name, value, expected) in [
            ("typ", json!("JWT"), "its typ is not dpop+jwt"),
            ("typ", Value::Null, "its typ is not dpop+jwt"),
            ("alg", json!("none"), "it is signed in none of ES256, PS256, EdDSA and RS256"),
            ("alg", json!("HS256"), "it is signed in none of ES256, PS256, EdDSA and RS256"),
            ("jwk", json!({"kty": "oct", "k": "AA"}), "its jwk is no public key that is taken here"),
            ("jwk", private, "its jwk is no public key that is taken here"),
            (
                "jwk",
                json!({"kty": "EC", "crv": "P-256", "x": b64(&[7; 32]), "y": b64(&[7; 32])}),
                "its signature is not by its jwk",
            ),
        ] {
            assert_eq!(
                judged(&with(&header, name, value.clone()), &claims),
                Some(expected),
                "{name} {value}"
            );
        }
        for (name, value, expected) in [
            ("htm", json!("GET"), "its htm is not the method of the request"),
            ("htm", json!("post"), "its htm is not the method of the request"),
            ("htu", json!("https://id.example.org/userinfo"), "its htu is not the address of the request"),
            ("htu", json!("https://evil.example/token"), "its htu is not the address of the request"),
            ("htu", json!("http://id.example.org/token"), "its htu is no address"),
            ("iat", json!(seconds - 60), "its iat is not within the last minute"),
            ("iat", json!(seconds + 11), "its iat is not within the last minute"),
            ("iat", json!("now"), "it has no iat"),
            ("jti", json!(""), "it has no jti of at most 256 octets"),
            ("jti", json!("x".repeat(257)), "it has no jti of at most 256 octets"),
            ("ath", json!(token_hash("other")), "its ath is not the hash of the access token"),
            ("ath", Value::Null, "its ath is not the hash of the access token"),
        ] {
            assert_eq!(
                judged(&header, &with(&claims, name, value.clone())),
                Some(expected),
                "{name} {value}"
            );
        }
        let bare = json!({"typ": "dpop+jwt", "alg": "ES256"});
        assert_eq!(judged(&bare, &claims), Some("its header has no jwk"));
    }

    /// Whatever is sent, reading it ends in a refusal and never in a panic.
    #[test]
    fn anything_can_be_read() {
        let here = ["https://server.example.com/token".to_owned()];
        let read = |octets: &[u8]| {
            let text = String::from_utf8_lossy(octets);
            if text != EXAMPLE {
                drop(read(&text, &at(&here, None), NOW));
            }
        };
        assert_eq!(platform::hammer::hammer(EXAMPLE.as_bytes(), 500, read), Ok(()));
    }
}
