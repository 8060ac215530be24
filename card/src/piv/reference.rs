//! Keys and algorithms by their numbers. NIST SP 800-73-5 part 1, table 4; NIST SP 800-78-5, table 9.

/// A private key of the card, and the certificate to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// 9A, PIV Authentication: the passcode once.
    Authentication,
    /// 9C, Digital Signature: the passcode before every use.
    Signature,
    /// 9D, Key Management: the passcode once.
    KeyManagement,
    /// 9E, Card Authentication: no passcode.
    CardAuthentication,
    /// 82 to 95, a key management key that was replaced, from 1 to 20.
    Retired(Retired),
    /// F9, with which a `YubiKey` attests. It is generated in the factory.
    Attestation,
}

/// Which of the twenty retired keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retired(u8);

impl Slot {
    /// A retired key, from 1 to 20.
    pub fn retired(number: u8) -> Option<Self> {
        (1..=20).contains(&number).then_some(Self::Retired(Retired(number)))
    }

    /// The key's reference.
    pub fn reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::Signature => 0x9C,
            Self::KeyManagement => 0x9D,
            Self::CardAuthentication => 0x9E,
            Self::Retired(Retired(number)) => 0x81 + number,
            Self::Attestation => 0xF9,
        }
    }

    /// The tag of the object in which its certificate lies. NIST SP 800-73-5 part 1, table 3.
    pub(crate) fn certificate_tag(self) -> [u8; 3] {
        let last = match self {
            Self::Authentication => 0x05,
            Self::Signature => 0x0A,
            Self::KeyManagement => 0x0B,
            Self::CardAuthentication => 0x01,
            Self::Retired(Retired(number)) => 0x0C + number,
            Self::Attestation => return [0x5F, 0xFF, 0x01],
        };
        [0x5F, 0xC1, last]
    }
}

/// An algorithm of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 07.
    Rsa2048,
    /// 11.
    P256,
    /// 14.
    P384,
}

impl Algorithm {
    /// Its identifier.
    pub fn identifier(self) -> u8 {
        match self {
            Self::Rsa2048 => 0x07,
            Self::P256 => 0x11,
            Self::P384 => 0x14,
        }
    }

    /// The one with this identifier.
    pub fn of_identifier(identifier: u8) -> Option<Self> {
        [Self::Rsa2048, Self::P256, Self::P384].into_iter().find(|known| known.identifier() == identifier)
    }
}
