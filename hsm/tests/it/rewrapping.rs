//! Moving what the token wraps under another of its keys, while others use it.

use std::time::Duration;

use cryptoki::object::Attribute;
use hsm::testing::TestToken;
use hsm::{Alg, Error, Sealed};
use zeroize::Zeroizing;

use crate::support::{assert_signed, softhsm, until};

/// A process that opened the token before another made the next wrapping key uses keys under it at once, and makes its own
/// new keys under it from then on.
#[tokio::test]
async fn others_learn_of_a_new_wrapping_key() {
    let token = TestToken::new();
    let (maker, other) = (token.hsm().await, token.hsm().await);
    let scheme = Alg::P256.default_scheme();
    maker.create_wrapping_key(1).await.unwrap();
    let wrapped = maker.generate_wrapped(Alg::P256).await.unwrap();
    other.wrapped(wrapped.clone()).sign(scheme, b"x").await.unwrap();
    assert_eq!(other.generate_wrapped(Alg::P256).await.unwrap().wrapping_version, 1);

    maker.create_wrapping_key(2).await.unwrap();
    let moved = maker.rewrap(&wrapped, 2).await.unwrap();
    let key = other.wrapped(moved);
    let signature = key.sign(scheme, b"x").await.unwrap();
    assert_signed(&key, scheme, b"x", &signature);
    assert_eq!(other.generate_wrapped(Alg::P256).await.unwrap().wrapping_version, 2);
    let missing = other.rewrap(&wrapped, 3).await;
    assert!(matches!(missing, Err(Error::WrappingKeyMissing { version: 3 })), "{missing:?}");
}

/// A process that meets no key under the new wrapping key learns of it all the same, while it idles.
#[tokio::test]
async fn idle_processes_learn_of_a_new_wrapping_key() {
    let token = TestToken::new();
    let (maker, other) = (token.hsm().await, token.hsm().await);
    maker.create_wrapping_key(1).await.unwrap();
    assert_eq!(other.generate_wrapped(Alg::P256).await.unwrap().wrapping_version, 1);
    maker.create_wrapping_key(2).await.unwrap();
    until("the other makes keys under it", Duration::from_mins(1), async || {
        other.generate_wrapped(Alg::P256).await.unwrap().wrapping_version == 2
    })
    .await;
}

/// A key that moved is live once in each session, whichever row it is used by, and is forgotten by its new row.
#[tokio::test]
async fn a_moved_key_is_forgotten_whole() {
    let token = TestToken::new();
    let mut config = token.config();
    config.tokens[0].sessions = 1;
    let hsm = hsm::Hsm::open(config).await.unwrap();
    hsm.create_wrapping_key(1).await.unwrap();
    let scheme = Alg::P256.default_scheme();
    let (old, bystander) =
        (hsm.generate_wrapped(Alg::P256).await.unwrap(), hsm.generate_wrapped(Alg::P256).await.unwrap());
    hsm.create_wrapping_key(2).await.unwrap();
    let new = hsm.rewrap(&old, 2).await.unwrap();
    let (old, new) = (hsm.wrapped(old), hsm.wrapped(new));
    let session = softhsm(token.label());
    let live = || session.find_objects(&[Attribute::Token(false)]).unwrap().len();
    assert_eq!(live(), 0, "nothing of the move stays in the token");
    for key in [&old, &new, &old, &new, &old] {
        let signature = key.sign(scheme, b"x").await.unwrap();
        assert_signed(key, scheme, b"x", &signature);
        assert_eq!((live(), hsm.health().tokens[0].live_keys), (1, 1));
    }
    // What is live was unwrapped from the old row; whoever destroys the key knows the new one only.
    hsm.forget(&new);
    hsm.wrapped(bystander).sign(scheme, b"x").await.unwrap();
    assert_eq!((live(), hsm.health().tokens[0].live_keys), (1, 1), "only the bystander's");
}

/// A sealed secret moves without being opened: under the new key it opens at its place and nowhere else, the old form still
/// opens, and a damaged one does not move.
#[tokio::test]
async fn sealed_secrets_move() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let secret = Zeroizing::new(b"a secret of thirty-two octets...".to_vec());
    let old = hsm.seal(secret.clone(), b"table/row/1").await.unwrap();
    let nowhere = hsm.rewrap_sealed(&old, 2).await;
    assert!(matches!(nowhere, Err(Error::WrappingKeyMissing { version: 2 })), "{nowhere:?}");
    hsm.create_wrapping_key(2).await.unwrap();
    let new = hsm.rewrap_sealed(&old, 2).await.unwrap();
    assert_eq!((old.wrapping_version(), new.wrapping_version()), (1, 2));
    let new = Sealed::from_bytes(&new.to_bytes()).unwrap();
    for sealed in [&old, &new] {
        assert_eq!(hsm.unseal(sealed, b"table/row/1").await.unwrap(), secret);
    }
    assert!(matches!(hsm.unseal(&new, b"table/row/2").await, Err(Error::SealBroken)));
    let mut damaged = old.to_bytes();
    damaged[20] ^= 1;
    let refused = hsm.rewrap_sealed(&Sealed::from_bytes(&damaged).unwrap(), 2).await;
    assert!(matches!(refused, Err(Error::SealBroken)), "{refused:?}");
    let left = softhsm(token.label()).find_objects(&[Attribute::Token(false)]).unwrap();
    assert!(left.is_empty(), "a data key stays in the token");
}
