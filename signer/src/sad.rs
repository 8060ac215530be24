//! Signature activation data: the secret an authorisation hands out.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::ids::AuthorisationId;

/// 256 random bits. Only their SHA-256 is stored: who reads the database cannot sign with what is in it.
pub(crate) struct Sad(Zeroizing<[u8; 32]>);

impl Sad {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Reads what a client sent; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes).ok()?;
        (length == 32).then_some(Self(bytes))
    }

    /// As it travels.
    pub(crate) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_slice())
    }

    /// As it is stored and looked up, in hexadecimal.
    pub(crate) fn stored(&self) -> String {
        hex::encode(digest(&SHA256, &*self.0))
    }
}

/// What a client shows to have something signed.
pub(crate) enum Shown {
    /// A secret of ours, or an access token that looks like one.
    Sad(Sad),
    /// What can only be an access token.
    Token(Zeroizing<String>),
    /// What the access token of the request is for.
    Authorisation(AuthorisationId),
    /// Nothing any more: a request that was accepted in time shows under what, and by which job it is kept.
    Accepted {
        /// The authorisation.
        authorisation: AuthorisationId,
        /// The job, as it is stored.
        job: String,
    },
}

/// The longest access token.
const LONGEST: usize = 16 * 1024;

impl Shown {
    /// Reads what a client sent as SAD.
    pub(crate) fn read(text: &str) -> Self {
        match Sad::parse(text) {
            Some(sad) => Self::Sad(sad),
            None => Self::Token(Zeroizing::new(text.chars().take(LONGEST).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed out reads back to the same stored form; anything else does not read.
    #[test]
    fn text_reads_back() {
        let sad = Sad::generate(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        assert_eq!(Sad::parse(&sad.to_text()).map(|read| read.stored()), Some(sad.stored()));
        for text in ["", "AAAA", &"A".repeat(44), &"!".repeat(43)] {
            assert!(Sad::parse(text).is_none(), "{text}");
        }
    }
}
