//! JSON Web Signatures in compact form: reading those of others, strictly.
//!
//! A signature is verified by a key that was found elsewhere, in an algorithm that the key and the reader allow; nothing in the
//! header chooses a key by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// The longest that is read.
const LONGEST: usize = 16 * 1024;
/// Octets of the shortest RSA modulus: 2048 bits.
const SHORTEST_MODULUS: usize = 256;

/// A signature with what was signed, not verified.
pub(crate) struct Jws<'t> {
    /// The algorithm that the header names.
    pub(crate) alg: String,
    /// The key that the header names.
    pub(crate) kid: Option<String>,
    /// What it is, as the header says.
    pub(crate) typ: Option<String>,
    /// The key that stands in the header itself. It proves nothing but that whoever signed holds it.
    pub(crate) jwk: Option<Value>,
    /// What was signed.
    pub(crate) claims: Map<String, Value>,
    signed: &'t str,
    signature: &'t str,
}

/// Text that is no JSON Web Signature as we read them; the sentence says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

impl<'t> Jws<'t> {
    /// Reads a signature.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Malformed> {
        if text.len() > LONGEST {
            return Err(Malformed("it is longer than 16 KiB"));
        }
        let (signed, signature) =
            text.rsplit_once('.').ok_or(Malformed("it is not three parts joined by dots"))?;
        let (header, claims) =
            signed.split_once('.').ok_or(Malformed("it is not three parts joined by dots"))?;
        if claims.contains('.') {
            return Err(Malformed("it is not three parts joined by dots"));
        }
        let header = object(header).ok_or(Malformed("its header is not a JSON object in base64url"))?;
        // RFC 7515 4.1.11: whoever does not understand an extension that is critical refuses.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Malformed("its header has extensions that are not known here"));
        }
        let word = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(Malformed("alg and kid in its header are texts")),
        };
        let alg = word("alg")?.ok_or(Malformed("its header names no alg"))?;
        let kid = word("kid")?;
        let typ = header.get("typ").and_then(Value::as_str).map(str::to_owned);
        let jwk = header.get("jwk").cloned();
        let claims = object(claims).ok_or(Malformed("its claims are not a JSON object in base64url"))?;
        Ok(Self { alg, kid, typ, jwk, claims, signed, signature })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a time in seconds. RFC 7519 2: it may have a fraction, which is cut off.
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let number = self.claims.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "cut off on purpose; beyond the range it saturates"
        )]
        number.as_i64().or_else(|| number.as_f64().map(|fraction| fraction as i64))
    }

    /// Whether this key made the signature, in the algorithm that the header names.
    pub(crate) fn is_by(&self, key: &Value) -> bool {
        let Some(algorithm) = algorithm(&self.alg) else { return false };
        if !suits(key, algorithm, &self.alg) {
            return false;
        }
        let Some(Ok(key)) = jwk(key).map(|jwk| DecodingKey::from_jwk(&jwk)) else { return false };
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), &key, algorithm).unwrap_or(false)
    }
}

/// Reads a key by the members that count; what else stands there may be anything.
fn jwk(key: &Value) -> Option<Jwk> {
    let members = ["kty", "n", "e", "crv", "x", "y"];
    let plain: Map<String, Value> = members
        .into_iter()
        .filter_map(|name| key.get(name).map(|value| (name.to_owned(), value.clone())))
        .collect();
    serde_json::from_value(Value::Object(plain)).ok()
}

/// The algorithms that are verified. What uses a shared secret, and `none`, are not among them.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// Whether a key is of the algorithm's kind, long enough, and not said to be for something else.
fn suits(key: &Value, algorithm: Algorithm, name: &str) -> bool {
    let text = |member: &str| key.get(member).and_then(Value::as_str);
    let kind = match algorithm {
        Algorithm::ES256 => text("kty") == Some("EC") && text("crv") == Some("P-256"),
        Algorithm::EdDSA => text("kty") == Some("OKP") && text("crv") == Some("Ed25519"),
        _ => {
            let modulus = text("n").and_then(|n| URL_SAFE_NO_PAD.decode(n).ok());
            text("kty") == Some("RSA") && modulus.is_some_and(|n| n.len() >= SHORTEST_MODULUS)
        }
    };
    kind && text("use").is_none_or(|usage| usage == "sig") && text("alg").is_none_or(|alg| alg == name)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compact(header: &Value, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims))
    }

    /// What is no signature in compact form says why; nesting without end is refused and not followed.
    #[test]
    fn nonsense_is_refused() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Jws::parse(text).err().map(|refusal| refusal.0), Some(expected), "{text:.60}");
        };
        check("", "it is not three parts joined by dots");
        check("a.b", "it is not three parts joined by dots");
        check("a.b.c.d", "it is not three parts joined by dots");
        check("!.e30.a", "its header is not a JSON object in base64url");
        check(&compact(&json!(["alg"]), "{}"), "its header is not a JSON object in base64url");
        check(&compact(&json!({}), "{}"), "its header names no alg");
        check(&compact(&json!({"alg": 7}), "{}"), "alg and kid in its header are texts");
        check(&compact(&json!({"alg": "RS256", "kid": {}}), "{}"), "alg and kid in its header are texts");
        let critical = compact(&json!({"alg": "RS256", "crit": ["exp"]}), "{}");
        check(&critical, "its header has extensions that are not known here");
        check(&compact(&json!({"alg": "RS256"}), "7"), "its claims are not a JSON object in base64url");
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
        check(&compact(&json!({"alg": "RS256"}), &nested), "its claims are not a JSON object in base64url");
        check(&"a".repeat(LONGEST + 1), "it is longer than 16 KiB");
    }

    /// A key verifies nothing in an algorithm that is not its own: no shared secret, no `none`, no other kind.
    #[test]
    fn algorithms_are_not_confused() {
        let n = URL_SAFE_NO_PAD.encode([0xC3; 256]);
        let rsa = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"});
        for alg in ["none", "None", "HS256", "HS512", "ES256", "EdDSA", "RS512", "PS256"] {
            let text = compact(&json!({"alg": alg}), "{}");
            assert!(!Jws::parse(&text).unwrap().is_by(&rsa), "{alg}");
        }
        let short = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xC3; 128]), "e": "AQAB"});
        assert!(!suits(&short, Algorithm::RS256, "RS256"));
        let encryption = json!({"kty": "RSA", "n": n, "e": "AQAB", "use": "enc"});
        assert!(!suits(&encryption, Algorithm::RS256, "RS256"));
        assert!(suits(&rsa, Algorithm::RS256, "RS256"));
    }

    /// Whatever is sent, reading it ends in a refusal or a signature, and never in a panic.
    #[test]
    fn anything_can_be_read() {
        let key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
        let sample = compact(&json!({"alg": "ES256", "kid": "1"}), r#"{"exp": 1e9, "sub": "rp"}"#);
        let read = |octets: &[u8]| {
            if let Ok(jws) = Jws::parse(&String::from_utf8_lossy(octets)) {
                assert!(!jws.is_by(&key));
                let _seconds = jws.seconds("exp");
            }
        };
        assert_eq!(platform::hammer::hammer(sample.as_bytes(), 500, read), Ok(()));
    }
}
