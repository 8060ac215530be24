//! Secrets that are derived from a master key in the token.

use std::process::Command;

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use hsm::testing::TestToken;
use hsm::{Derivation, Error};

use crate::support::{only, softhsm};

/// The key of the vectors: 00 to 1F.
fn known_key() -> Vec<u8> {
    (0..32).collect()
}

/// Puts a known key where a master key is: a real one is made in the token, and nobody knows it.
fn plant(token: &TestToken, version: u32) {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Label(format!("lanyard-diversify-{version}").into_bytes()),
        Attribute::Value(known_key()),
    ];
    softhsm(token.label()).create_object(&template).unwrap();
}

fn derivation(label: &[u8], context: &[u8], length: usize) -> Derivation {
    Derivation { label: label.to_vec(), context: context.to_vec(), length }
}

/// What OpenSSL derives from the same: KBKDF in counter mode.
fn by_openssl(derivation: &Derivation) -> String {
    let options = [
        "mac:HMAC".to_owned(),
        "digest:SHA256".to_owned(),
        format!("hexkey:{}", hex::encode(known_key())),
        format!("hexsalt:{}", hex::encode(&derivation.label)),
        format!("hexinfo:{}", hex::encode(&derivation.context)),
    ];
    let mut command = Command::new("openssl");
    command.args(["kdf", "-keylen", &derivation.length.to_string()]);
    command.args(options.iter().flat_map(|option| ["-kdfopt", option.as_str()]));
    let said = command.arg("KBKDF").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().replace(':', "").to_lowercase()
}

/// The token derives what pyca/cryptography (`KBKDFHMAC`) did when these vectors were made, and what OpenSSL derives now, over one
/// block and over several, and for each label, context and length something of its own.
#[tokio::test]
async fn derivation_is_that_of_others() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    plant(&token, 1);
    let management = b"0000000042\0management\0\0\0\0\x01";
    let puk = b"0000000042\0puk\0\0\0\0\x01";
    let vectors = [
        (&management[..], 32, "59bf6fad5ddf25e2a4a34253665ebf2dcf95bd1daa3d9fba959898be73cc0801"),
        (management, 24, "01dfd76b9fdec4ca1e8016e11e28ce495b0a3f2f77f882e4"),
        (management, 16, "fecc4427f070f9d607b852386281eefa"),
        (
            puk,
            64,
            "9c3ca7ec595f525c543cfadaaf57f5f8207f9e6b00a1ff80e83af066cfe5c1d6\
             bb321bba547040c88d11871dc903a44d302190661b2c01a0961cc5fbe48f36c6",
        ),
    ];
    for (context, length, expected) in vectors {
        let asked = derivation(b"lanyard card", context, length);
        let derived = hsm.diversify(1, asked.clone()).await.unwrap();
        assert_eq!(hex::encode(&*derived), expected, "{length}");
        assert_eq!(by_openssl(&asked), expected, "{length}");
    }
    for (label, context, length) in [(&b"lanyard card"[..], &b"x"[..], 33), (b"other", management, 256)] {
        let asked = derivation(label, context, length);
        let derived = hsm.diversify(1, asked.clone()).await.unwrap();
        assert_eq!(hex::encode(&*derived), by_openssl(&asked));
    }
}

/// A master key is made once, signs and does nothing else, cannot be read, and gives the same after the process starts anew; another
/// version gives something else.
#[tokio::test]
async fn master_keys_stay_in_the_token() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let asked = derivation(b"lanyard card", b"1", 32);
    let missing = hsm.diversify(1, asked.clone()).await;
    assert!(matches!(missing, Err(Error::KeyNotFound { .. })), "{missing:?}");
    for version in [1, 2] {
        hsm.create_diversifying_key(version).await.unwrap();
        let again = hsm.create_diversifying_key(version).await;
        assert!(matches!(again, Err(Error::LabelInUse { .. })), "{again:?}");
    }
    let session = softhsm(token.label());
    let key = only(&session, &[Attribute::Label(b"lanyard-diversify-1".to_vec())]);
    let expected = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Derive(false),
        Attribute::Wrap(false),
        Attribute::Encrypt(false),
    ];
    let types: Vec<AttributeType> = expected.iter().map(Attribute::attribute_type).collect();
    assert_eq!(session.get_attributes(key, &types).unwrap(), expected);
    let read = session.get_attributes(key, &[AttributeType::Value]);
    assert!(read.is_err() || read.unwrap().is_empty(), "the master key was read");
    let first = hsm.diversify(1, asked.clone()).await.unwrap();
    assert_ne!(hsm.diversify(2, asked.clone()).await.unwrap(), first);
    drop(hsm);
    let hsm = token.hsm().await;
    assert_eq!(hsm.diversify(1, asked).await.unwrap(), first);
}

/// What cannot be told apart from something else, or is too much or nothing, is not derived.
#[tokio::test]
async fn senseless_derivations_are_refused() {
    let token = TestToken::new();
    let hsm = token.hsm().await;
    hsm.create_diversifying_key(1).await.unwrap();
    for (label, length) in [(&b"a\0b"[..], 32), (b"a", 0), (b"a", 257)] {
        let refused = hsm.diversify(1, derivation(label, b"c", length)).await;
        assert!(matches!(refused, Err(Error::NotSupported { .. })), "{label:?} {length}");
    }
}
