//! The secrets of a card: management key and unblocking key, derived in the token whenever they are needed, and stored nowhere.
//!
//! Label and context of the derivation (NIST SP 800-108r1, counter mode, by [`hsm::Hsm::diversify`]): the label is
//! `lanyard card`, the context the card's serial number, an octet 0, the purpose, an octet 0, and the version in 32 bits.

use std::fmt;
use std::str::FromStr;

use card::piv::{ManagementAlgorithm, ManagementKey, Puk};
use hsm::{Derivation, Hsm};
use zeroize::Zeroizing;

use crate::error::Error;

/// What no other derivation from the same master key begins with.
const LABEL: &[u8] = b"lanyard card";
/// The same for codes that are sent to holders.
const CODE_LABEL: &[u8] = b"lanyard card unlocking code";
/// How many octets digits are taken from. That fewer than eight of them are below 250 happens less than once in 10^70 times.
const DIGITS_FROM: usize = 64;

/// Which version of a card's secret, of which master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyVersion {
    /// The version of the master key in the token.
    pub(crate) master: u32,
    /// The version of the card's own.
    pub(crate) version: u32,
}

impl KeyVersion {
    /// The one that follows, under the master key of now.
    pub(crate) fn next(self, master: u32) -> Self {
        Self { master, version: self.version.saturating_add(1) }
    }
}

/// Which unblocking key a card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PukName {
    /// As from the factory.
    Factory,
    /// Derived.
    Derived(KeyVersion),
}

/// Which management key a card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManagementName {
    /// As from the factory.
    Factory,
    /// Derived, for this algorithm.
    Derived(ManagementAlgorithm, KeyVersion),
}

/// A column that names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this names no key of a card")]
pub(crate) struct NotAKeyName;

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.master, self.version)
    }
}

impl FromStr for KeyVersion {
    type Err = NotAKeyName;

    fn from_str(text: &str) -> Result<Self, NotAKeyName> {
        let (master, version) = text.split_once('.').ok_or(NotAKeyName)?;
        let number = |text: &str| text.parse().map_err(|_| NotAKeyName);
        Ok(Self { master: number(master)?, version: number(version)? })
    }
}

impl fmt::Display for PukName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory => f.write_str("factory"),
            Self::Derived(version) => version.fmt(f),
        }
    }
}

impl FromStr for PukName {
    type Err = NotAKeyName;

    fn from_str(text: &str) -> Result<Self, NotAKeyName> {
        if text == "factory" { Ok(Self::Factory) } else { text.parse().map(Self::Derived) }
    }
}

/// The words of the algorithms, in the configuration and in the database.
const ALGORITHMS: [(&str, ManagementAlgorithm); 4] = [
    ("aes-128", ManagementAlgorithm::Aes128),
    ("aes-192", ManagementAlgorithm::Aes192),
    ("aes-256", ManagementAlgorithm::Aes256),
    ("triple-des", ManagementAlgorithm::TripleDes),
];

/// The algorithm of a word.
pub(crate) fn algorithm(word: &str) -> Option<ManagementAlgorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == word).map(|(_, algorithm)| *algorithm)
}

impl fmt::Display for ManagementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory => f.write_str("factory"),
            Self::Derived(algorithm, version) => {
                let word = ALGORITHMS.iter().find(|(_, known)| known == algorithm).map(|(word, _)| *word);
                write!(f, "{} {version}", word.unwrap_or_default())
            }
        }
    }
}

impl FromStr for ManagementName {
    type Err = NotAKeyName;

    fn from_str(text: &str) -> Result<Self, NotAKeyName> {
        if text == "factory" {
            return Ok(Self::Factory);
        }
        let (word, version) = text.split_once(' ').ok_or(NotAKeyName)?;
        Ok(Self::Derived(algorithm(word).ok_or(NotAKeyName)?, version.parse()?))
    }
}

/// The management key of a card. `factory` is the algorithm of those from the factory, where the card says it.
pub(crate) async fn management(
    hsm: &Hsm,
    serial: &str,
    name: ManagementName,
    factory: ManagementAlgorithm,
) -> Result<ManagementKey, Error> {
    let wrong = |_| Error::CardKeyUnusable;
    match name {
        ManagementName::Factory => ManagementKey::factory(factory).map_err(wrong),
        ManagementName::Derived(algorithm, version) => {
            let octets = derived(hsm, serial, "management", version, algorithm.key_length()).await?;
            ManagementKey::new(algorithm, octets).map_err(wrong)
        }
    }
}

/// The unblocking key of a card.
pub(crate) async fn puk(hsm: &Hsm, serial: &str, name: PukName) -> Result<Puk, Error> {
    match name {
        PukName::Factory => Ok(Puk::factory()),
        PukName::Derived(version) => {
            let octets = derived(hsm, serial, "puk", version, DIGITS_FROM).await?;
            let digits = digits(&octets).ok_or(Error::CardKeyUnusable)?;
            Puk::parse(&*digits).map_err(|_| Error::CardKeyUnusable)
        }
    }
}

async fn derived(
    hsm: &Hsm,
    serial: &str,
    purpose: &str,
    version: KeyVersion,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let derivation =
        Derivation { label: LABEL.to_vec(), context: context(serial, purpose, version.version), length };
    Ok(hsm.diversify(version.master, derivation).await?)
}

/// What is kept of a code of six digits: nobody who reads it can try codes on it without the token.
pub(crate) async fn code_mark(hsm: &Hsm, master: u32, unlock: &str, code: &str) -> Result<String, Error> {
    let context = [unlock.as_bytes(), &[0], code.as_bytes()].concat();
    let derivation = Derivation { label: CODE_LABEL.to_vec(), context, length: 32 };
    Ok(hex::encode(&*hsm.diversify(master, derivation).await?))
}

/// Neither serial numbers nor purposes have an octet 0, so no two have the same.
fn context(serial: &str, purpose: &str, version: u32) -> Vec<u8> {
    let parts: [&[u8]; 5] = [serial.as_bytes(), &[0], purpose.as_bytes(), &[0], &version.to_be_bytes()];
    parts.concat()
}

/// Eight digits, each as likely as the others: an octet gives its last digit, and one of the six that are too many none.
pub(crate) fn digits(octets: &[u8]) -> Option<Zeroizing<[u8; 8]>> {
    let mut digits = Zeroizing::new([0; 8]);
    let mut fair = octets.iter().filter(|octet| **octet < 250);
    for digit in digits.iter_mut() {
        *digit = b'0' + fair.next()? % 10;
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits of two versions, as they were computed with pyca/cryptography from the key 00 to 1F; the octets before are the
    /// token's, which `hsm` holds against the same.
    #[test]
    fn digits_are_those_of_the_vectors() {
        let octets = hex::decode("9c3ca7ec595f525c543cfadaaf57f5f8").unwrap();
        assert_eq!(*digits(&octets).unwrap(), *b"60769522");
        assert_eq!(context("0000000042", "puk", 1), b"0000000042\0puk\0\0\0\0\x01");
    }

    /// Octets that would make some digits likelier are passed over, and too few octets give nothing.
    #[test]
    fn digits_are_fair() {
        assert_eq!(*digits(&[250, 255, 1, 22, 249, 254, 30, 47, 5, 60, 71, 9]).unwrap(), *b"12907501");
        assert!(digits(&[250; 64]).is_none() && digits(&[1; 7]).is_none());
        let mut counts = [0; 10];
        for octet in 0..250_u8 {
            counts[usize::from(digits(&[octet; 8]).unwrap()[0] - b'0')] += 1;
        }
        assert_eq!(counts, [25; 10]);
    }

    /// Names of keys are read as they are written, and nothing else is one.
    #[test]
    fn names_read_back() {
        for text in ["factory", "1.3", "4294967295.1"] {
            assert_eq!(text.parse::<PukName>().unwrap().to_string(), text);
        }
        for text in ["factory", "aes-256 1.3", "triple-des 2.1"] {
            assert_eq!(text.parse::<ManagementName>().unwrap().to_string(), text);
        }
        for text in ["", "1", "a.b", "aes-256", "aes-512 1.1", "-1.1"] {
            assert!(text.parse::<PukName>().is_err() && text.parse::<ManagementName>().is_err(), "{text}");
        }
        assert_eq!(KeyVersion { master: 1, version: 3 }.next(2), KeyVersion { master: 2, version: 4 });
    }
}
