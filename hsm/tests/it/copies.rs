//! Token keys that sign often are copied into the sessions that sign.

use std::time::Duration;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use hsm::testing::TestToken;
use hsm::{Alg, Error, Hsm, Key, Scheme};

use crate::support::{assert_signed, softhsm, until};

const SCHEME: Scheme = Scheme::EcdsaSha256;
/// More than enough for every session to have signed often.
const OFTEN: usize = 200;

/// The private keys that lie in sessions only.
fn copies(session: &Session) -> Vec<ObjectHandle> {
    session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(false)]).unwrap()
}

async fn sign_often(key: &Key) {
    let messages: Vec<Vec<u8>> = (0..OFTEN).map(|number| number.to_be_bytes().to_vec()).collect();
    let signatures = key.sign_messages(key.alg().default_scheme(), messages.clone()).await.unwrap();
    for (message, signature) in messages.iter().zip(&signatures) {
        assert_signed(key, key.alg().default_scheme(), message, signature);
    }
}

/// A key that signs often has one copy in each session that signs and no more, which is sensitive and cannot leave; one that
/// signs now and then has none, and neither has a key of a token that is told to make none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_cannot_leave() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let rare = hsm.generate("rare", Alg::P256).await.unwrap();
    rare.sign(SCHEME, b"now and then").await.unwrap();
    let side = softhsm(token.label());
    assert_eq!(copies(&side), []);

    let often = hsm.generate("often", Alg::P256).await.unwrap();
    sign_often(&often).await;
    sign_often(&often).await;
    let made = copies(&side);
    assert!((1..=token.token_config().sessions).contains(&made.len()), "{made:?}");
    let asked =
        [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::Private, AttributeType::Label];
    for copy in &made {
        let said = side.get_attributes(*copy, &asked).unwrap();
        let label = Attribute::Label(b"often".to_vec());
        for attribute in
            [Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Private(true), label]
        {
            assert!(said.contains(&attribute), "{attribute:?} in {said:?}");
        }
        assert!(side.get_attributes(*copy, &[AttributeType::Value]).unwrap_or_default().is_empty());
    }
    assert_eq!(hsm.inventory().await.unwrap().len(), 2, "a copy is no key of the token");
    drop((hsm, rare, often));

    let mut config = token.config();
    config.tokens[0].session_copies = false;
    let hsm = Hsm::open(config).await.unwrap();
    sign_often(&hsm.key("often").await.unwrap()).await;
    assert_eq!(copies(&side), []);
}

/// The copies of a key that this process destroys end with it, those of other keys stay, and a key that another process
/// destroyed signs no more within seconds, whatever was copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_does_not_outlive_its_key() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let (gone, stays) =
        (hsm.generate("gone", Alg::P256).await.unwrap(), hsm.generate("stays", Alg::P256).await.unwrap());
    sign_often(&gone).await;
    sign_often(&stays).await;
    let side = softhsm(token.label());
    let labelled = |label: &str| {
        let template = [
            Attribute::Token(false),
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(label.into()),
        ];
        side.find_objects(&template).unwrap().len()
    };
    assert!(labelled("gone") > 0 && labelled("stays") > 0);
    drop(gone);
    hsm.destroy("gone").await.unwrap();
    until("the copies of a destroyed key are gone", Duration::from_secs(20), async || {
        sign_often(&stays).await;
        labelled("gone") == 0
    })
    .await;
    assert!(labelled("stays") > 0);

    // As another process would.
    let key = [
        Attribute::Token(true),
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Label("stays".into()),
    ];
    let [key] = side.find_objects(&key).unwrap()[..] else { panic!("one key") };
    side.destroy_object(key).unwrap();
    until("a key that is gone signs no more", Duration::from_secs(20), async || {
        matches!(
            stays.sign(SCHEME, b"m").await,
            Err(Error::KeyNotFound { .. } | Error::Unavailable { .. } | Error::TokenFailed { .. })
        )
    })
    .await;
}
