//! Keys made on the card, and their signatures, which aws-lc-rs verifies.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use card::piv::{Algorithm, Digest, Passcode, PublicKey, Slot};

use super::{is_not_authorised, open_card};

const MESSAGE: &[u8] = b"what is signed";

fn sha256() -> Digest {
    Digest::Sha256(digest::digest(&digest::SHA256, MESSAGE).as_ref().try_into().unwrap())
}

fn sha384() -> Digest {
    Digest::Sha384(digest::digest(&digest::SHA384, MESSAGE).as_ref().try_into().unwrap())
}

fn sha512() -> Digest {
    Digest::Sha512(digest::digest(&digest::SHA512, MESSAGE).as_ref().try_into().unwrap())
}

fn verifies(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    // Read from the whole SubjectPublicKeyInfo, so that our DER is read by somebody else.
    let key = ParsedPublicKey::new(algorithm, key.to_der()).expect("the key reads");
    key.verify_sig(message, signature).is_ok()
}

/// Keys of both curves sign digests of both lengths, and the signatures are over what was signed.
#[test]
fn elliptic_keys_sign() {
    let mut piv = open_card();
    piv.verify(&Passcode::factory()).unwrap();
    let p256 = piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    let p384 = piv.generate(Slot::KeyManagement, Algorithm::P384, None).unwrap();
    let cases: [(Slot, &PublicKey, Digest, &'static dyn VerificationAlgorithm); 4] = [
        (Slot::Authentication, &p256, sha256(), &ECDSA_P256_SHA256_ASN1),
        (Slot::Authentication, &p256, sha384(), &ECDSA_P256_SHA384_ASN1),
        (Slot::KeyManagement, &p384, sha256(), &ECDSA_P384_SHA256_ASN1),
        (Slot::KeyManagement, &p384, sha384(), &ECDSA_P384_SHA384_ASN1),
    ];
    for (slot, key, digest, algorithm) in cases {
        let signature = piv.sign(slot, key.algorithm(), &digest).unwrap();
        assert!(verifies(algorithm, key, MESSAGE, &signature), "{digest:?}");
        assert!(!verifies(algorithm, key, b"something else", &signature));
    }
}

/// A key of RSA signs by PKCS #1, in the slot that wants the passcode before each signature.
#[test]
fn rsa_key_signs_once_per_passcode() {
    let mut piv = open_card();
    let key = piv.generate(Slot::Signature, Algorithm::Rsa2048, None).unwrap();
    assert!(is_not_authorised(&piv.sign(Slot::Signature, Algorithm::Rsa2048, &sha256())));
    for (digest, algorithm) in [
        (sha256(), &RSA_PKCS1_2048_8192_SHA256 as &'static dyn VerificationAlgorithm),
        (sha512(), &RSA_PKCS1_2048_8192_SHA512),
    ] {
        piv.verify(&Passcode::factory()).unwrap();
        let signature = piv.sign(Slot::Signature, Algorithm::Rsa2048, &digest).unwrap();
        assert!(verifies(algorithm, &key, MESSAGE, &signature));
        assert!(is_not_authorised(&piv.sign(Slot::Signature, Algorithm::Rsa2048, &digest)), "one is one");
    }
}

/// A slot without a key does not sign, a key made anew is another, and two cards make different ones.
#[test]
fn keys_are_made_anew() {
    let mut piv = open_card();
    piv.verify(&Passcode::factory()).unwrap();
    assert!(piv.sign(Slot::KeyManagement, Algorithm::P256, &sha256()).is_err());
    let first = piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    let second = piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    assert_ne!(first, second);
    let other = open_card().generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    assert!(other != first && other != second);
    let signature = piv.sign(Slot::Authentication, Algorithm::P256, &sha256()).unwrap();
    assert!(verifies(&ECDSA_P256_SHA256_ASN1, &second, MESSAGE, &signature));
    assert!(!verifies(&ECDSA_P256_SHA256_ASN1, &first, MESSAGE, &signature));
}
