//! Secrets that we make ourselves: 256 bits, of which rows have the SHA-256 alone.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The system gave no random octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random octets")]
pub struct NoRandomness;

/// A code, a token, or what is in a link. Wiped when dropped, never shown; each module says what it is for by a type of its own.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// A new one.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut octets = Zeroizing::new([0; 32]);
        random.fill(&mut *octets).map_err(|_| NoRandomness)?;
        Ok(Self(octets))
    }

    /// One that is made of something else.
    pub fn made_of(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Reads what somebody presents; `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        octets.as_slice().try_into().ok().map(|octets| Self(Zeroizing::new(octets)))
    }

    /// As it travels.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What lies in a row. That it is looked up by an index tells nothing: who does not know the secret cannot steer its hash.
    pub fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.0.as_slice()).as_ref().to_vec()
    }

    /// The same in hexadecimal, for the columns that are text.
    pub fn stored(&self) -> String {
        hex::encode(self.hash())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    /// A secret reads back from its text to the same stored form; two differ, and one that is made of the same is the same.
    #[test]
    fn secrets_are_read_as_they_were_made() {
        let secret = Secret::generate(&SystemRandom::new()).unwrap();
        let text = secret.text();
        assert_eq!((text.len(), secret.hash().len(), secret.stored().len()), (43, 32, 64));
        assert_eq!(Secret::parse(&text).unwrap().stored(), secret.stored());
        assert_ne!(Secret::generate(&SystemRandom::new()).unwrap().stored(), secret.stored());
        assert_eq!(Secret::made_of([7; 32]).stored(), Secret::made_of([7; 32]).stored());
        for wrong in ["", "AAAA", &text[1..], &format!("{}A", &*text), &format!("{}=", &*text)] {
            assert!(Secret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
