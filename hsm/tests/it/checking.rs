//! Signatures that do not verify.

use cryptoki::object::{Attribute, ObjectClass};
use hsm::testing::TestToken;
use hsm::{Alg, Error, Scheme};

use crate::support::{assert_signed, only, softhsm};

const SCHEME: Scheme = Scheme::EcdsaSha256;

/// A private key that does not belong to the public one signs nothing that is given out, neither alone nor among many, and
/// neither where one of each call is verified; with its own public key it signs all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_that_does_not_verify_is_not_given_out() {
    let token = TestToken::new();
    let made = token.hsm().await;
    made.generate("responder", Alg::P256).await.unwrap();
    made.generate("stranger", Alg::P256).await.unwrap();
    drop(made);
    let session = softhsm(token.label());
    let swapped = |label: &str, to: &str| {
        let found =
            only(&session, &[Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Label(label.into())]);
        session.update_attributes(found, &[Attribute::Label(to.into())]).unwrap();
        found
    };
    let id = |label: &str| {
        let found =
            only(&session, &[Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Label(label.into())]);
        session.get_attributes(found, &[cryptoki::object::AttributeType::Id]).unwrap()
    };
    let (own, other) = (id("responder"), id("stranger"));
    let (responder, stranger) = (swapped("responder", "aside"), swapped("stranger", "responder"));
    session.update_attributes(responder, &other).unwrap();
    session.update_attributes(stranger, &own).unwrap();
    session.update_attributes(responder, &[Attribute::Label("stranger".into())]).unwrap();

    let hsm = hsm::Hsm::open(token.config()).await.unwrap();
    let key = hsm.key("responder").await.unwrap();
    let messages: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 9]).collect();
    assert!(matches!(key.sign(SCHEME, b"an answer").await, Err(Error::BadSignature)));
    assert!(matches!(key.sign_messages(SCHEME, messages.clone()).await, Err(Error::BadSignature)));
    let checked = key.sign_messages_spot_checked(SCHEME, messages.clone()).await;
    assert!(matches!(checked, Err(Error::BadSignature)), "{checked:?}");

    for alg in [Alg::P256, Alg::Rsa2048] {
        let right = hsm.generate(alg.as_str(), alg).await.unwrap();
        let scheme = alg.default_scheme();
        let signatures = right.sign_messages_spot_checked(scheme, messages.clone()).await.unwrap();
        assert_eq!(signatures.len(), messages.len());
        for (message, signature) in messages.iter().zip(&signatures) {
            assert_signed(&right, scheme, message, signature);
        }
    }
}
