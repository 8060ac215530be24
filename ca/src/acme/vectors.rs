//! Project Wycheproof's vectors against the keys of ACME accounts, whose signatures have a form of their own; and requests as
//! certbot and lego make them.

use der::Decode as _;
use der::Sequence;
use der::asn1::UintRef;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

use super::jwk::{Algorithm, Jwk};
use super::jws::{Request, Signer};

/// Checks one vector; the return value counts those that had to be accepted.
fn check(key: &Jwk, algorithm: Algorithm, vector: (usize, &[u8], &[u8], TestResult)) -> usize {
    let (id, message, signature, expected) = vector;
    let verdict = key.verify(algorithm, message, signature).is_ok();
    match expected {
        TestResult::Valid => assert!(verdict, "{algorithm:?} {id}"),
        TestResult::Invalid => assert!(!verdict, "{algorithm:?} {id}"),
        TestResult::Acceptable => {}
    }
    usize::from(expected == TestResult::Valid)
}

/// ES256 and ES384 with r and s of fixed length (RFC 7518 3.4): every vector has its verdict.
#[test]
fn ecdsa_vectors() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    let cases = [
        (EcdsaSecp256r1Sha256P1363, Algorithm::Es256, 32),
        (EcdsaSecp384r1Sha384P1363, Algorithm::Es384, 48),
    ];
    let mut accepted = 0;
    for (name, algorithm, width) in cases {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (rest, y) = group.der.split_at(group.der.len() - width);
            let x = rest[rest.len() - width..].to_vec();
            let key = match algorithm {
                Algorithm::Es256 => Jwk::P256 { x, y: y.to_vec() },
                _ => Jwk::P384 { x, y: y.to_vec() },
            };
            for test in &group.tests {
                accepted += check(&key, algorithm, (test.tc_id, &test.msg, &test.sig, test.result));
            }
        }
    }
    assert!(accepted > 200, "only {accepted} vectors were there to accept");
}

/// `EdDSA`: every vector has its verdict.
#[test]
fn ed25519_vectors() {
    let mut accepted = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = Jwk::Ed25519 { x: group.der[group.der.len() - 32..].to_vec() };
        for test in &group.tests {
            accepted += check(&key, Algorithm::EdDsa, (test.tc_id, &test.msg, &test.sig, test.result));
        }
    }
    assert!(accepted > 50, "only {accepted} vectors were there to accept");
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

/// RS256: every vector has its verdict, forged padding among them.
#[test]
fn rsa_vectors() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};
    let mut accepted = 0;
    for name in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let info = spki::SubjectPublicKeyInfoRef::from_der(&group.der).unwrap();
            let key = RsaPublicKey::from_der(info.subject_public_key.raw_bytes()).unwrap();
            let (n, e) = (key.modulus.as_bytes().to_vec(), key.exponent.as_bytes().to_vec());
            let key = Jwk::Rsa { n, e };
            for test in &group.tests {
                accepted += check(&key, Algorithm::Rs256, (test.tc_id, &test.msg, &test.sig, test.result));
            }
        }
    }
    assert!(accepted > 20, "only {accepted} vectors were there to accept");
}

/// Every request of certbot and lego that is kept for the fuzzer is read; one that brings its key is by that key, and none is
/// by another.
#[test]
fn requests_of_other_clients_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/acme_request");
    let mut signed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let octets = std::fs::read(&path).unwrap();
        let read =
            || Request::parse(&octets).unwrap_or_else(|problem| panic!("{}: {problem:?}", path.display()));
        let another = Jwk::Ed25519 { x: vec![7; 32] };
        assert!(read().verify(&another).is_err(), "{}", path.display());
        if let Signer::Key(key) = &read().header.signer {
            assert!(read().verify(key).is_ok(), "{}", path.display());
            signed += 1;
        }
    }
    assert_eq!(signed, 2, "the registrations of both");
}
