//! Parameters of AES-256-GCM in the token: the nonce is ours and random, the tag is whole.

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::session::Session;

use crate::Error;
use crate::failure::Failure;

/// Octets of the nonce, NIST SP 800-38D 5.2.1.1.
pub(crate) const NONCE: usize = 12;
/// Bits of the tag.
const TAG_BITS: u64 = 128;

/// A fresh nonce, from the token.
pub(crate) fn nonce(session: &Session) -> Result<[u8; NONCE], Failure> {
    let mut nonce = [0; NONCE];
    session.generate_random_slice(&mut nonce)?;
    Ok(nonce)
}

/// The parameters of one encryption or decryption.
pub(crate) fn parameters<'a>(
    nonce: &'a mut [u8; NONCE],
    bound_to: &'a [u8],
) -> Result<GcmParams<'a>, Failure> {
    Ok(GcmParams::new(nonce, bound_to, TAG_BITS.into())?)
}

/// Refuses what a token encrypted under another nonce than ours.
pub(crate) fn unchanged(chosen: [u8; NONCE], used: [u8; NONCE]) -> Result<(), Failure> {
    if used == chosen {
        return Ok(());
    }
    Err(Error::Unreadable("a token that chooses its own nonce").into())
}
