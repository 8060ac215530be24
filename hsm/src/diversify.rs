//! Secrets that are computed anew whenever they are needed, from a master key that never leaves the token: those of
//! smartcards, one for each card, purpose and version. None of them is stored anywhere.
//!
//! NIST SP 800-108r1 4.1, the KDF in counter mode: K(i) = PRF(KI, [i] || Label || 0x00 || Context || [L]), where the PRF is
//! HMAC with SHA-256, computed by the token as a signature, [i] and [L] are numbers of 32 bits with the high octet first,
//! and [L] is how many bits are derived in all.

use std::sync::PoisonError;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session;
use crate::worker::Bench;
use crate::{Error, Hsm};

/// How many octets HMAC with SHA-256 gives.
const BLOCK: usize = 32;
/// The most that is derived at once.
const MOST: usize = 8 * BLOCK;

/// The label of a master key in the token.
pub(crate) fn label(version: u32) -> String {
    format!("lanyard-diversify-{version}")
}

/// What is to be derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// What it is for: the same context under another label gives another secret. It has no octet 0.
    pub label: Vec<u8>,
    /// For whom, and whatever else tells one secret from another.
    pub context: Vec<u8>,
    /// How many octets, 1 to 256. The same with another length is another secret, and not a part of it.
    pub length: usize,
}

impl Hsm {
    /// Makes a master key: 256 random bits labelled `lanyard-diversify-<version>`, which sign and do nothing else, and cannot
    /// leave the token.
    ///
    /// Refuses a version that there is. With several tokens it is made in one; copying it to the others is the token's own
    /// business.
    pub async fn create_diversifying_key(&self, version: u32) -> Result<(), Error> {
        let label = label(version);
        self.make_secret_key(&label, |session, label| make(session, label).map_err(Failure::at_once)).await
    }

    /// Derives a secret from the master key of this version. The same is derived every time.
    pub async fn diversify(&self, version: u32, derivation: Derivation) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !(1..=MOST).contains(&derivation.length) || derivation.label.contains(&0) {
            return Err(Error::NotSupported { what: "a derivation of this form".to_owned() });
        }
        self.on_each_token(move |bench| {
            let Some(key) = master_key(bench, version)? else { return Ok(None) };
            derive(bench, key, &derivation).map(Some)
        })
        .await?
        .ok_or_else(|| Error::KeyNotFound { label: label(version) })
    }
}

/// The blocks, one after the other, cut to the length. SP 800-108r1 4.1.
fn derive(bench: &Bench, key: ObjectHandle, derivation: &Derivation) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut derived = Zeroizing::new(Vec::with_capacity(derivation.length.next_multiple_of(BLOCK)));
    for counter in 1.. {
        if derived.len() >= derivation.length {
            break;
        }
        bench.pulse();
        let signed = bench.session.sign(&Mechanism::Sha256Hmac, key, &input(derivation, counter))?;
        let block = Zeroizing::new(signed);
        if block.len() != BLOCK {
            return Err(Error::Unreadable("a message authentication code").into());
        }
        derived.extend_from_slice(&block);
    }
    derived.truncate(derivation.length);
    Ok(derived)
}

/// What the PRF is computed over.
fn input(derivation: &Derivation, counter: u32) -> Vec<u8> {
    let bits = u32::try_from(derivation.length * 8).unwrap_or(u32::MAX);
    let parts: [&[u8]; 5] =
        [&counter.to_be_bytes(), &derivation.label, &[0], &derivation.context, &bits.to_be_bytes()];
    parts.concat()
}

/// The handle of a master key in this token. It is searched for once.
fn master_key(bench: &Bench, version: u32) -> Result<Option<ObjectHandle>, Failure> {
    let known = &bench.opened.diversifying_keys;
    if let Some(key) = known.read().unwrap_or_else(PoisonError::into_inner).get(&version) {
        return Ok(Some(*key));
    }
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Token(true),
        Attribute::Sign(true),
        Attribute::Label(label(version).into_bytes()),
    ];
    match session::find(&bench.session, &template)?[..] {
        [] => Ok(None),
        [key] => {
            known.write().unwrap_or_else(PoisonError::into_inner).insert(version, key);
            Ok(Some(key))
        }
        _ => Err(Error::KeysDiffer { label: label(version) }.into()),
    }
}

fn make(session: &Session, label: &str) -> Result<(), Failure> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::ValueLen(32.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Verify(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ];
    session.generate_key(&Mechanism::GenericSecretKeyGen, &template)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the PRF is computed over stands in the order of the standard, with numbers of 32 bits.
    #[test]
    fn input_is_that_of_the_standard() {
        let derivation = Derivation { label: b"ab".to_vec(), context: b"cd".to_vec(), length: 24 };
        assert_eq!(hex::encode(input(&derivation, 2)), "000000026162006364000000c0");
    }
}
