//! Opening tokens: PINs, several tokens, and what is refused.

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::types::AuthPin;
use hsm::testing::{MODULE, TestToken};
use hsm::{Alg, Config, Error, Hsm, PinSource, Scheme, TokenState};

/// A wrong PIN is tried exactly once in a process, however often one opens the token; the right one still works.
#[tokio::test]
async fn wrong_pin_is_tried_once() {
    let token = TestToken::new();
    let pin_file = token.dir().join("wrong");
    std::fs::copy(token.dir().join("pin"), &pin_file).unwrap();
    std::fs::write(&pin_file, "not-the-pin").unwrap();
    let mut config = token.config();
    config.tokens[0].pin = PinSource::File(pin_file);

    let pkcs11 = Pkcs11::new(MODULE).unwrap();
    let is_ours =
        |slot: &cryptoki::slot::Slot| pkcs11.get_token_info(*slot).unwrap().label() == token.label();
    let slot = pkcs11.get_slots_with_token().unwrap().into_iter().find(is_ours).unwrap();
    assert!(!pkcs11.get_token_info(slot).unwrap().user_pin_count_low());
    let opening: Vec<_> = (0..8).map(|_| tokio::spawn(Hsm::open(config.clone()))).collect();
    for opened in opening {
        let refused = opened.await.unwrap().unwrap_err();
        assert!(matches!(&refused, Error::PinRefused { label } if label == token.label()), "{refused:?}");
    }
    // Three wrong tries lock it, and of eight at the same time one reached it.
    assert!(!pkcs11.get_token_info(slot).unwrap().user_pin_locked());
    let refused = Hsm::open(config.clone()).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("not-the-pin"));
    assert!(pkcs11.get_token_info(slot).unwrap().user_pin_count_low(), "the token counted the wrong try");

    // A right login clears the token's count; if the wrong PIN went to the token again, it would count again.
    let hsm = token.hsm().await;
    drop(hsm);
    assert!(!pkcs11.get_token_info(slot).unwrap().user_pin_count_low());
    for _ in 0..5 {
        let refused = Hsm::open(config.clone()).await;
        assert!(matches!(refused, Err(Error::PinRefused { .. })), "{refused:?}");
    }
    assert!(!pkcs11.get_token_info(slot).unwrap().user_pin_count_low(), "it was not tried again");
}

/// An absent token, an absent library, and an empty configuration are refused, each with its own error.
#[tokio::test]
async fn what_is_absent_is_named() {
    let token = TestToken::new();
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = token.config();
        change(&mut config);
        config
    };
    let refused = Hsm::open(with(&|config| config.tokens[0].label = "nobody".to_owned())).await.unwrap_err();
    assert!(matches!(refused, Error::TokenNotFound { label } if label == "nobody"));
    let refused = Hsm::open(with(&|config| config.tokens[0].module = "/nonexistent.so".into())).await;
    assert!(matches!(refused, Err(Error::Library { module, .. }) if module == "/nonexistent.so"));
    let refused =
        Hsm::open(with(&|config| config.tokens[0].pin = PinSource::Env("LANYARD_NO_PIN".into()))).await;
    assert!(matches!(refused, Err(Error::PinUnreadable { .. })));
    assert!(Hsm::open(with(&|config| config.tokens.clear())).await.is_err());
}

/// When the last handle is dropped no thread of the token is left, not even in the libraries' cleaning up after it: at
/// the process's exit they would free the same memory twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_leaves_no_thread() {
    let token = TestToken::new();
    for _ in 0..20 {
        let hsm = token.hsm().await;
        let key = hsm.generate_one_time(Alg::P256).await.unwrap();
        key.sign(Scheme::EcdsaSha256, b"a message").await.unwrap();
        assert!(threads().iter().any(|name| name.starts_with("hsm-")));
        drop((hsm, key));
        assert_eq!(threads().iter().filter(|name| name.starts_with("hsm-")).count(), 0);
    }
}

/// The names of the threads that run code. One that has ended is in the list for a moment still: the kernel wakes whoever
/// joins it before it takes it out.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| running(&std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?)).collect()
}

/// The name in a line of `stat` (proc(5)), unless the thread is on its way out.
fn running(stat: &str) -> Option<String> {
    const EXITING: u32 = 0x4;
    let (before, after) = stat.rsplit_once(") ")?;
    let flags: u32 = after.split(' ').nth(6)?.parse().ok()?;
    let name = before.split_once('(')?.1;
    (flags & EXITING == 0).then(|| name.to_owned())
}

/// A label that a token has is not initialised again.
#[test]
fn initialised_tokens_are_not_overwritten() {
    let token = TestToken::new();
    let pin = hsm::Pin::new("12345678".to_owned());
    let refused = hsm::init_token(MODULE.as_ref(), token.label(), &pin, &pin);
    assert!(matches!(refused, Err(Error::TokenExists { label }) if label == token.label()));
}

/// A token whose maker broke off before its users had a PIN is known, and given one once; one that has a PIN keeps it.
#[test]
fn a_token_without_a_pin_is_given_one() {
    let whole = TestToken::new();
    let (so_pin, user_pin) = ("87654321", hsm::Pin::new("12345678".to_owned()));
    let pkcs11 = Pkcs11::new(MODULE).unwrap();
    let slots = pkcs11.get_slots_with_token().unwrap();
    let is_free = |slot: &cryptoki::slot::Slot| !pkcs11.get_token_info(*slot).unwrap().token_initialized();
    let free = slots.into_iter().find(is_free).unwrap();
    pkcs11.init_token(free, &AuthPin::new(so_pin.into()), "half").unwrap();
    let lacks = |label: &str| hsm::token_lacks_pin(MODULE.as_ref(), label).unwrap();
    let finish =
        |label: &str| hsm::finish_token(MODULE.as_ref(), label, &hsm::Pin::new(so_pin.to_owned()), &user_pin);
    assert!(lacks("half") && !lacks(whole.label()) && !lacks("none"));
    finish("half").unwrap();
    assert!(!lacks("half"));
    for label in ["half", whole.label()] {
        assert!(matches!(finish(label), Err(Error::TokenExists { .. })), "{label}");
    }
    assert!(matches!(finish("none"), Err(Error::TokenNotFound { .. })));
}

/// More calls than the queue holds are refused at once with `Busy`; those in it are served.
#[tokio::test]
async fn full_queue_is_busy() {
    let token = TestToken::new();
    let mut config = token.config();
    config.queue = 4;
    config.tokens[0].sessions = 1;
    let hsm = Hsm::open(config).await.unwrap();
    let key = hsm.generate("busy", hsm::Alg::Rsa4096).await.unwrap();
    let calls: Vec<_> = (0..40u32)
        .map(|number| {
            let key = key.clone();
            tokio::spawn(async move { key.sign(hsm::Scheme::RsaPkcs1Sha256, &number.to_be_bytes()).await })
        })
        .collect();
    let (mut signed, mut busy) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => signed += 1,
            Err(error @ Error::Busy) => {
                assert!(error.retry_after().is_some());
                busy += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(signed >= 4 && busy >= 20, "signed {signed}, busy {busy}");
    assert!(key.sign(hsm::Scheme::RsaPkcs1Sha256, b"after").await.is_ok());
}

/// Tokens with different keys under one label are not mixed.
#[tokio::test]
async fn differing_keys_are_noticed() {
    let (one, two) = (TestToken::new(), TestToken::new());
    for token in [&one, &two] {
        token.hsm().await.generate("same-name", hsm::Alg::P256).await.unwrap();
    }
    let mut config = one.config();
    config.tokens.push(two.token_config());
    let hsm = Hsm::open(config).await.unwrap();
    assert!(hsm.health().tokens.iter().all(|token| token.state == TokenState::Ready));
    assert!(matches!(hsm.key("same-name").await, Err(Error::KeysDiffer { .. })));
}

/// A key that only one of two tokens holds is signed with there, always.
#[tokio::test]
async fn key_on_one_of_two_tokens() {
    let (one, two) = (TestToken::new(), TestToken::new());
    let mut config = one.config();
    config.tokens.push(two.token_config());
    let hsm = Hsm::open(config).await.unwrap();
    let key = hsm.generate("on-one", hsm::Alg::P256).await.unwrap();
    let public = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::EC)];
    let held: usize = [one.label(), two.label()]
        .map(|label| crate::support::softhsm(label).find_objects(&public).unwrap().len())
        .iter()
        .sum();
    assert_eq!(held, 1);
    for round in 0..100u32 {
        key.sign(hsm::Scheme::EcdsaSha256, &round.to_be_bytes()).await.unwrap();
    }
}
