//! What the readers of ACME do with damaged input: refuse or read it, and never panic.

use ca::acme::read_anything;
use platform::hammer::{hammer, runner};
use proptest::prelude::*;
use serde_json::json;

use super::client::{AccountKey, b64};
use super::devices::attestation;

/// Requests of both kinds of signer, with all kinds of keys; and an attestation object.
fn samples() -> Vec<Vec<u8>> {
    let key = AccountKey::new();
    let nonce = b64(&[7; 40]);
    let signed = |signer: &str, value: serde_json::Value| {
        let header = json!({"alg": "ES256", "nonce": nonce, "url": "https://a.example/x", signer: value});
        key.sign(&header, r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#).to_string().into_bytes()
    };
    vec![
        signed("jwk", key.jwk()),
        signed("kid", json!("https://a.example/acme/accounts/1")),
        signed("jwk", json!({"kty": "RSA", "n": b64(&[0xff; 256]), "e": "AQAB"})),
        signed("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[7; 32])})),
        b"dns:a.example".to_vec(),
        b"2001:db8::/32".to_vec(),
        attestation(),
    ]
}

/// Octets changed, cut off and doubled in every kind of input: no reader panics.
#[test]
fn damaged_requests_never_panic() {
    for sample in samples() {
        hammer(&sample, 1500, read_anything).unwrap();
    }
}

/// Headers put together from parts that are each readable, and arbitrary octets: no reader panics.
#[test]
fn strange_requests_never_panic() {
    let words = prop::sample::select(vec![
        r#""alg":"ES256""#,
        r#""alg":"RS256""#,
        r#""url":"u""#,
        r#""nonce":"n""#,
        r#""kid":"k""#,
        r#""crit":[]"#,
        r#""jwk":{}"#,
        r#""jwk":{"kty":"EC","crv":"P-256","x":"","y":""}"#,
        r#""jwk":[[[[[[[[[[[[]]]]]]]]]]]]"#,
        r#""jwk":{"kty":"RSA","n":"AQ","e":"AQ"}"#,
    ]);
    runner(2000)
        .run(&proptest::collection::vec(words, 0..6), |parts| {
            let header = b64(format!("{{{}}}", parts.join(",")).as_bytes());
            read_anything(
                json!({"protected": header, "payload": "", "signature": ""}).to_string().as_bytes(),
            );
            Ok(())
        })
        .unwrap();
    runner(2000)
        .run(&proptest::collection::vec(any::<u8>(), 0..200), |octets| {
            read_anything(&octets);
            Ok(())
        })
        .unwrap();
}
