//! JSON Web Signatures in compact form: reading those of others, strictly.
//!
//! A signature is verified by a key that was found elsewhere, in an algorithm that the key and the reader allow; nothing in the
//! header chooses a key by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// The longest that is read of others.
const LONGEST: usize = 16 * 1024;
/// The longest that is read of ours: an ID token holds every role of its person where a relying party asks for them. In a header or an
/// address, of which the server reads 64 KiB, it leaves room for what stands beside it, and in the body of a form it has twice that.
const LONGEST_OF_OURS: usize = 48 * 1024;
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
    /// Reads a signature of anybody.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Malformed> {
        if text.len() > LONGEST {
            return Err(Malformed("it is longer than 16 KiB"));
        }
        Self::read(text)
    }

    /// Reads a signature that is said to be ours.
    pub(super) fn parse_ours(text: &'t str) -> Result<Self, Malformed> {
        if text.len() > LONGEST_OF_OURS {
            return Err(Malformed("it is longer than 48 KiB"));
        }
        Self::read(text)
    }

    fn read(text: &'t str) -> Result<Self, Malformed> {
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
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::hmac;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    };
    use base64::engine::general_purpose::STANDARD;
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

    /// What is said to be ours may be longer than what is anybody's, and has its end too.
    #[test]
    fn ours_may_be_longer() {
        let padded = |length: usize| {
            let text = compact(&json!({"alg": "RS256"}), &json!({"roles": "r".repeat(length)}).to_string());
            (Jws::parse(&text).is_ok(), Jws::parse_ours(&text).is_ok())
        };
        assert_eq!(padded(8 * 1024), (true, true));
        assert_eq!(padded(20 * 1024), (false, true));
        assert_eq!(padded(40 * 1024), (false, false));
    }

    fn rsa_jwk(pair: &RsaKeyPair) -> Value {
        let public = pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        let n = URL_SAFE_NO_PAD.encode(n.big_endian_without_leading_zero());
        json!({"kty": "RSA", "n": n, "e": URL_SAFE_NO_PAD.encode(e.big_endian_without_leading_zero())})
    }

    fn p256_jwk(pair: &EcdsaKeyPair) -> Value {
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    fn message(alg: &str) -> String {
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string()),
            URL_SAFE_NO_PAD.encode("{}")
        )
    }

    fn joined(message: &str, signature: &[u8]) -> String {
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A text that says it is signed in this algorithm, and is, by an RSA key; where there is no such algorithm, in RS256.
    fn by_rsa(pair: &RsaKeyPair, alg: &str) -> String {
        let (message, random) = (message(alg), SystemRandom::new());
        let padding: &'static dyn RsaEncoding = match alg {
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
        joined(&message, &signature)
    }

    fn by_p256(pair: &EcdsaKeyPair) -> String {
        let message = message("ES256");
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        joined(&message, signature.as_ref())
    }

    fn with(key: &Value, member: &str, word: &str) -> Value {
        let mut key = key.clone();
        key[member] = word.into();
        key
    }

    fn is_by(text: &str, key: &Value) -> bool {
        Jws::parse(text).unwrap().is_by(key)
    }

    /// A signature that is right in each algorithm is taken by the bare key and by one that is said to be for that algorithm; one that is
    /// said to be for another, or for encryption, verifies nothing, and no more does another key.
    #[test]
    fn algorithms_are_not_confused() {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let ed_message = message("EdDSA");
        let ed_signed = joined(&ed_message, ed25519.sign(ed_message.as_bytes()).as_ref());
        let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(ed25519.public_key().as_ref())});
        let (rsa_key, p256_key) = (rsa_jwk(&rsa), p256_jwk(&p256));
        let signed = [
            ("RS256", by_rsa(&rsa, "RS256"), &rsa_key),
            ("RS512", by_rsa(&rsa, "RS512"), &rsa_key),
            ("PS256", by_rsa(&rsa, "PS256"), &rsa_key),
            ("ES256", by_p256(&p256), &p256_key),
            ("EdDSA", ed_signed, &ed_jwk),
        ];
        for (alg, text, key) in &signed {
            assert!(is_by(text, key), "{alg}");
            assert!(
                is_by(text, &with(&with(key, "alg", alg), "use", "sig")),
                "{alg} with a key that says so"
            );
            assert!(!is_by(text, &with(key, "use", "enc")), "{alg} with a key for encryption");
            for other in ["RS256", "RS512", "PS256", "ES256", "EdDSA", "HS256", "none"] {
                assert_eq!(
                    is_by(text, &with(key, "alg", other)),
                    other == *alg,
                    "{alg} with a key for {other}"
                );
            }
            for wrong in [&rsa_key, &p256_key, &ed_jwk] {
                assert_eq!(is_by(text, wrong), wrong == *key, "{alg} with {wrong}");
            }
            let (message, signature) = text.rsplit_once('.').unwrap();
            let changed = message.split_once('.').unwrap().0;
            assert!(
                !is_by(&format!("{changed}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"a":1}"#)), key),
                "{alg}, changed"
            );
        }
        // The same octets under another name.
        let (_, signature) = signed[0].1.rsplit_once('.').unwrap();
        for alg in ["RS512", "PS256", "ES256", "EdDSA", "none", "None", "HS256"] {
            assert!(!is_by(&format!("{}.{signature}", message(alg)), &rsa_key), "{alg}");
            assert!(
                alg == "RS512" || alg == "PS256" || !is_by(&by_rsa(&rsa, alg), &rsa_key),
                "{alg}, and signed"
            );
        }
        let strangers = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        assert!(!is_by(&signed[0].1, &rsa_jwk(&strangers)), "another key");
    }

    /// A public key, in whatever form, is no shared secret, and one that is too short is none.
    #[test]
    fn public_keys_are_no_secrets() {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(rsa.public_key()).unwrap();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let key = rsa_jwk(&rsa);
        for secret in [key.to_string().as_bytes(), der.as_ref(), pem.as_bytes(), rsa.public_key().as_ref()] {
            for (alg, hash) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
                let message = message(alg);
                let tag = hmac::sign(&hmac::Key::new(hash, secret), message.as_bytes());
                assert!(!is_by(&joined(&message, tag.as_ref()), &key), "{alg}");
            }
        }
        let short = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xC3; 128]), "e": "AQAB"});
        assert!(!suits(&short, Algorithm::RS256, "RS256") && suits(&key, Algorithm::RS256, "RS256"));
    }

    /// Whatever is sent, reading it ends in a refusal or a signature, and never in a panic; what was signed verifies, and nothing else.
    #[test]
    fn anything_can_be_read() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (key, sample) = (p256_jwk(&pair), by_p256(&pair));
        assert!(is_by(&sample, &key));
        let read = |octets: &[u8]| {
            if let Ok(jws) = Jws::parse(&String::from_utf8_lossy(octets)) {
                assert_eq!(jws.is_by(&key), octets == sample.as_bytes());
                let _seconds = jws.seconds("exp");
            }
        };
        assert_eq!(platform::hammer::hammer(sample.as_bytes(), 500, read), Ok(()));
    }
}
