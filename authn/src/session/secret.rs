//! Secrets that we make ourselves: 256 random bits, kept as their SHA-256.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::Error;

/// A secret for a cookie or an address. Wiped when dropped, never shown.
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// A new one.
    pub(crate) fn new() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Reads one that somebody presents; nothing that is not of our making is looked for.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The text for whoever is to hold it.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// What lies in the row. That it is looked up by an index tells nothing: who does not know the secret cannot steer its hash.
    pub(crate) fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.0.as_slice()).as_ref().to_vec()
    }
}

/// A public name that cannot be guessed: 128 random bits.
pub(crate) fn public_name() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret reads back from its text to the same hash; what is too short, too long or padded is none.
    #[test]
    fn secrets_read_back() {
        let secret = Secret::new().unwrap();
        let text = secret.text();
        assert_eq!(Secret::parse(&text).unwrap().hash(), secret.hash());
        assert_ne!(Secret::new().unwrap().hash(), secret.hash());
        for wrong in ["", &text[1..], &format!("{}A", &*text), &format!("{}=", &*text)] {
            assert!(Secret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
