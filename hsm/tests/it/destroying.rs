//! Token keys that are destroyed.

use cryptoki::object::Attribute;
use hsm::testing::TestToken;
use hsm::{Alg, Error, Hsm, TokenState};

use crate::support::{assert_signed, softhsm};

/// A destroyed key is gone from the token with its public half, its label is free again, and its neighbours sign on.
#[tokio::test]
async fn destroyed_keys_are_gone() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let scheme = Alg::P256.default_scheme();
    let stays = hsm.generate("stays", Alg::P256).await.unwrap();
    let old = hsm.generate("old", Alg::P256).await.unwrap();
    old.sign(scheme, b"m").await.unwrap();
    let public = old.public_key().to_vec();
    drop(old);
    hsm.destroy("old").await.unwrap();
    let left = softhsm(token.label()).find_objects(&[Attribute::Label(b"old".to_vec())]).unwrap();
    assert!(left.is_empty(), "both halves go");
    assert!(matches!(hsm.key("old").await, Err(Error::KeyNotFound { .. })));
    assert!(matches!(hsm.destroy("old").await, Err(Error::KeyNotFound { .. })));
    let again = hsm.generate("old", Alg::P256).await.unwrap();
    assert_ne!(again.public_key(), public);
    for key in [&again, &stays] {
        assert_signed(key, scheme, b"m", &key.sign(scheme, b"m").await.unwrap());
    }
    assert!(matches!(hsm.destroy("lanyard-wrap-1").await, Err(Error::KeyNotFound { .. })));
    assert!(hsm.generate_wrapped(Alg::P256).await.is_ok(), "a wrapping key is never destroyed");
    drop((hsm, again, stays));

    let hsm = token.hsm().await;
    assert!(hsm.key("stays").await.is_ok());
    hsm.destroy("old").await.unwrap();
    assert_eq!(hsm.inventory().await.unwrap().len(), 2, "a key that was never asked for goes too");
}

/// A key that somebody holds is not destroyed, however many clones there are, and signs on.
#[tokio::test]
async fn keys_in_use_stay() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let (key, scheme) = (hsm.generate("used", Alg::P256).await.unwrap(), Alg::P256.default_scheme());
    let clone = key.clone();
    for holder in [key, clone] {
        assert!(matches!(hsm.destroy("used").await, Err(Error::KeyInUse { .. })));
        assert_signed(&holder, scheme, b"m", &holder.sign(scheme, b"m").await.unwrap());
    }
    hsm.destroy("used").await.unwrap();
}

/// While a token is away nothing is destroyed, since it may have the key too.
#[tokio::test]
async fn nothing_is_destroyed_while_a_token_is_away() {
    let token = TestToken::new();
    let mut config = token.config();
    // Of another library: one that looks for its token disturbs the others of its library.
    let elsewhere = TestToken::kryoptic();
    let mut absent = elsewhere.token_config();
    "nowhere".clone_into(&mut absent.label);
    config.tokens.push(absent);
    let hsm = Hsm::open(config).await.unwrap();
    assert!(hsm.health().tokens.iter().any(|token| token.state != TokenState::Ready));
    drop(hsm.generate("kept", Alg::P256).await.unwrap());
    assert!(matches!(hsm.destroy("kept").await, Err(Error::Unavailable { .. })));
    assert!(hsm.key("kept").await.is_ok());
}
