//! Keys of accounts: public JSON Web Keys (RFC 7517) of the few kinds we verify, and signatures by them.

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use serde_json::{Map, Value};

use super::problem::{Kind, Problem};
use crate::asn1::{BIT_STRING, INTEGER, NULL, SEQUENCE, oid, tlv, unsigned};
use crate::digest::sha256;

/// id-Ed25519, RFC 8410 3.
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Octets of the longest RSA modulus: 4096 bits.
const LONGEST_MODULUS: usize = 512;
/// Octets of the shortest RSA modulus: 2048 bits.
const SHORTEST_MODULUS: usize = 256;

/// The signature algorithms of RFC 8555 6.2 that we verify, RFC 7518 3.1 and RFC 8037 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Es384,
    Rs256,
    EdDsa,
}

impl Algorithm {
    /// The names, for the `algorithms` member of badSignatureAlgorithm.
    pub(crate) const NAMES: [&'static str; 4] = ["ES256", "ES384", "RS256", "EdDSA"];

    pub(crate) fn parse(name: &str) -> Result<Algorithm, Problem> {
        match name {
            "ES256" => Ok(Algorithm::Es256),
            "ES384" => Ok(Algorithm::Es384),
            "RS256" => Ok(Algorithm::Rs256),
            "EdDSA" => Ok(Algorithm::EdDsa),
            _ => Err(Problem::new(
                Kind::BadSignatureAlgorithm,
                format!("sign with one of {}", Algorithm::NAMES.join(", ")),
            )),
        }
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Jwk {
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Jwk {
    /// Reads a public key. A private one is refused: whoever sent it must not use it again.
    pub(crate) fn parse(value: &Value) -> Result<Jwk, Problem> {
        let members = value.as_object().ok_or_else(|| bad("a key is an object"))?;
        if ["d", "p", "q", "dp", "dq", "qi", "k", "oth"].iter().any(|private| members.contains_key(*private))
        {
            return Err(bad("this is a private key, which has now been sent; make a new one"));
        }
        match (text(members, "kty")?, members.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => {
                Ok(Jwk::P256 { x: octets(members, "x", 32)?, y: octets(members, "y", 32)? })
            }
            ("EC", Some("P-384")) => {
                Ok(Jwk::P384 { x: octets(members, "x", 48)?, y: octets(members, "y", 48)? })
            }
            ("OKP", Some("Ed25519")) => Ok(Jwk::Ed25519 { x: octets(members, "x", 32)? }),
            ("RSA", _) => rsa(members),
            _ => Err(bad("the key must be P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits")),
        }
    }

    /// The members that count, in the order of RFC 7638 3.2: hashed for the thumbprint, and the form that is kept.
    pub(crate) fn canonical(&self) -> String {
        let b64 = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match self {
            Jwk::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y))
            }
            Jwk::P384 { x, y } => {
                format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y))
            }
            Jwk::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n)),
            Jwk::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x)),
        }
    }

    /// Reads the kept form.
    pub(crate) fn from_canonical(text: &str) -> Option<Jwk> {
        Jwk::parse(&serde_json::from_str(text).ok()?).ok()
    }

    /// RFC 7638 3 with SHA-256, in base64url.
    pub(crate) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.canonical().as_bytes()))
    }

    /// Whether this key made the signature over the message.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Problem> {
        let verified = match (self, algorithm) {
            (Jwk::P256 { x, y }, Algorithm::Es256) => {
                verify_with(&ECDSA_P256_SHA256_FIXED, &point(x, y), message, signature)
            }
            (Jwk::P384 { x, y }, Algorithm::Es384) => {
                verify_with(&ECDSA_P384_SHA384_FIXED, &point(x, y), message, signature)
            }
            (Jwk::Ed25519 { x }, Algorithm::EdDsa) => verify_with(&ED25519, x, message, signature),
            (Jwk::Rsa { n, e }, Algorithm::Rs256) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            _ => {
                return Err(Problem::new(
                    Kind::BadSignatureAlgorithm,
                    "this algorithm is not of this kind of key",
                ));
            }
        };
        if verified { Ok(()) } else { Err(Problem::malformed("the signature is not by this key")) }
    }

    /// The key as `SubjectPublicKeyInfo`, as it stands in a certificate for it.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let (algorithm, key) = match self {
            Jwk::P256 { x, y } => {
                (tlv(SEQUENCE, &[&oid(&ID_EC_PUBLIC_KEY), &oid(&SECP_256_R_1)]), point(x, y))
            }
            Jwk::P384 { x, y } => {
                (tlv(SEQUENCE, &[&oid(&ID_EC_PUBLIC_KEY), &oid(&SECP_384_R_1)]), point(x, y))
            }
            Jwk::Rsa { n, e } => (
                tlv(SEQUENCE, &[&oid(&RSA_ENCRYPTION), &tlv(NULL, &[])]),
                tlv(SEQUENCE, &[&unsigned(INTEGER, n), &unsigned(INTEGER, e)]),
            ),
            Jwk::Ed25519 { x } => (tlv(SEQUENCE, &[&oid(&ED25519_OID)]), x.clone()),
        };
        tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], &key])])
    }
}

fn rsa(members: &Map<String, Value>) -> Result<Jwk, Problem> {
    let n = number(members, "n")?;
    let e = number(members, "e")?;
    if !(SHORTEST_MODULUS..=LONGEST_MODULUS).contains(&n.len()) {
        return Err(bad("an RSA key has 2048 to 4096 bits"));
    }
    if e.len() > 4 || e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
        return Err(bad("this exponent is not that of a good RSA key"));
    }
    Ok(Jwk::Rsa { n, e })
}

/// RFC 5480 2.2, uncompressed.
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn verify_with(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| bad(&format!("the key has no \"{name}\"")))
}

fn octets(members: &Map<String, Value>, name: &str, length: usize) -> Result<Vec<u8>, Problem> {
    let octets = URL_SAFE_NO_PAD.decode(text(members, name)?).ok().filter(|octets| octets.len() == length);
    octets.ok_or_else(|| bad(&format!("\"{name}\" of the key is not base64url of {length} octets")))
}

/// RFC 7518 6.3.1: without leading zeros.
fn number(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Problem> {
    let octets = URL_SAFE_NO_PAD.decode(text(members, name)?).ok();
    let octets = octets.filter(|octets| octets.first().is_some_and(|first| *first != 0));
    octets.ok_or_else(|| bad(&format!("\"{name}\" of the key is not base64url of a number")))
}

fn bad(detail: &str) -> Problem {
    Problem::new(Kind::BadPublicKey, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Jwk, Problem> {
        Jwk::parse(&serde_json::from_str(text).unwrap())
    }

    /// The example of RFC 7638 3.1 has the thumbprint that stands there.
    #[test]
    fn thumbprint_is_that_of_the_example() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
                 jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
                 s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-\
                 G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let example =
            key(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#));
        let example = example.unwrap();
        assert_eq!(example.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(Jwk::from_canonical(&example.canonical()) == Some(example));
    }

    /// A key of each kind with what it signs: its JSON form, its SPKI by another hand, algorithm and signature.
    fn signed(message: &[u8]) -> Vec<(Jwk, Vec<u8>, Algorithm, Vec<u8>)> {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::rsa::KeySize;
        use aws_lc_rs::signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
            KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
        };
        let random = SystemRandom::new();
        let mut all = Vec::new();
        for (signing, algorithm) in [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::Es256),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::Es384),
        ] {
            let pair = EcdsaKeyPair::generate(signing).unwrap();
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let (x, y) = (x.to_vec(), y.to_vec());
            let key = if x.len() == 32 { Jwk::P256 { x, y } } else { Jwk::P384 { x, y } };
            let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            let signature = pair.sign(&random, message).unwrap();
            all.push((key, spki.as_ref().to_vec(), algorithm, signature.as_ref().to_vec()));
        }
        let pair = Ed25519KeyPair::generate().unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let key = Jwk::Ed25519 { x: pair.public_key().as_ref().to_vec() };
        all.push((key, spki.as_ref().to_vec(), Algorithm::EdDsa, pair.sign(message).as_ref().to_vec()));
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
        let octets = |number: &[u8]| number.iter().copied().skip_while(|octet| *octet == 0).collect();
        let key = Jwk::Rsa {
            n: octets(n.big_endian_without_leading_zero()),
            e: octets(e.big_endian_without_leading_zero()),
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        all.push((key, spki.as_ref().to_vec(), Algorithm::Rs256, signature));
        all
    }

    /// Signatures of all four algorithms are verified, and not over another message, by another key or as another
    /// algorithm; and the key as SPKI is the one that aws-lc writes.
    #[test]
    fn signatures_are_those_of_their_key() {
        let (one, two) = (signed(b"message"), signed(b"message"));
        for (at, (key, spki, algorithm, signature)) in one.iter().enumerate() {
            assert_eq!(key.spki(), *spki, "{algorithm:?}");
            assert!(key.verify(*algorithm, b"message", signature).is_ok(), "{algorithm:?}");
            assert!(key.verify(*algorithm, b"massage", signature).is_err());
            assert!(two[at].0.verify(*algorithm, b"message", signature).is_err());
            assert!(Jwk::from_canonical(&key.canonical()).as_ref() == Some(key));
            for (other, (_, _, strange, _)) in one.iter().enumerate().filter(|(other, _)| *other != at) {
                let problem = key.verify(*strange, b"message", signature).unwrap_err();
                assert_eq!(problem.kind, Kind::BadSignatureAlgorithm, "{other}");
            }
        }
    }

    /// Short, even, private and strange keys are refused.
    #[test]
    fn unfit_keys_are_refused() {
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let good = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let p256 = URL_SAFE_NO_PAD.encode([1; 32]);
        for bad in [
            format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#),
            format!(r#"{{"kty":"RSA","n":"{good}","e":"AQ"}}"#),
            format!(r#"{{"kty":"RSA","n":"{good}","e":"AAEAAQ"}}"#),
            format!(r#"{{"kty":"RSA","n":"{good}","e":"AQAB","d":"AQAB"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-521","x":"{p256}","y":"{p256}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-384","x":"{p256}","y":"{p256}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{p256}=","y":"{p256}"}}"#),
            r#"{"kty":"oct","k":"AQAB"}"#.to_owned(),
            "[]".to_owned(),
        ] {
            assert_eq!(key(&bad).err().map(|problem| problem.kind), Some(Kind::BadPublicKey), "{bad}");
        }
        assert!(key(&format!(r#"{{"kty":"RSA","n":"{good}","e":"AQAB"}}"#)).is_ok());
    }
}
