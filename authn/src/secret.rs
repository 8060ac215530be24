//! Secrets that we make ourselves: 256 random bits, of which rows have the SHA-256.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::secret;
use zeroize::Zeroizing;

use crate::error::Error;

/// A code, a token, a client's secret, what is in a link, or what a browser holds. Wiped when dropped, never shown.
pub(crate) struct Secret(secret::Secret);

impl Secret {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        secret::Secret::generate(random).map(Self).map_err(|_| Error::NoRandomness)
    }

    /// Reads what somebody presents; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        secret::Secret::parse(text).map(Self)
    }

    /// As it travels.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        self.0.text()
    }

    /// What lies in a row.
    pub(crate) fn hash(&self) -> Vec<u8> {
        self.0.hash()
    }

    /// The same in hexadecimal, for the columns that are text.
    pub(crate) fn stored(&self) -> String {
        self.0.stored()
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// A public name that cannot be guessed: 128 random bits.
pub(crate) fn public_name(random: &dyn SecureRandom) -> Result<String, Error> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    /// A secret reads back from its text to the same stored form; what is too short, too long or padded is none.
    #[test]
    fn secrets_read_back() {
        let secret = Secret::generate(&SystemRandom::new()).unwrap();
        let text = secret.text();
        assert_eq!(Secret::parse(&text).unwrap().stored(), secret.stored());
        assert_eq!(hex::encode(secret.hash()), secret.stored());
        assert_ne!(Secret::generate(&SystemRandom::new()).unwrap().stored(), secret.stored());
        for wrong in ["", &text[1..], &format!("{}A", &*text), &format!("{}=", &*text)] {
            assert!(Secret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
