//! Keys kept outside the token, under one of its keys.

use std::sync::PoisonError;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use tracing::warn;

use crate::failure::Failure;
use crate::find;
use crate::key::{KeyInner, KeyKind};
use crate::make::{self, Residence};
use crate::session::attributes;
use crate::sign::sign_with;
use crate::token::Opened;
use crate::verify::{PublicKey, hash};
use crate::worker::{Bench, Live};
use crate::{Alg, Error, WrapMechanism, Wrapped, gcm};

/// What test signatures are made over. No protocol signs these bytes.
const TEST_MESSAGE: &[u8] = b"Lanyard: does this private key belong to its public key?";

/// Finds out how the token wraps keys: wraps, unwraps and signs with a throw-away. `None` when it cannot.
pub(crate) fn trial(session: &Session, algs: &[Alg]) -> Result<Option<WrapMechanism>, Failure> {
    let Some(alg) = [Alg::P256, Alg::Rsa2048].into_iter().find(|alg| algs.contains(alg)) else {
        return Ok(None);
    };
    let mut refusals = Vec::new();
    for mechanism in WrapMechanism::ALL {
        let outcome = make::wrapping_key(session, None).and_then(|wrapping_key| {
            let outcome = round_trip(session, wrapping_key, mechanism, alg);
            session.destroy_object(wrapping_key)?;
            outcome
        });
        match outcome {
            Ok(()) => return Ok(Some(mechanism)),
            // An error of the call says what the token cannot do; others say that it is not well.
            Err(Failure::Answer(error)) => refusals.push(error.to_string()),
            Err(failure) => return Err(failure),
        }
    }
    let why = refusals.join("; ");
    warn!(error = %why, "the token cannot keep keys wrapped: {why}");
    Ok(None)
}

/// A key made, wrapped and unwrapped again in this session.
#[cfg(feature = "testing")]
pub(crate) fn fresh_live_key(
    session: &Session,
    wrapping_key: ObjectHandle,
    alg: Alg,
) -> Result<ObjectHandle, Failure> {
    let mut failure = Failure::Absent;
    for mechanism in WrapMechanism::ALL {
        match live_key_by(session, wrapping_key, mechanism, alg) {
            Err(Failure::Answer(error)) => failure = Failure::Answer(error),
            outcome => return outcome,
        }
    }
    Err(failure)
}

#[cfg(feature = "testing")]
fn live_key_by(
    session: &Session,
    wrapping_key: ObjectHandle,
    mechanism: WrapMechanism,
    alg: Alg,
) -> Result<ObjectHandle, Failure> {
    let wrapped = make_wrapped(session, wrapping_key, mechanism, 0, alg)?;
    let public = PublicKey::new(alg, wrapped.public_key);
    unwrap(session, wrapping_key, mechanism, &wrapped.blob, &public, &Residence::Session)
}

fn round_trip(
    session: &Session,
    wrapping: ObjectHandle,
    mechanism: WrapMechanism,
    alg: Alg,
) -> Result<(), Failure> {
    let wrapped = make_wrapped(session, wrapping, mechanism, 0, alg)?;
    let public = PublicKey::new(alg, wrapped.public_key);
    let key = unwrap(session, wrapping, mechanism, &wrapped.blob, &public, &Residence::Session)?;
    Ok(session.destroy_object(key)?)
}

/// Makes a key, wraps it once and destroys it.
pub(crate) fn make_wrapped(
    session: &Session,
    wrapping_key: ObjectHandle,
    mechanism: WrapMechanism,
    wrapping_version: u32,
    alg: Alg,
) -> Result<Wrapped, Failure> {
    let pair = make::key_pair(session, alg, &Residence::Wrappable)?;
    let public = PublicKey::new(alg, pair.spki);
    // The pair must fit before it is certified, not when it is first used.
    let blob = test(session, pair.private, &public).and_then(|()| {
        wrap_object(session, mechanism, wrapping_key, pair.private)
            .map_err(|failure| unwrappable(failure, alg))
    });
    session.destroy_object(pair.private)?;
    session.destroy_object(pair.public)?;
    let public_key = public.spki().to_vec();
    Ok(Wrapped { alg, mechanism, wrapping_version, blob: blob?, public_key })
}

/// A token may wrap keys of some kinds and not of others.
fn unwrappable(failure: Failure, alg: Alg) -> Failure {
    match failure {
        Failure::Answer(Error::Token { code, .. })
            if ["CKR_FUNCTION_NOT_SUPPORTED", "CKR_KEY_NOT_WRAPPABLE"].contains(&code.as_str()) =>
        {
            Error::NotSupported { what: format!("keeping {alg} keys wrapped") }.into()
        }
        other => other,
    }
}

/// Makes a wrapped key under the token's wrapping key of this version.
pub(crate) fn generate(bench: &Bench, alg: Alg, version: u32) -> Result<Wrapped, Failure> {
    let mechanism = mechanism(bench)?;
    if !bench.opened.algs.contains(&alg) {
        return Err(Error::NotSupported { what: format!("{alg} keys") }.into());
    }
    let wrapping_key = bench.opened.wrapping_key(version).ok_or(Failure::Absent)?;
    make_wrapped(&bench.session, wrapping_key, mechanism, version, alg)
}

/// Wraps a key anew. This is the one place where an unwrapped key can leave the session again. The new form is unwrapped
/// and tested before it is given out: it is to replace the only copy there is.
pub(crate) fn rewrap(bench: &Bench, wrapped: &Wrapped, version: u32) -> Result<Wrapped, Failure> {
    let mechanism = mechanism(bench)?;
    let old = bench.opened.wrapping_key(wrapped.wrapping_version).ok_or(Failure::Absent)?;
    let new = bench.opened.wrapping_key(version).ok_or(Error::WrappingKeyMissing { version })?;
    let public = PublicKey::new(wrapped.alg, wrapped.public_key.clone());
    let session = &bench.session;
    let key = unwrap(session, old, wrapped.mechanism, &wrapped.blob, &public, &Residence::Wrappable)?;
    bench.pulse();
    let blob = wrap_object(session, mechanism, new, key);
    session.destroy_object(key)?;
    let blob = blob?;
    bench.pulse();
    let again = unwrap(session, new, mechanism, &blob, &public, &Residence::Session)?;
    session.destroy_object(again)?;
    Ok(Wrapped { mechanism, wrapping_version: version, blob, ..wrapped.clone() })
}

/// Takes in the wrapping keys that another process has made since the token was opened.
pub(crate) fn learn_wrapping_keys(session: &Session, opened: &Opened) -> Result<(), Failure> {
    if opened.wrapping.is_none() {
        return Ok(());
    }
    let found = find::wrapping_keys(session)?;
    opened.wrapping_keys.write().unwrap_or_else(PoisonError::into_inner).extend(found);
    Ok(())
}

/// The live handle of a wrapped key in this session: unwrapped and tested if it is not there yet.
pub(crate) fn live(bench: &mut Bench, key: &KeyInner) -> Result<ObjectHandle, Failure> {
    let KeyKind::Wrapped { identity, fingerprint, version, mechanism, blob } = &key.kind else {
        return Err(Failure::Absent);
    };
    if let Some(live) = bench.live.get(identity).filter(|live| live.fingerprint == *fingerprint) {
        return Ok(live.handle);
    }
    let wrapping_key = bench.opened.wrapping_key(*version).ok_or(Failure::Absent)?;
    bench.pulse();
    let handle = unwrap(&bench.session, wrapping_key, *mechanism, blob, &key.public, &Residence::Session)?;
    bench.keep_live(*identity, Live { fingerprint: *fingerprint, handle });
    bench.pulse();
    Ok(handle)
}

/// Unwraps a key and has it prove that it belongs to its public key.
fn unwrap(
    session: &Session,
    wrapping_key: ObjectHandle,
    mechanism: WrapMechanism,
    blob: &[u8],
    public: &PublicKey,
    residence: &Residence<'_>,
) -> Result<ObjectHandle, Failure> {
    let template = make::unwrapped_attributes(public.alg(), residence);
    let key = match unwrap_object(session, mechanism, wrapping_key, blob, &template) {
        Ok(key) => key,
        Err(failure) => return Err(blame(session, wrapping_key, failure)),
    };
    match test(session, key, public) {
        Ok(()) => Ok(key),
        Err(failure) => {
            session.destroy_object(key)?;
            Err(failure)
        }
    }
}

/// Tokens answer a blob that is not theirs with all kinds of errors. If the wrapping key is still well, it is the blob.
pub(crate) fn blame(session: &Session, wrapping_key: ObjectHandle, failure: Failure) -> Failure {
    let doubtful = matches!(failure, Failure::Answer(_) | Failure::Session(_));
    match attributes(session, wrapping_key, &[AttributeType::Label]) {
        Ok(_) if doubtful => Error::SwappedKey.into(),
        Ok(_) => failure,
        Err(failure) => failure,
    }
}

fn test(session: &Session, key: ObjectHandle, public: &PublicKey) -> Result<(), Failure> {
    let scheme = public.alg().default_scheme();
    let input = match hash(scheme) {
        Some(hash) => aws_lc_rs::digest::digest(hash, TEST_MESSAGE).as_ref().to_vec(),
        None => TEST_MESSAGE.to_vec(),
    };
    let signature = match sign_with(session, key, scheme, &input) {
        // A key of another length or curve than its public key.
        Err(Failure::Answer(_)) => return Err(Error::SwappedKey.into()),
        outcome => outcome?,
    };
    if public.verifies(scheme, &input, &signature) { Ok(()) } else { Err(Error::SwappedKey.into()) }
}

/// How this token wraps.
pub(crate) fn mechanism(bench: &Bench) -> Result<WrapMechanism, Failure> {
    let unsupported = || Error::NotSupported {
        what: "wrapping private keys (CKM_AES_KEY_WRAP_PAD or CKM_AES_GCM)".to_owned(),
    };
    Ok(bench.opened.wrapping.ok_or_else(unsupported)?)
}

/// Wraps an object.
pub(crate) fn wrap_object(
    session: &Session,
    mechanism: WrapMechanism,
    wrapping_key: ObjectHandle,
    object: ObjectHandle,
) -> Result<Vec<u8>, Failure> {
    match mechanism {
        WrapMechanism::AesKeyWrapPad => {
            Ok(session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping_key, object)?)
        }
        WrapMechanism::AesGcm => {
            let nonce = gcm::nonce(session)?;
            // The library may write into its copy; what is kept is what we chose.
            let mut used = nonce;
            let parameters = gcm::parameters(&mut used, &[])?;
            let ciphertext = session.wrap_key(&Mechanism::AesGcm(parameters), wrapping_key, object)?;
            gcm::unchanged(nonce, used)?;
            Ok([&nonce[..], &ciphertext].concat())
        }
        WrapMechanism::InToken => Err(stays()),
    }
}

/// Unwraps an object with these attributes.
pub(crate) fn unwrap_object(
    session: &Session,
    mechanism: WrapMechanism,
    wrapping_key: ObjectHandle,
    blob: &[u8],
    template: &[Attribute],
) -> Result<ObjectHandle, Failure> {
    match mechanism {
        WrapMechanism::AesKeyWrapPad => {
            Ok(session.unwrap_key(&Mechanism::AesKeyWrapPad, wrapping_key, blob, template)?)
        }
        WrapMechanism::AesGcm => {
            let (nonce, ciphertext) = blob.split_first_chunk().ok_or(Error::SwappedKey)?;
            let mut nonce = *nonce;
            let parameters = gcm::parameters(&mut nonce, &[])?;
            Ok(session.unwrap_key(&Mechanism::AesGcm(parameters), wrapping_key, ciphertext, template)?)
        }
        WrapMechanism::InToken => Err(stays()),
    }
}

fn stays() -> Failure {
    Error::NotSupported { what: "wrapping a key that stays in the token".to_owned() }.into()
}
