//! The key under which messages lie in the database.
//!
//! Whoever posts a message encrypts it to a public key and needs no secret for it; whoever sends it opens it with the private key,
//! which lies in the database sealed by the one who has a token. Each message has a key of its own, from an ephemeral key and the
//! public one (ECDH on P-256, HKDF-SHA-256, AES-256-GCM), and opens as the message that it was, for the row it was made for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{
    ECDH_P256, EphemeralPrivateKey, PrivateKey, UnparsedPublicKey, agree, agree_ephemeral,
};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::SystemRandom;
use zeroize::Zeroizing;

use super::MessageId;

/// The form of what is encrypted; the next form gets the next number.
const FORM: u8 = 1;
/// A point of P-256, uncompressed. SEC 1 2.3.3
const POINT: usize = 65;
/// What the keys are for. RFC 5869 3.2
const PURPOSE: &[u8] = b"lanyard platform_message/sealed/1";

/// Opens what a token sealed of the private key; the error says why it does not.
pub type Unseal = Arc<
    dyn Fn(Vec<u8>) -> Pin<Box<dyn Future<Output = Result<Zeroizing<Vec<u8>>, String>> + Send>> + Send + Sync,
>;

/// A key cannot be made or used, or what was encrypted does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message cannot be encrypted, or does not open")]
pub struct KeyError;

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// A new key, whose private half is to be sealed.
pub struct NewKey {
    /// The public key: a point of P-256, uncompressed.
    pub public: Vec<u8>,
    /// The private key: 32 octets.
    pub private: Zeroizing<Vec<u8>>,
}

impl NewKey {
    /// Makes one.
    pub fn generate() -> Result<Self, KeyError> {
        let made = PrivateKey::generate(&ECDH_P256)?;
        let private: EcPrivateKeyBin<'static> = made.as_be_bytes()?;
        let public = made.compute_public_key()?.as_ref().to_vec();
        Ok(Self { public, private: Zeroizing::new(private.as_ref().to_vec()) })
    }
}

/// Encrypts what a message says.
pub(super) fn encrypt(public: &[u8], id: &MessageId, text: &str) -> Result<Vec<u8>, KeyError> {
    let ephemeral = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
    let point = ephemeral.compute_public_key()?.as_ref().to_vec();
    let peer = UnparsedPublicKey::new(&ECDH_P256, public);
    let key = agree_ephemeral(ephemeral, peer, Unspecified, |shared| derived(shared, &point, public))?;
    let mut sealed = text.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce(), Aad::from(id.as_str().as_bytes()), &mut sealed)?;
    Ok([&[FORM][..], &point, &sealed].concat())
}

/// The private key, opened.
pub(super) struct Opener {
    private: PrivateKey,
    public: Vec<u8>,
}

impl Opener {
    /// Takes the private key.
    pub(super) fn new(private: &[u8]) -> Result<Self, KeyError> {
        let private = PrivateKey::from_private_key(&ECDH_P256, private).map_err(|_| KeyError)?;
        let public = private.compute_public_key()?.as_ref().to_vec();
        Ok(Self { private, public })
    }

    /// Opens what was encrypted for the message with this id.
    pub(super) fn open(&self, id: &MessageId, sealed: &[u8]) -> Result<String, KeyError> {
        let Some((&FORM, rest)) = sealed.split_first() else { return Err(KeyError) };
        let (point, sealed) = rest.split_at_checked(POINT).ok_or(KeyError)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, point);
        let key = agree(&self.private, peer, Unspecified, |shared| derived(shared, point, &self.public))?;
        let mut text = sealed.to_vec();
        let opened = key.open_in_place(nonce(), Aad::from(id.as_str().as_bytes()), &mut text)?;
        String::from_utf8(opened.to_vec()).map_err(|_| KeyError)
    }
}

/// The key of one message.
fn derived(shared: &[u8], point: &[u8], public: &[u8]) -> Result<LessSafeKey, Unspecified> {
    let extracted = Salt::new(HKDF_SHA256, point).extract(shared);
    let info = [PURPOSE, public];
    let mut key = Zeroizing::new([0_u8; 32]);
    extracted.expand(&info, HKDF_SHA256)?.fill(&mut key[..])?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..])?))
}

/// Each key encrypts once, so its nonce need not be told.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    /// What was encrypted opens for its own row, with its own key and unchanged; nothing of it is to be seen, and no two are alike.
    #[test]
    fn messages_open_for_their_own_row() {
        let (made, other) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        let (id, another) = (MessageId::new(Millis(1)), MessageId::new(Millis(2)));
        let text = "Your code is 012345.";
        let sealed = encrypt(&made.public, &id, text).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"012345"));
        assert_ne!(sealed, encrypt(&made.public, &id, text).unwrap());
        let opener = Opener::new(&made.private).unwrap();
        assert_eq!(opener.open(&id, &sealed).as_deref(), Ok(text));
        assert_eq!(opener.open(&another, &sealed), Err(KeyError));
        assert_eq!(Opener::new(&other.private).unwrap().open(&id, &sealed), Err(KeyError));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(opener.open(&id, &changed), Err(KeyError), "{place}");
            assert_eq!(opener.open(&id, &sealed[..place]), Err(KeyError), "{place}");
        }
        assert_eq!(encrypt(&made.public[1..], &id, text), Err(KeyError));
        assert_eq!(Opener::new(&made.private[1..]).err(), Some(KeyError));
    }
}
