//! Wrapped keys: what they and their wrapping key can do, and what they cannot.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use hsm::testing::TestToken;
use hsm::{Alg, Error, WrapMechanism, Wrapped};

use crate::support::{assert_signed, only, softhsm};

fn assert_attributes(session: &Session, object: ObjectHandle, expected: &[Attribute]) {
    let types: Vec<AttributeType> = expected.iter().map(Attribute::attribute_type).collect();
    assert_eq!(session.get_attributes(object, &types).unwrap(), expected);
}

fn assert_unreadable(session: &Session, object: ObjectHandle, attribute: AttributeType) {
    let read = session.get_attributes(object, &[attribute]);
    assert!(read.is_err() || read.unwrap().is_empty(), "{attribute:?} was read");
}

/// A wrapped key of every algorithm that SoftHSM wraps signs, and survives the process's sessions.
#[tokio::test]
async fn wrapped_keys_sign_after_reopening() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    assert_eq!(hsm.health().tokens[0].wrapping, Some(WrapMechanism::AesKeyWrapPad));
    hsm.create_wrapping_key(1).await.unwrap();
    let mut kept = Vec::new();
    for alg in [Alg::Rsa2048, Alg::P256, Alg::P384] {
        let wrapped = hsm.generate_wrapped(alg).await.unwrap();
        assert_eq!((wrapped.alg, wrapped.wrapping_version), (alg, 1));
        kept.push(wrapped);
    }
    drop(hsm);
    let hsm = token.hsm().await;
    for wrapped in kept {
        let scheme = wrapped.alg.default_scheme();
        let key = hsm.wrapped(wrapped);
        let signature = key.sign(scheme, b"a prescription").await.unwrap();
        assert_signed(&key, scheme, b"a prescription", &signature);
    }
}

/// The wrapping key wraps and unwraps only, cannot be read or extracted, and cannot encrypt or decrypt.
#[tokio::test]
async fn wrapping_key_only_wraps() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let session = softhsm(token.label());
    let key = only(&session, &[Attribute::Label(b"lanyard-wrap-1".to_vec())]);
    assert_attributes(
        &session,
        key,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::AlwaysSensitive(true),
            Attribute::Extractable(false),
            Attribute::NeverExtractable(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Derive(false),
            Attribute::ValueLen(32.into()),
        ],
    );
    assert_unreadable(&session, key, AttributeType::Value);
    assert!(session.encrypt(&Mechanism::AesEcb, key, &[0; 16]).is_err());
    assert!(session.decrypt(&Mechanism::AesEcb, key, &[0; 16]).is_err());
    let mut iv = [0; 12];
    let gcm = Mechanism::AesGcm(GcmParams::new(&mut iv, &[], 128.into()).unwrap());
    assert!(session.decrypt(&gcm, key, &[0; 32]).is_err());
    assert!(matches!(hsm.create_wrapping_key(1).await, Err(Error::LabelInUse { .. })));
}

/// A live key is sensitive, not extractable and signs only; its value cannot be read and it cannot be wrapped again.
#[tokio::test]
async fn live_keys_cannot_leave_again() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let wrapped = hsm.generate_wrapped(Alg::Rsa2048).await.unwrap();
    let session = softhsm(token.label());
    let objects = || session.find_objects(&[Attribute::Token(false)]).unwrap();
    assert!(objects().is_empty(), "nothing of the new key stays in the token");

    let key = hsm.wrapped(wrapped);
    key.sign(Alg::Rsa2048.default_scheme(), b"x").await.unwrap();
    assert_eq!(hsm.health().tokens[0].live_keys, 1);
    let live = objects();
    assert_eq!(live.len(), 1);
    assert_attributes(
        &session,
        live[0],
        &[
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ],
    );
    for secret in [AttributeType::PrivateExponent, AttributeType::Prime1, AttributeType::Exponent1] {
        assert_unreadable(&session, live[0], secret);
    }
    let wrapping = only(&session, &[Attribute::Label(b"lanyard-wrap-1".to_vec())]);
    assert!(session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping, live[0]).is_err());
    assert!(session.update_attributes(live[0], &[Attribute::Extractable(true)]).is_err());
}

/// A blob under another's public key, of another algorithm, or altered, is caught; the token stays ready.
#[tokio::test]
async fn swapped_and_altered_blobs_are_caught() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let mine = hsm.generate_wrapped(Alg::P256).await.unwrap();
    let other = hsm.generate_wrapped(Alg::P256).await.unwrap();
    let rsa = hsm.generate_wrapped(Alg::Rsa2048).await.unwrap();
    let p384 = hsm.generate_wrapped(Alg::P384).await.unwrap();
    let mut altered = mine.blob.clone();
    altered[20] ^= 1;
    for (what, blob) in [
        ("another's", other.blob),
        ("RSA", rsa.blob),
        ("P-384", p384.blob),
        ("altered", altered),
        ("cut", mine.blob[..40].to_vec()),
        ("empty", Vec::new()),
    ] {
        let key = hsm.wrapped(Wrapped { blob, ..mine.clone() });
        let refused = key.sign(Alg::P256.default_scheme(), b"x").await;
        assert!(matches!(refused, Err(Error::SwappedKey)), "{what}: {refused:?}");
        assert!(hsm.health().ready(), "{what}");
        assert_eq!(hsm.health().tokens[0].live_keys, 0, "{what}");
    }
    let key = hsm.wrapped(mine);
    assert!(key.sign(Alg::P256.default_scheme(), b"x").await.is_ok());
    assert_eq!(softhsm(token.label()).find_objects(&[Attribute::Token(false)]).unwrap().len(), 1);
}

/// Rewrapping moves a key to another version; a blob named with the wrong version is refused, a missing one is said.
#[tokio::test]
async fn rewrapping_changes_the_version() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    assert!(matches!(hsm.generate_wrapped(Alg::P256).await, Err(Error::WrappingKeyMissing { .. })));
    hsm.create_wrapping_key(1).await.unwrap();
    let old = hsm.generate_wrapped(Alg::P256).await.unwrap();
    hsm.create_wrapping_key(2).await.unwrap();
    assert_eq!(hsm.generate_wrapped(Alg::P256).await.unwrap().wrapping_version, 2, "the newest is used");

    let new = hsm.rewrap(&old, 2).await.unwrap();
    assert_eq!((new.wrapping_version, &new.public_key), (2, &old.public_key));
    assert_ne!(new.blob, old.blob);
    for wrapped in [old.clone(), new.clone()] {
        let key = hsm.wrapped(wrapped);
        let signature = key.sign(Alg::P256.default_scheme(), b"x").await.unwrap();
        assert_signed(&key, Alg::P256.default_scheme(), b"x", &signature);
    }
    let wrong = hsm.wrapped(Wrapped { wrapping_version: 1, ..new });
    assert!(matches!(wrong.sign(Alg::P256.default_scheme(), b"x").await, Err(Error::SwappedKey)));
    let missing = hsm.wrapped(Wrapped { wrapping_version: 9, ..old.clone() });
    let refused = missing.sign(Alg::P256.default_scheme(), b"x").await;
    assert!(matches!(refused, Err(Error::WrappingKeyMissing { version: 9 })), "{refused:?}");
    assert!(matches!(hsm.rewrap(&old, 9).await, Err(Error::WrappingKeyMissing { version: 9 })));
}

/// More keys than may be live displace each other: all sign, and the token never holds more than the bound.
#[tokio::test]
async fn live_keys_are_bounded() {
    let token = TestToken::new();
    let mut config = token.config();
    config.tokens[0].live_keys = 6;
    let hsm = hsm::Hsm::open(config).await.unwrap();
    hsm.create_wrapping_key(1).await.unwrap();
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap()));
    }
    let session = softhsm(token.label());
    for _ in 0..3 {
        for key in &keys {
            let signature = key.sign(Alg::P256.default_scheme(), b"x").await.unwrap();
            assert_signed(key, Alg::P256.default_scheme(), b"x", &signature);
            assert!(hsm.health().tokens[0].live_keys <= 6);
            assert!(session.find_objects(&[Attribute::Token(false)]).unwrap().len() <= 7);
        }
    }
}

/// A forgotten key is live no more in any session once each has served another call.
#[tokio::test]
async fn forgotten_keys_are_not_live() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let scheme = Alg::P256.default_scheme();
    let deleted = hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap());
    let other = hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap());
    let session = softhsm(token.label());
    let live = || session.find_objects(&[Attribute::Token(false)]).unwrap().len();
    crate::support::until(
        "the key is live in both sessions",
        std::time::Duration::from_secs(10),
        async || {
            deleted.sign_digests(scheme, vec![vec![0; 32]; 64]).await.unwrap();
            live() == 2
        },
    )
    .await;
    hsm.forget(&deleted);
    crate::support::until("only the other is live", std::time::Duration::from_secs(10), async || {
        other.sign_digests(scheme, vec![vec![0; 32]; 64]).await.unwrap();
        live() == 2 && hsm.health().tokens[0].live_keys == 2
    })
    .await;
}
