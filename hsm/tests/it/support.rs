//! What the tests share.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use hsm::testing::MODULE;
use hsm::{Error, Key, Scheme};
use metrics::{Counter, Gauge, Histogram, KeyName, Metadata, SharedString, Unit};

/// Every scheme with the algorithm that checks it.
pub(crate) fn checker(scheme: Scheme) -> &'static dyn VerificationAlgorithm {
    match scheme {
        Scheme::RsaPkcs1Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        Scheme::EcdsaSha256 => &signature::ECDSA_P256_SHA256_ASN1,
        Scheme::EcdsaSha384 => &signature::ECDSA_P384_SHA384_ASN1,
        Scheme::Ed25519 => &signature::ED25519,
        Scheme::MlDsa44 => &signature::ML_DSA_44,
        Scheme::MlDsa65 => &signature::ML_DSA_65,
        Scheme::MlDsa87 => &signature::ML_DSA_87,
    }
}

/// Asserts that the signature is the key's over the message, and not over another.
pub(crate) fn assert_signed(key: &Key, scheme: Scheme, message: &[u8], signature: &[u8]) {
    let public = UnparsedPublicKey::new(checker(scheme), key.public_key());
    public.verify(message, signature).unwrap_or_else(|_| panic!("{key:?} {scheme:?} does not verify"));
    assert!(public.verify(b"something else", signature).is_err());
}

fn slot(pkcs11: &Pkcs11, label: &str) -> Slot {
    let slots = pkcs11.get_slots_with_initialized_token().unwrap();
    let is_ours = |slot: &Slot| pkcs11.get_token_info(*slot).unwrap().label() == label;
    slots.into_iter().find(is_ours).expect("the token is present")
}

/// A session of our own beside those of the crate, in the same process and so logged in.
pub(crate) fn side_session(module: &str, label: &str) -> Session {
    let pkcs11 = Pkcs11::new(Path::new(module)).unwrap();
    let slot = slot(&pkcs11, label);
    pkcs11.open_rw_session(slot).unwrap()
}

/// Closes every session that this process has at the token, those of the crate too.
#[expect(unsafe_code, reason = "the kept binding does not offer C_CloseAllSessions")]
pub(crate) fn close_sessions(module: &str, label: &str) {
    let slot = slot(&Pkcs11::new(Path::new(module)).unwrap(), label);
    // SAFETY: the library is loaded and initialised in this process and stays so; it fills in the pointer to its functions, which
    // are as PKCS#11 2.40 5.4 has them, and the call takes a number.
    let closed = unsafe {
        let library = cryptoki_sys::Pkcs11::new(module).unwrap();
        let mut functions = std::ptr::null_mut();
        assert_eq!(library.C_GetFunctionList(&raw mut functions), cryptoki_sys::CKR_OK);
        let close = (*functions).C_CloseAllSessions.unwrap();
        close(slot.id())
    };
    assert_eq!(closed, cryptoki_sys::CKR_OK);
}

/// The only object that matches.
pub(crate) fn only(session: &Session, template: &[Attribute]) -> ObjectHandle {
    let found = session.find_objects(template).unwrap();
    assert_eq!(found.len(), 1, "{template:?}");
    found[0]
}

/// A side session to a SoftHSM token.
pub(crate) fn softhsm(label: &str) -> Session {
    side_session(MODULE, label)
}

/// Polls until the condition holds, at most so long.
pub(crate) async fn until(what: &str, most: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + most;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {most:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether an error is one that a caller may see while a token is away: it says so, and when to come back.
pub(crate) fn is_clear(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. } | Error::TimedOut | Error::Busy)
        && error.retry_after().is_some()
}

/// Shows what the crate logs, for reading when a test fails.
pub(crate) fn show_log() {
    // A second test in the same process finds it set.
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
}

/// Counts what the crate counts.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<HashMap<String, Arc<AtomicU64>>>>);

impl Counts {
    /// Starts counting in this process.
    pub(crate) fn start() -> Counts {
        let counts = Counts::default();
        let set = metrics::set_global_recorder(counts.clone());
        assert!(set.is_ok(), "one recorder per process, and one process per test");
        counts
    }

    /// The sum of a counter over its labels.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let counts = self.0.lock().unwrap();
        counts.iter().filter(|(key, _)| *key == name).map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }
}

impl metrics::Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &metrics::Key, _: &Metadata<'_>) -> Counter {
        let mut counts = self.0.lock().unwrap();
        Counter::from_arc(counts.entry(key.name().to_owned()).or_default().clone())
    }

    fn register_gauge(&self, _: &metrics::Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &metrics::Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
