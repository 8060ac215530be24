//! ML-DSA on Kryoptic, and everything else that this token has.

use std::process::Command;

use hsm::testing::TestToken;
use hsm::{Alg, Error, Family, Hsm, Sealed, WrapMechanism};
use zeroize::Zeroizing;

use crate::keys::SCHEMES;
use crate::support::assert_signed;

const ML_DSA: [Alg; 3] = [Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87];

/// Every algorithm is made on Kryoptic, signs in its own schemes, is verified by aws-lc-rs, and in no other scheme.
#[tokio::test]
async fn kryoptic_signs_in_every_algorithm() {
    let token = TestToken::kryoptic();
    let hsm = token.hsm().await;
    assert_eq!(hsm.health().tokens[0].algs, Alg::ALL);
    for alg in Alg::ALL {
        let key = hsm.generate(&format!("key-{alg}"), alg).await.unwrap();
        assert_eq!(key.alg(), alg);
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

/// An ML-DSA key is found again after a restart, signs messages of any length, one-time keys do too, and a digest is
/// refused before the token sees it.
#[tokio::test]
async fn ml_dsa_keys_last_and_sign_messages() {
    let token = TestToken::kryoptic();
    let hsm = token.hsm().await;
    for alg in ML_DSA {
        let made = hsm.generate(&format!("ca-{alg}"), alg).await.unwrap();
        assert_eq!(made.alg().family(), Family::MlDsa);
        let scheme = alg.default_scheme();
        assert_eq!(scheme.digest_len(), None);
        let refused = made.sign_digest(scheme, &[0; 32]).await;
        assert!(matches!(refused, Err(Error::DigestLength { .. })), "{refused:?}");
        assert!(matches!(
            made.sign_digests(scheme, vec![vec![0; 64]]).await,
            Err(Error::DigestLength { .. })
        ));
        let one_time = hsm.generate_one_time(alg).await.unwrap();
        assert_ne!(one_time.public_key(), made.public_key());
        assert_signed(&one_time, scheme, b"once", &one_time.sign(scheme, b"once").await.unwrap());
    }
    let publics: Vec<_> =
        hsm.inventory().await.unwrap().into_iter().filter_map(|key| key.public_key).collect();
    drop(hsm);

    let hsm = token.hsm().await;
    for alg in ML_DSA {
        let found = hsm.key(&format!("ca-{alg}")).await.unwrap();
        assert_eq!(found.alg(), alg);
        assert!(publics.contains(&found.public_key().to_vec()));
        let (scheme, long) = (alg.default_scheme(), vec![0x5a; 300_000]);
        assert_signed(&found, scheme, &long, &found.sign(scheme, &long).await.unwrap());
        let messages: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; usize::from(number)]).collect();
        let signatures = found.sign_messages(scheme, messages.clone()).await.unwrap();
        assert_eq!(signatures.len(), messages.len());
        for (message, signature) in messages.iter().zip(&signatures) {
            assert_signed(&found, scheme, message, signature);
        }
    }
}

/// Kryoptic keeps keys wrapped under AES-GCM, and secrets sealed; of ML-DSA keys it says that it cannot, and leaves none
/// behind. An octet changed in a wrapped key or a seal: it does not open.
#[tokio::test]
async fn kryoptic_wraps_by_gcm() {
    let token = TestToken::kryoptic();
    let hsm = token.hsm().await;
    assert_eq!(hsm.health().tokens[0].wrapping, Some(WrapMechanism::AesGcm));
    hsm.create_wrapping_key(1).await.unwrap();
    let secret = Zeroizing::new(b"a secret".to_vec());
    let sealed = hsm.seal(secret.clone(), b"row 1").await.unwrap().to_bytes();
    let mut kept = Vec::new();
    for alg in [Alg::P256, Alg::P384, Alg::Rsa2048] {
        kept.push(hsm.generate_wrapped(alg).await.unwrap());
    }
    for alg in ML_DSA {
        let refused = hsm.generate_wrapped(alg).await;
        assert!(matches!(refused, Err(Error::NotSupported { .. })), "{refused:?}");
    }
    assert_eq!(hsm.inventory().await.unwrap().len(), 1);
    let in_token = hsm.generate_kept(Alg::MlDsa44, "person-1").await.unwrap();
    assert_eq!(in_token.mechanism, WrapMechanism::InToken);
    let elsewhere = hsm.generate_kept(Alg::P256, "person-2").await.unwrap();
    assert_eq!(elsewhere.mechanism, WrapMechanism::AesGcm, "what can be wrapped is");
    kept.push(elsewhere);
    drop(hsm);

    let hsm = token.hsm().await;
    for wrapped in kept {
        assert_eq!(wrapped.mechanism, WrapMechanism::AesGcm);
        let (key, scheme) = (hsm.wrapped(wrapped.clone()), wrapped.alg.default_scheme());
        assert_signed(&key, scheme, b"m", &key.sign(scheme, b"m").await.unwrap());
        for at in [0, 11, 12, wrapped.blob.len() - 1] {
            let mut changed = wrapped.clone();
            changed.blob[at] ^= 1;
            let signed = hsm.wrapped(changed).sign(scheme, b"m").await;
            assert!(matches!(signed, Err(Error::SwappedKey)), "octet {at}: {signed:?}");
        }
        assert_signed(&key, scheme, b"m", &key.sign(scheme, b"m").await.unwrap());
    }
    let (key, scheme) = (hsm.kept(in_token.clone()).await.unwrap(), Alg::MlDsa44.default_scheme());
    assert_signed(&key, scheme, b"m", &key.sign(scheme, b"m").await.unwrap());
    drop(key);
    let mut swapped = in_token.clone();
    swapped.public_key[30] ^= 1;
    assert!(matches!(hsm.kept(swapped).await, Err(Error::SwappedKey)));
    hsm.destroy("person-1").await.unwrap();
    assert!(matches!(hsm.kept(in_token).await, Err(Error::KeyNotFound { .. })));
    let opened = hsm.unseal(&Sealed::from_bytes(&sealed).unwrap(), b"row 1").await.unwrap();
    assert_eq!(opened, secret);
    for at in 13..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let opened = hsm.unseal(&Sealed::from_bytes(&changed).unwrap(), b"row 1").await;
        assert!(matches!(opened, Err(Error::SealBroken)), "octet {at}: {opened:?}");
    }
}

/// The Python package `cryptography`, which stands on OpenSSL 4, reads the public keys and verifies the signatures, and
/// refuses a message that was changed.
#[tokio::test]
async fn openssl_4_verifies_ml_dsa() {
    const JUDGE: &str = "import sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_public_key
key, message, signature = (open(name, 'rb').read() for name in sys.argv[1:])
key = load_der_public_key(key)
key.verify(signature, message)
try:
    key.verify(signature, message + b'.')
except InvalidSignature:
    print(type(key).__name__)
";
    let python = std::env::var("LANYARD_PYTHON").expect("run this by `make test`, or source tools/env first");
    let token = TestToken::kryoptic();
    let hsm = token.hsm().await;
    for (alg, name) in ML_DSA.into_iter().zip(["MLDSA44PublicKey", "MLDSA65PublicKey", "MLDSA87PublicKey"]) {
        let key = hsm.generate_one_time(alg).await.unwrap();
        let signature = key.sign(alg.default_scheme(), b"a prescription").await.unwrap();
        let path = |name: &str| token.dir().join(name);
        std::fs::write(path("key"), key.public_key()).unwrap();
        std::fs::write(path("message"), b"a prescription").unwrap();
        std::fs::write(path("signature"), &signature).unwrap();
        let files = ["key", "message", "signature"].map(path);
        let output = Command::new(&python).args(["-c", JUDGE]).args(files).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.trim() == name, "{alg}: {said} {errors}");
    }
}

/// Two tokens of different makers are used together: what only one can do goes to that one.
#[tokio::test]
async fn ml_dsa_goes_to_the_token_that_has_it() {
    let (soft, kryoptic) = (TestToken::new(), TestToken::kryoptic());
    let mut config = soft.config();
    config.tokens.push(kryoptic.token_config());
    let hsm = Hsm::open(config).await.unwrap();
    let key = hsm.generate("pq", Alg::MlDsa65).await.unwrap();
    let scheme = Alg::MlDsa65.default_scheme();
    for round in 0..20_u8 {
        assert_signed(&key, scheme, &[round], &key.sign(scheme, &[round]).await.unwrap());
    }
    hsm.create_wrapping_key(1).await.unwrap();
    assert!(hsm.generate_wrapped(Alg::P256).await.is_ok());
}
