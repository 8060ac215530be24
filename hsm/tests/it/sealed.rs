//! Secrets that must be read again.

use cryptoki::object::Attribute;
use hsm::testing::TestToken;
use hsm::{Error, Sealed};
use zeroize::Zeroizing;

use crate::support::softhsm;

/// A sealed secret opens for its own place after the process starts anew, and leaves nothing in the token.
#[tokio::test]
async fn sealed_secrets_open_at_their_place_only() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let secret = Zeroizing::new(b"a secret of thirty-two octets...".to_vec());
    let sealed = hsm.seal(secret.clone(), b"table/row/1").await.unwrap();
    let again = hsm.seal(secret.clone(), b"table/row/1").await.unwrap();
    assert_ne!(sealed, again, "no two sealings are alike");
    let kept = sealed.to_bytes();
    assert!(!kept.windows(8).any(|window| window == &secret[..8]), "the secret lies open");
    drop(hsm);
    let hsm = token.hsm().await;
    let sealed = Sealed::from_bytes(&kept).unwrap();
    assert_eq!(hsm.unseal(&sealed, b"table/row/1").await.unwrap(), secret);
    assert!(matches!(hsm.unseal(&sealed, b"table/row/2").await, Err(Error::SealBroken)));
    assert_eq!(hsm.unseal(&sealed, b"table/row/1").await.unwrap(), secret, "a refusal breaks nothing");
    let left = softhsm(token.label()).find_objects(&[Attribute::Token(false)]).unwrap();
    assert!(left.is_empty(), "a data key stays in the token");
}

/// Any octet of the kept form changed: it does not open, and says that the row is at fault.
#[tokio::test]
async fn changed_seals_do_not_open() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    assert!(matches!(
        hsm.seal(Zeroizing::new(vec![1]), b"").await,
        Err(Error::WrappingKeyMissing { version: 1 })
    ));
    hsm.create_wrapping_key(1).await.unwrap();
    let kept = hsm.seal(Zeroizing::new(vec![5; 32]), b"x").await.unwrap().to_bytes();
    // After form, version and length.
    for at in 13..kept.len() {
        let mut changed = kept.clone();
        changed[at] ^= 1;
        let sealed = Sealed::from_bytes(&changed).unwrap();
        let opened = hsm.unseal(&sealed, b"x").await;
        assert!(matches!(opened, Err(Error::SealBroken)), "octet {at}: {opened:?}");
    }
}
