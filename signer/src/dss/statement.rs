//! What an application asks to have signed: a compact JWS that it signs itself.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use platform::clock::Millis;
use platform::problem::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::eps::{Algorithm, SignedInfo};

/// How many documents one request may have, whatever else is configured.
pub(crate) const MOST: usize = 250;
/// How long a request may be under way, and how old it may be.
const AGE_S: i64 = 600;
/// How far the clock of an application may go before ours.
const AHEAD_S: i64 = 30;
/// The longest name of a document.
const LONGEST_ID: usize = 128;
/// The longest base64 of a statement about one document; with SHA-256 it has 724 characters.
const LONGEST_PAYLOAD: usize = 4096;

/// A request of an application, read. Nothing of it is believed before [`Statement::is_by`] and [`Statement::check`].
#[derive(Debug)]
pub(crate) struct Statement {
    /// Which of its keys signed it.
    pub(crate) kid: String,
    /// Which application.
    pub(crate) issuer: String,
    /// Who is to sign.
    pub(crate) subject: String,
    /// How.
    pub(crate) algorithm: Algorithm,
    /// What.
    pub(crate) payloads: Vec<Payload>,
    /// SHA-256 of what the application signed: by it the same request is known again.
    pub(crate) hash: String,
    audiences: Vec<String>,
    issued_at: i64,
    expires_at: i64,
    not_before: Option<i64>,
    signed: String,
    signature: Vec<u8>,
}

/// One document to sign.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// The application's name for it.
    pub(crate) id: String,
    /// The octets that are signed.
    pub(crate) octets: Vec<u8>,
    /// What they say.
    pub(crate) info: SignedInfo,
    /// Their SHA-256.
    pub(crate) digest: Digest,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    algorithm: String,
    payloads: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Written {
    id: String,
    payload: String,
}

impl Statement {
    /// Reads the text of a request.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let malformed =
            |what: &str| Problem::invalid("jwt-malformed", format!("The body is no signed JWT: {what}."));
        let parts: Vec<&str> = text.trim().split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(malformed("it is not three parts joined by dots"));
        };
        let header_members: Map<String, Value> =
            json(header).ok_or_else(|| malformed("its header is not a JSON object in base64url"))?;
        let kid = checked_header(&header_members)?;
        let read: Claims = json(claims).ok_or_else(|| {
            malformed("its claims lack iss, sub, aud, iat, exp, algorithm or payloads, or one of them is of another type")
        })?;
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("its signature is not base64url"))?;
        let algorithm = match read.algorithm.as_str() {
            "RS256" => Algorithm::Rs256,
            "RS1" => Algorithm::Rs1,
            _ => {
                return Err(Problem::invalid(
                    "algorithm-unknown",
                    "algorithm is RS256, or RS1 where that is allowed.",
                ));
            }
        };
        let signed = format!("{header}.{claims}");
        Ok(Self {
            kid,
            issuer: read.iss,
            subject: read.sub,
            algorithm,
            payloads: payloads(read.payloads, algorithm)?,
            hash: hex::encode(digest(&SHA256, signed.as_bytes())),
            audiences: match read.aud {
                Audience::One(one) => vec![one],
                Audience::Several(several) => several,
            },
            issued_at: read.iat,
            expires_at: read.exp,
            not_before: read.nbf,
            signed,
            signature,
        })
    }

    /// Whether it is for us, and for now.
    pub(crate) fn check(&self, audience: &str, now: Millis) -> Result<(), Problem> {
        let now = now.seconds();
        if self.audiences != [audience] {
            return Err(Problem::invalid("jwt-audience", format!("aud has to be {audience} alone.")));
        }
        if self.expires_at <= now {
            return Err(Problem::invalid("jwt-expired", "The JWT is over: exp has passed. Make a new one."));
        }
        let age = now.saturating_sub(self.issued_at);
        let lasts = self.expires_at.saturating_sub(self.issued_at);
        if age > AGE_S || lasts > AGE_S {
            let sentence = "From iat to exp, and from iat to now, are 600 seconds at most.";
            return Err(Problem::invalid("jwt-age", sentence));
        }
        let begins = self.not_before.unwrap_or(self.issued_at).max(self.issued_at);
        if begins > now.saturating_add(AHEAD_S) {
            return Err(Problem::invalid(
                "jwt-age",
                "iat or nbf lies in the future. Set the clock of the application.",
            ));
        }
        Ok(())
    }

    /// Whether a public key, as JWK, is the one that signed it.
    pub(crate) fn is_by(&self, key: &Value) -> bool {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let fits = text("kty") == Some("RSA")
            && text("use").is_none_or(|usage| usage == "sig")
            && text("alg").is_none_or(|alg| alg == "RS512");
        let part = |name: &str| text(name).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let (true, Some(n), Some(e)) = (fits, part("n"), part("e")) else { return false };
        let key = RsaPublicKeyComponents { n, e };
        key.verify(&RSA_PKCS1_2048_8192_SHA512, self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// What the header has to say; the name of the key.
fn checked_header(header: &Map<String, Value>) -> Result<String, Problem> {
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    // RFC 7519 5.1: upper case is what is written, other cases are read.
    if !text("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")) {
        return Err(Problem::invalid("jwt-typ", "typ in the header of the JWT is JWT."));
    }
    if text("alg") != Some("RS512") {
        return Err(Problem::invalid("jwt-alg", "The JWT is signed in RS512, and its header says so."));
    }
    // RFC 7515 4.1.11: what is critical and not known is refused.
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Problem::invalid(
            "jwt-malformed",
            "The header of the JWT has extensions that are not known here.",
        ));
    }
    match text("kid") {
        Some(kid) if (1..=256).contains(&kid.len()) => Ok(kid.to_owned()),
        _ => Err(Problem::invalid("jwt-kid", "The header of the JWT names no key: give its kid.")),
    }
}

fn payloads(written: Vec<Written>, algorithm: Algorithm) -> Result<Vec<Payload>, Problem> {
    if written.is_empty() || written.len() > MOST {
        return Err(Problem::invalid("payloads-number", format!("payloads has 1 to {MOST} documents.")));
    }
    let mut payloads: Vec<Payload> = Vec::with_capacity(written.len());
    let (mut ids, mut digests) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    for (place, written) in written.into_iter().enumerate() {
        let number = place + 1;
        if !(1..=LONGEST_ID).contains(&written.id.len()) || written.id.chars().any(char::is_control) {
            let sentence =
                format!("The id of document {number} is not 1 to {LONGEST_ID} characters that can be seen.");
            return Err(Problem::invalid("payload-id", sentence));
        }
        if !ids.insert(written.id.clone()) {
            let sentence = format!("The id of document {number} stands there before. Give each its own.");
            return Err(Problem::invalid("payload-id", sentence));
        }
        let payload = payload(written, algorithm, number)?;
        if !digests.insert(payload.digest) {
            let sentence = format!("Document {number} stands there before. Each is signed once.");
            return Err(Problem::invalid("payload-repeated", sentence));
        }
        payloads.push(payload);
    }
    Ok(payloads)
}

/// A document is the statement that prepare answers, to the letter.
fn payload(written: Written, algorithm: Algorithm, number: usize) -> Result<Payload, Problem> {
    let refused = |what: &str| {
        Problem::invalid("payload-not-signed-info", format!("The payload of document {number} {what}."))
    };
    if written.payload.len() > LONGEST_PAYLOAD {
        return Err(refused("is longer than the statement of a prescription"));
    }
    let octets = STANDARD.decode(&written.payload).map_err(|_| refused("is not base64"))?;
    let element = crate::xml::read(&octets, octets.len()).map_err(|_| refused("is not a SignedInfo"))?;
    let info =
        SignedInfo::of(&element).ok_or_else(|| refused("is not a SignedInfo as prepare answers it"))?;
    if info.algorithm() != algorithm {
        return Err(refused(&format!("is not for {}", algorithm.as_str())));
    }
    // What is signed are the octets, so that they must be the canonical ones themselves.
    if info.to_string().as_bytes() != octets {
        return Err(refused("is not in the canonical form in which prepare answers it"));
    }
    Ok(Payload { id: written.id, digest: Digest::of(&octets), octets, info })
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests;
