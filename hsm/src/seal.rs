//! Secrets that must be read again: encrypted in the token, under a key that never leaves it bare.
//!
//! Each secret has a data key of its own, made in the token, used for one AES-256-GCM encryption, wrapped and
//! destroyed. So no nonce can repeat under a key, and a row moves to another wrapping key by its data key alone.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::gcm::{self, NONCE};
use crate::worker::Bench;
use crate::{Error, WrapMechanism, make, wrap};

/// The forms of [`Sealed::to_bytes`], which tell how the data key is wrapped; the next form gets the next number.
const FORMS: [(u8, WrapMechanism); 2] = [(1, WrapMechanism::AesKeyWrapPad), (2, WrapMechanism::AesGcm)];

/// A secret as it lies in a database: useless without the token that sealed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    wrapping_version: u32,
    mechanism: WrapMechanism,
    data_key: Vec<u8>,
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

/// Bytes that are no sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a sealed secret")]
pub struct SealedUnreadable;

impl Sealed {
    /// Which wrapping key the data key is under.
    pub fn wrapping_version(&self) -> u32 {
        self.wrapping_version
    }

    /// The form in which it is kept in one column.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Every mechanism that wraps has a form; what is none's reads as nobody's.
        let form = FORMS.iter().find(|(_, mechanism)| *mechanism == self.mechanism);
        let mut bytes = vec![form.map_or(0, |(form, _)| *form)];
        bytes.extend(self.wrapping_version.to_be_bytes());
        // Eight octets on every machine: a database moves between them.
        bytes.extend((self.data_key.len() as u64).to_be_bytes());
        bytes.extend(&self.data_key);
        bytes.extend(self.nonce);
        bytes.extend(&self.ciphertext);
        bytes
    }

    /// Reads what [`Sealed::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sealed, SealedUnreadable> {
        let (form, rest) = bytes.split_first().ok_or(SealedUnreadable)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or(SealedUnreadable)?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or(SealedUnreadable)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| SealedUnreadable)?;
        let (data_key, rest) = rest.split_at_checked(length).ok_or(SealedUnreadable)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(SealedUnreadable)?;
        let (_, mechanism) = FORMS.iter().find(|(known, _)| known == form).ok_or(SealedUnreadable)?;
        Ok(Sealed {
            wrapping_version: u32::from_be_bytes(*version),
            mechanism: *mechanism,
            data_key: data_key.to_vec(),
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("wrapping_version", &self.wrapping_version).finish_non_exhaustive()
    }
}

/// Makes a data key, encrypts with it, wraps it and destroys it.
pub(crate) fn seal(bench: &Bench, version: u32, secret: &[u8], bound_to: &[u8]) -> Result<Sealed, Failure> {
    let wrapping_key = bench.opened.wrapping_key(version).ok_or(Failure::Absent)?;
    let mechanism = wrap::mechanism(bench)?;
    let session = &bench.session;
    let key = session.generate_key(&Mechanism::AesKeyGen, &make::fresh_data_key())?;
    let outcome = encrypted(bench, key, secret, bound_to).and_then(|(nonce, ciphertext)| {
        Ok((nonce, ciphertext, wrap::wrap_object(session, mechanism, wrapping_key, key)?))
    });
    session.destroy_object(key)?;
    let (nonce, ciphertext, data_key) = outcome?;
    Ok(Sealed { wrapping_version: version, mechanism, data_key, nonce, ciphertext })
}

/// Unwraps the data key, decrypts with it and destroys it.
pub(crate) fn unseal(bench: &Bench, sealed: &Sealed, bound_to: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let wrapping_key = bench.opened.wrapping_key(sealed.wrapping_version).ok_or(Failure::Absent)?;
    let session = &bench.session;
    let template = make::unwrapped_data_key();
    let key = match wrap::unwrap_object(session, sealed.mechanism, wrapping_key, &sealed.data_key, &template)
    {
        Ok(key) => key,
        Err(failure) => return Err(unfit(wrap::blame(session, wrapping_key, failure))),
    };
    bench.pulse();
    let mut nonce = sealed.nonce;
    let opened = gcm::parameters(&mut nonce, bound_to).and_then(|parameters| {
        Ok(session.decrypt(&Mechanism::AesGcm(parameters), key, &sealed.ciphertext)?)
    });
    let opened = match opened {
        Ok(secret) => Ok(Zeroizing::new(secret)),
        // Tokens answer a wrong tag with all kinds of errors. If the wrapping key is still well, it is the row.
        Err(failure) => Err(unfit(wrap::blame(session, wrapping_key, failure))),
    };
    session.destroy_object(key)?;
    opened
}

/// Wraps the data key anew. The secret is not opened, so it need not be known where it lies.
pub(crate) fn rewrap(bench: &Bench, sealed: &Sealed, version: u32) -> Result<Sealed, Failure> {
    let old = bench.opened.wrapping_key(sealed.wrapping_version).ok_or(Failure::Absent)?;
    let new = bench.opened.wrapping_key(version).ok_or(Error::WrappingKeyMissing { version })?;
    let mechanism = wrap::mechanism(bench)?;
    let session = &bench.session;
    let moving = make::moving_data_key();
    let unwrapped = wrap::unwrap_object(session, sealed.mechanism, old, &sealed.data_key, &moving);
    let key = unwrapped.map_err(|failure| unfit(wrap::blame(session, old, failure)))?;
    bench.pulse();
    let data_key = wrap::wrap_object(session, mechanism, new, key);
    session.destroy_object(key)?;
    let data_key = data_key?;
    // The new form is to replace the only copy there is: it must open, which it does only whole (RFC 5649 3).
    let again = wrap::unwrap_object(session, mechanism, new, &data_key, &make::unwrapped_data_key())?;
    session.destroy_object(again)?;
    Ok(Sealed { wrapping_version: version, mechanism, data_key, ..sealed.clone() })
}

fn encrypted(
    bench: &Bench,
    key: ObjectHandle,
    secret: &[u8],
    bound_to: &[u8],
) -> Result<([u8; NONCE], Vec<u8>), Failure> {
    let nonce = gcm::nonce(&bench.session)?;
    // The library may write into its copy; what is kept is what we chose.
    let mut used = nonce;
    let parameters = gcm::parameters(&mut used, bound_to)?;
    let ciphertext = bench.session.encrypt(&Mechanism::AesGcm(parameters), key, secret)?;
    gcm::unchanged(nonce, used)?;
    Ok((nonce, ciphertext))
}

fn unfit(failure: Failure) -> Failure {
    match failure {
        Failure::Answer(Error::SwappedKey) => Error::SealBroken.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kept form comes back as the same secret; a form of later or of nobody is refused.
    #[test]
    fn kept_form_round_trips() {
        let sealed = |mechanism| {
            let (nonce, ciphertext) = ([2; NONCE], vec![3; 48]);
            Sealed { wrapping_version: 7, mechanism, data_key: vec![1; 40], nonce, ciphertext }
        };
        for mechanism in WrapMechanism::ALL {
            let bytes = sealed(mechanism).to_bytes();
            assert_eq!(Sealed::from_bytes(&bytes), Ok(sealed(mechanism)));
        }
        let bytes = sealed(WrapMechanism::AesKeyWrapPad).to_bytes();
        assert_eq!(bytes[0], 1, "what was sealed before there were two mechanisms still opens");
        assert_eq!(bytes[1..13], [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 40], "the form is that of every machine");
        assert_eq!(Sealed::from_bytes(&[&[9], &bytes[1..]].concat()), Err(SealedUnreadable));
        let endless = [&bytes[..5], &[0xff; 8], &bytes[13..]].concat();
        assert_eq!(Sealed::from_bytes(&endless), Err(SealedUnreadable));
        for end in [0, 1, 5, 20, 50] {
            assert_eq!(Sealed::from_bytes(&bytes[..end]), Err(SealedUnreadable), "{end}");
        }
    }
}
