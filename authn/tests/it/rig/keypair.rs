//! Keys of relying parties, and assertions signed with them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use platform::clock::Millis;
use serde_json::{Value, json};

/// A key pair of a relying party.
pub(crate) enum Pair {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Pair {
    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The public half.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let b64 = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]), "kid": kid, "use": "sig"})
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": b64(n), "e": b64(e), "kid": kid, "use": "sig"})
            }
        }
    }

    /// The public half in the forms in which programs hold it: as JSON, as DER, and as PEM.
    pub(crate) fn public_forms(&self) -> [Vec<u8>; 3] {
        let der: Vec<u8> = match self {
            Self::P256(pair) => {
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
            }
        };
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in STANDARD.encode(&der).as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).unwrap());
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        [self.jwk("1").to_string().into_bytes(), der, pem.into_bytes()]
    }

    /// A signed text.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::P256(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                match header["alg"].as_str().unwrap() {
                    "RS512" => {
                        pair.sign(&RSA_PKCS1_SHA512, &random, message.as_bytes(), &mut signature).unwrap();
                    }
                    "PS256" => {
                        pair.sign(&RSA_PSS_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                    }
                    _ => pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap(),
                }
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The thumbprint of a P-256 key. RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk("");
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
    }

    /// A proof of `DPoP` for a request, and for a token if one is shown; what is given is replaced.
    pub(crate) fn proof(
        &self,
        request: (&str, &str),
        token: Option<&str>,
        now: Millis,
        change: &Value,
    ) -> String {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        let mut claims =
            json!({"jti": hex::encode(id), "htm": request.0, "htu": request.1, "iat": now.seconds()});
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
        }
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk("1")}), &claims)
    }

    /// An assertion of the client `rp`, with what is given replaced.
    pub(crate) fn assertion(&self, alg: &str, kid: &str, now: Millis, change: &Value) -> String {
        self.sign(&json!({"alg": alg, "kid": kid}), &claims(now, change))
    }
}

/// The claims of an assertion, each with an id of its own.
pub(crate) fn claims(now: Millis, change: &Value) -> Value {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    let mut claims = json!({
        "iss": "rp", "sub": "rp", "aud": format!("{}/token", super::ISSUER), "jti": hex::encode(id),
        "iat": now.seconds(), "exp": now.seconds() + 300
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}
