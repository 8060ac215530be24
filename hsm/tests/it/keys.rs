//! Token keys and one-time keys.

use std::process::Command;

use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use hsm::testing::TestToken;
use hsm::{Alg, Error, Family, Hsm, KeyPurpose, Scheme};

use crate::support::{assert_signed, only, softhsm};

pub(crate) const SCHEMES: [Scheme; 11] = [
    Scheme::RsaPkcs1Sha1,
    Scheme::RsaPkcs1Sha256,
    Scheme::RsaPkcs1Sha384,
    Scheme::RsaPkcs1Sha512,
    Scheme::RsaPssSha256,
    Scheme::EcdsaSha256,
    Scheme::EcdsaSha384,
    Scheme::Ed25519,
    Scheme::MlDsa44,
    Scheme::MlDsa65,
    Scheme::MlDsa87,
];

/// A key of every algorithm SoftHSM has signs in every scheme it has, aws-lc-rs verifies it, no other scheme is accepted,
/// and an algorithm it has not is refused by name and leaves no key.
#[tokio::test]
async fn every_algorithm_signs_and_verifies() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let has = hsm.health().tokens[0].algs.clone();
    for alg in Alg::ALL {
        if alg.family() == Family::MlDsa {
            assert!(!has.contains(&alg));
            let label = format!("key-{alg}");
            for refused in [hsm.generate(&label, alg).await.err(), hsm.generate_one_time(alg).await.err()] {
                let named =
                    matches!(&refused, Some(Error::NotSupported { what }) if what.contains(alg.as_str()));
                assert!(named, "{refused:?}");
            }
            assert!(matches!(hsm.key(&label).await, Err(Error::KeyNotFound { .. })));
            continue;
        }
        let key = hsm.generate(&format!("key-{alg}"), alg).await.unwrap();
        assert_eq!((key.alg(), key.label()), (alg, format!("key-{alg}").as_str()));
        for scheme in SCHEMES {
            let signed = key.sign(scheme, b"a prescription").await;
            if alg.supports(scheme) {
                assert_signed(&key, scheme, b"a prescription", &signed.unwrap());
            } else {
                assert!(matches!(signed, Err(Error::SchemeMismatch { .. })), "{alg} {scheme:?}");
            }
        }
    }
}

/// OpenSSL, which shares no code with this crate's checks, verifies RSA, PSS, ECDSA and Ed25519 signatures.
#[tokio::test]
async fn openssl_verifies() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let cases: [(Alg, Scheme, &[&str]); 5] = [
        (Alg::Rsa2048, Scheme::RsaPkcs1Sha256, &["-digest", "sha256"]),
        (
            Alg::Rsa2048,
            Scheme::RsaPssSha256,
            &["-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:32"],
        ),
        (Alg::P256, Scheme::EcdsaSha256, &["-digest", "sha256"]),
        (Alg::P384, Scheme::EcdsaSha384, &["-digest", "sha384"]),
        (Alg::Ed25519, Scheme::Ed25519, &[]),
    ];
    let path = |name: &str| token.dir().join(name).display().to_string();
    for (alg, scheme, options) in cases {
        let key = hsm.generate_one_time(alg).await.unwrap();
        let signature = key.sign(scheme, b"a prescription").await.unwrap();
        for (name, content) in
            [("key", key.public_key()), ("message", b"a prescription".as_slice()), ("signature", &signature)]
        {
            std::fs::write(path(name), content).unwrap();
        }
        let output = Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey", &path("key")])
            .args(["-in", &path("message"), "-sigfile", &path("signature")])
            .args(options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{alg} {scheme:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Digests are signed as they are; a wrong length and a digest for Ed25519 are refused before the token sees them.
#[tokio::test]
async fn digests_are_checked() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let key = hsm.generate("digests", Alg::P256).await.unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"a prescription");
    let signature = key.sign_digest(Scheme::EcdsaSha256, digest.as_ref()).await.unwrap();
    assert_signed(&key, Scheme::EcdsaSha256, b"a prescription", &signature);

    for length in [0, 20, 31, 33, 64] {
        let refused = key.sign_digest(Scheme::EcdsaSha256, &vec![0; length]).await;
        assert!(matches!(refused, Err(Error::DigestLength { actual, .. }) if actual == length));
    }
    let edwards = hsm.generate_one_time(Alg::Ed25519).await.unwrap();
    let refused = edwards.sign_digest(Scheme::Ed25519, &[0; 32]).await;
    assert!(matches!(refused, Err(Error::DigestLength { .. })));
}

/// A batch gives as many signatures as digests, each for its own, and a single bad digest gives none at all.
#[tokio::test]
async fn batches_are_all_or_nothing() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let key = hsm.generate("batch", Alg::P256).await.unwrap();
    let messages: Vec<Vec<u8>> = (0..250u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let digest =
        |message: &Vec<u8>| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message).as_ref().to_vec();
    let mut digests: Vec<Vec<u8>> = messages.iter().map(digest).collect();
    let signatures = key.sign_digests(Scheme::EcdsaSha256, digests.clone()).await.unwrap();
    assert_eq!(signatures.len(), 250);
    for (message, signature) in messages.iter().zip(&signatures) {
        assert_signed(&key, Scheme::EcdsaSha256, message, signature);
    }
    digests[249].pop();
    assert!(matches!(
        key.sign_digests(Scheme::EcdsaSha256, digests).await,
        Err(Error::DigestLength { actual: 31, .. })
    ));
}

/// A label is used once, an unknown one is not found, and a found key is the one that was made.
#[tokio::test]
async fn labels_name_one_key() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let made = hsm.generate("ca-root", Alg::P384).await.unwrap();
    assert!(matches!(hsm.generate("ca-root", Alg::P256).await, Err(Error::LabelInUse { .. })));
    assert!(matches!(hsm.key("ca-roo").await, Err(Error::KeyNotFound { label }) if label == "ca-roo"));
    drop(hsm);

    let reopened = token.hsm().await;
    let found = reopened.key("ca-root").await.unwrap();
    assert_eq!((found.alg(), found.public_key()), (Alg::P384, made.public_key()));
    let signature = found.sign(Scheme::EcdsaSha384, b"x").await.unwrap();
    assert_signed(&made, Scheme::EcdsaSha384, b"x", &signature);
}

/// A token key is sensitive, not extractable and signs only, and its value cannot be read.
#[tokio::test]
async fn token_keys_cannot_leave() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.generate("stays", Alg::Rsa2048).await.unwrap();
    let session = softhsm(token.label());
    let label = Attribute::Label(b"stays".to_vec());
    let key = only(&session, &[Attribute::Class(ObjectClass::PRIVATE_KEY), label]);
    let expected = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::AlwaysSensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ];
    let types: Vec<AttributeType> = expected.iter().map(Attribute::attribute_type).collect();
    assert_eq!(session.get_attributes(key, &types).unwrap(), expected);
    let secret = session.get_attributes(key, &[AttributeType::PrivateExponent]);
    assert!(secret.is_err() || secret.unwrap().is_empty());
}

/// The hot path never searches: thousands of signatures of every kind of key leave the search counter where it was.
#[tokio::test]
async fn signing_never_searches() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let keys = [
        hsm.generate("hot", Alg::P256).await.unwrap(),
        hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap()),
        hsm.generate_one_time(Alg::P256).await.unwrap(),
    ];
    let before = Hsm::searches();
    assert!(before > 0);
    for round in 0..300u32 {
        for key in &keys {
            key.sign(Scheme::EcdsaSha256, &round.to_be_bytes()).await.unwrap();
        }
    }
    assert!(hsm.key("hot").await.is_ok());
    assert_eq!(Hsm::searches(), before);
}

/// A one-time key lives as long as its last clone; then its object is gone from the token.
#[tokio::test]
async fn one_time_keys_are_destroyed() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let session = softhsm(token.label());
    let session_objects = || session.find_objects(&[Attribute::Token(false)]).unwrap().len();
    assert_eq!(session_objects(), 0, "the trial at the start leaves nothing behind");

    let key = hsm.generate_one_time(Alg::P256).await.unwrap();
    assert_eq!(session_objects(), 1, "the private key and nothing else");
    let clone = key.clone();
    drop(key);
    let signature = clone.sign(Scheme::EcdsaSha256, b"x").await.unwrap();
    assert_signed(&clone, Scheme::EcdsaSha256, b"x", &signature);
    drop(clone);
    crate::support::until("the object is destroyed", std::time::Duration::from_secs(5), async || {
        session_objects() == 0
    })
    .await;
}

/// The inventory lists what the token holds, wrapping keys without a public key.
#[tokio::test]
async fn inventory_lists_the_keys() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let key = hsm.generate("ocsp", Alg::P256).await.unwrap();
    hsm.create_wrapping_key(3).await.unwrap();
    let inventory = hsm.inventory().await.unwrap();
    assert_eq!(inventory.len(), 2);
    let ocsp = inventory.iter().find(|info| info.label == "ocsp").unwrap();
    assert_eq!((ocsp.purpose, ocsp.alg), (KeyPurpose::Sign, Some(Alg::P256)));
    assert_eq!(ocsp.public_key.as_deref(), Some(key.public_key()));
    assert!(!ocsp.id.is_empty());
    let wrap = inventory.iter().find(|info| info.label == "lanyard-wrap-3").unwrap();
    assert_eq!((wrap.purpose, &wrap.public_key), (KeyPurpose::Wrap, &None));
}
