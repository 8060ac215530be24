//! The token under which an application knows its request.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::Error;

/// 256 bits, random or a hash of what they are for, of which only the SHA-256 is stored. It opens nothing alone: results need the access
/// token of the same person for the same application, and the page needs the person.
pub(crate) struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// One that is made of what it is for, so that the same again has the same.
    pub(crate) fn made_of(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads what came; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.as_slice().try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// As it travels.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_slice())
    }

    /// As it is stored and looked up.
    pub(crate) fn stored(&self) -> String {
        hex::encode(digest(&SHA256, self.0.as_slice()))
    }
}
