//! The token under which an application knows its request.

use aws_lc_rs::rand::SecureRandom;
use platform::secret::Secret;

use crate::error::Error;

/// 256 bits, random or a hash of what they are for, of which only the SHA-256 is stored. It opens nothing alone: results need the access
/// token of the same person for the same application, and the page needs the person.
pub(crate) struct Token(Secret);

impl Token {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        Secret::generate(random).map(Self).map_err(|_| Error::NoRandomness)
    }

    /// One that is made of what it is for, so that the same again has the same.
    pub(crate) fn made_of(bytes: [u8; 32]) -> Self {
        Self(Secret::made_of(bytes))
    }

    /// Reads what came; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(Self)
    }

    /// As it travels.
    pub(crate) fn text(&self) -> String {
        self.0.text().to_string()
    }

    /// As it is stored and looked up.
    pub(crate) fn stored(&self) -> String {
        self.0.stored()
    }
}
