//! The two cipher suites. NIST SP 800-73-5 part 2, 4.1.4.

use aws_lc_rs::{agreement, cipher, cmac, digest};

use super::super::Application;

/// What a card and its server compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// CS2, 27: P-256, SHA-256 and AES-128.
    P256,
    /// CS7, 2E: P-384, SHA-384 and AES-256.
    P384,
}

impl Suite {
    /// Its identifier.
    pub fn identifier(self) -> u8 {
        match self {
            Self::P256 => 0x27,
            Self::P384 => 0x2E,
        }
    }

    /// The one that a card names. By the standard none names both; of both it would be the stronger.
    pub fn of_application(application: &Application) -> Option<Self> {
        [Self::P384, Self::P256]
            .into_iter()
            .find(|suite| application.algorithms.contains(&suite.identifier()))
    }

    /// How many octets a point has, uncompressed.
    pub(crate) fn point_length(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// How many octets each of the keys has.
    pub(crate) fn key_length(self) -> usize {
        match self {
            Self::P256 => 16,
            Self::P384 => 32,
        }
    }

    /// How many random octets the card adds.
    pub(crate) fn nonce_length(self) -> usize {
        match self {
            Self::P256 => 16,
            Self::P384 => 24,
        }
    }

    /// What stands for its algorithms where keys are derived. NIST SP 800-73-5 part 2, 4.1.6.
    pub(super) fn octet(self) -> u8 {
        match self {
            Self::P256 => 0x09,
            Self::P384 => 0x0D,
        }
    }

    /// The object identifier of its curve. NIST SP 800-73-5 part 2, 4.1.5.
    pub(crate) fn curve(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2B, 0x81, 0x04, 0x00, 0x22],
        }
    }

    pub(crate) fn agreement(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
        }
    }

    pub(super) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::P256 => &digest::SHA256,
            Self::P384 => &digest::SHA384,
        }
    }

    pub(super) fn cipher(self) -> &'static cipher::Algorithm {
        match self {
            Self::P256 => &cipher::AES_128,
            Self::P384 => &cipher::AES_256,
        }
    }

    pub(super) fn code(self) -> cmac::Algorithm {
        match self {
            Self::P256 => cmac::AES_128,
            Self::P384 => cmac::AES_256,
        }
    }
}
