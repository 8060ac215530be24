//! Tokens that go away under load and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cryptoki::object::{Attribute, KeyType, ObjectClass};
use der::Encode;
use hsm::testing::TestToken;
use hsm::{Alg, Error, Hsm, Key, Scheme, TokenState};
use tokio::task::JoinHandle;

use crate::support::{Counts, assert_signed, close_sessions, is_clear, show_log, softhsm, until};

const SCHEME: Scheme = Scheme::EcdsaSha256;

/// Callers that sign without pause and check every signature.
pub(crate) struct Load {
    callers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    pub(crate) signed: Arc<AtomicU64>,
    pub(crate) failed: Arc<AtomicU64>,
}

impl Load {
    pub(crate) fn start(keys: &[Key], callers: usize, pause_after_error: Duration) -> Load {
        show_log();
        let (stop, signed, failed) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let callers = (0..callers).map(|number| {
            let key = keys[number % keys.len()].clone();
            let (stop, signed, failed) = (stop.clone(), signed.clone(), failed.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let message = signed.load(Ordering::Relaxed).to_be_bytes();
                    match key.sign(SCHEME, &message).await {
                        Ok(signature) => {
                            assert_signed(&key, SCHEME, &message, &signature);
                            signed.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(is_clear(&error), "{error:?}");
                            failed.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(pause_after_error).await;
                        }
                    }
                }
            })
        });
        let callers = callers.collect();
        Load { callers, stop, signed, failed }
    }

    pub(crate) async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        (self.signed.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Waits until so many more are signed.
    pub(crate) async fn signs(&self, more: u64, what: &str) {
        let from = self.signed.load(Ordering::Relaxed);
        until(what, Duration::from_secs(20), async || self.signed.load(Ordering::Relaxed) >= from + more)
            .await;
    }
}

/// The same P-256 key, imported.
fn import(session: &cryptoki::session::Session, label: &str, key: &aws_lc_rs::signature::EcdsaKeyPair) {
    use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
    use aws_lc_rs::signature::KeyPair;

    let curve = const_oid::ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7").to_der().unwrap();
    let point = der::asn1::OctetString::new(key.public_key().as_ref()).unwrap().to_der().unwrap();
    let secret: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().unwrap();
    let common = |class| {
        vec![
            Attribute::Class(class),
            Attribute::KeyType(KeyType::EC),
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(b"shared".to_vec()),
            Attribute::EcParams(curve.clone()),
        ]
    };
    let private =
        [Attribute::Private(true), Attribute::Sign(true), Attribute::Value(secret.as_ref().to_vec())];
    session.create_object(&[&common(ObjectClass::PRIVATE_KEY)[..], &private].concat()).unwrap();
    let public = [Attribute::Private(false), Attribute::EcPoint(point)];
    session.create_object(&[&common(ObjectClass::PUBLIC_KEY)[..], &public].concat()).unwrap();
}

/// Two tokens with the same key, opened together.
async fn twins(one: &TestToken, two: &TestToken) -> (Hsm, Key) {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    let shared = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    for token in [one, two] {
        let hsm = token.hsm().await;
        import(&softhsm(token.label()), "shared", &shared);
        drop(hsm);
    }
    let mut config = one.config();
    config.tokens.push(two.token_config());
    let hsm = Hsm::open(config).await.unwrap();
    let key = hsm.key("shared").await.unwrap();
    (hsm, key)
}

fn away(token: &TestToken) -> std::path::PathBuf {
    token.dir().join(format!("{}-away", token.label()))
}

/// Two tokens share the load; one is taken away and the callers notice next to nothing; it comes back and is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_tokens_goes_and_returns() {
    let (one, two) = (TestToken::new(), TestToken::new());
    let (hsm, key) = twins(&one, &two).await;
    let state = |index: usize| hsm.health().tokens[index].state.clone();
    let load = Load::start(std::slice::from_ref(&key), 8, Duration::from_millis(10));
    load.signs(200, "both sign").await;

    std::fs::rename(two.token_dir(), away(&two)).unwrap();
    until("the token that went is drained", Duration::from_secs(10), async || {
        matches!(state(1), TokenState::Sick { .. })
    })
    .await;
    load.signs(500, "the other signs on").await;
    assert_eq!(state(0), TokenState::Ready);

    std::fs::rename(away(&two), two.token_dir()).unwrap();
    until("the token that returned is ready", Duration::from_secs(40), async || {
        state(1) == TokenState::Ready
    })
    .await;
    load.signs(200, "both sign again").await;
    let (signed, failed) = load.stop().await;
    assert!(failed <= 8, "{failed} failures beside {signed} signatures: a storm");
}

/// The token closes every session, as one does whose own server is restarted: each is replaced at its next call, and the server
/// goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_sessions_are_replaced() {
    let counts = Counts::start();
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let keys = [
        hsm.generate("token-key", Alg::P256).await.unwrap(),
        hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap()),
    ];
    for round in 1..=3_u8 {
        for key in &keys {
            until("it signs", Duration::from_secs(20), async || match key.sign(SCHEME, &[round]).await {
                Ok(signature) => {
                    assert_signed(key, SCHEME, &[round], &signature);
                    true
                }
                Err(error) => {
                    assert!(is_clear(&error), "{error:?}");
                    false
                }
            })
            .await;
        }
        // Nothing is under way: a token that closes sessions in use is its maker's affair.
        close_sessions(token.module(), token.label());
    }
    assert!(counts.of("hsm_sessions_replaced_total") > 0, "no session was replaced");
}

/// The only token's directory is moved away and back under load: calls fail clearly, then recover by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_directory_is_moved_away_and_back() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    let keys = [
        hsm.generate("token-key", Alg::P256).await.unwrap(),
        hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap()),
    ];
    let fresh = hsm.generate_wrapped(Alg::P256).await.unwrap();
    let one_time = hsm.generate_one_time(Alg::P256).await.unwrap();
    for round in 0..3 {
        let load = Load::start(&keys, 6, Duration::from_millis(10));
        load.signs(100, "it signs").await;
        std::fs::rename(token.token_dir(), away(&token)).unwrap();
        until("the token is sick", Duration::from_secs(10), async || {
            matches!(hsm.health().tokens[0].state, TokenState::Sick { .. })
        })
        .await;
        let refused = keys[0].sign(SCHEME, b"x").await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
        std::fs::rename(away(&token), token.token_dir()).unwrap();
        load.signs(100, "it signs again").await;
        let (_, failed) = load.stop().await;
        assert!(failed > 0, "round {round}: nobody noticed that the token was away");
    }
    let signature = hsm.wrapped(fresh).sign(SCHEME, b"x").await;
    assert!(signature.is_ok(), "a key wrapped before is unwrapped after: {signature:?}");
    assert!(matches!(one_time.sign(SCHEME, b"x").await, Err(Error::OneTimeKeyLost)));
}

/// A deleted token key becomes `KeyNotFound` in the end, and the token's other keys sign on.
#[tokio::test]
async fn deleted_key_is_not_found() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let doomed = hsm.generate("doomed", Alg::P256).await.unwrap();
    let other = hsm.generate("other", Alg::P256).await.unwrap();
    let session = softhsm(token.label());
    for object in session.find_objects(&[Attribute::Label(b"doomed".to_vec())]).unwrap() {
        session.destroy_object(object).unwrap();
    }
    drop(session);
    let mut last = None;
    until("the key is missed", Duration::from_secs(20), async || {
        last = doomed.sign(SCHEME, b"x").await.err();
        matches!(last, Some(Error::KeyNotFound { .. }))
    })
    .await;
    assert!(other.sign(SCHEME, b"x").await.is_ok());
    assert!(hsm.health().ready());
}
