//! Signature activation data: the secret an authorisation hands out.

use aws_lc_rs::rand::SecureRandom;
use platform::secret::Secret;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::ids::AuthorisationId;

/// 256 random bits. Only their SHA-256 is stored: who reads the database cannot sign with what is in it.
pub(crate) struct Sad(Secret);

impl Sad {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        Secret::generate(random).map(Self).map_err(|_| Error::NoRandomness)
    }

    /// Reads what a client sent; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(Self)
    }

    /// As it travels.
    pub(crate) fn to_text(&self) -> String {
        self.0.text().to_string()
    }

    /// As it is stored and looked up, in hexadecimal.
    pub(crate) fn stored(&self) -> String {
        self.0.stored()
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
