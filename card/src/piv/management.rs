//! The card management key, 9B.

use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use des::TdesEde3;
use zeroize::Zeroizing;

/// An algorithm of the management key. NIST SP 800-78-5, table 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManagementAlgorithm {
    /// 03: what cards of the older kinds have from the factory. NIST SP 800-78-5 allows it no longer.
    TripleDes,
    /// 08.
    Aes128,
    /// 0A.
    Aes192,
    /// 0C.
    Aes256,
}

impl ManagementAlgorithm {
    /// Its identifier.
    pub fn identifier(self) -> u8 {
        match self {
            Self::TripleDes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
        }
    }

    /// The one with this identifier.
    pub fn of_identifier(identifier: u8) -> Option<Self> {
        let all = [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256];
        all.into_iter().find(|known| known.identifier() == identifier)
    }

    /// How many octets a key has.
    pub fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// How many octets a block has.
    pub fn block_length(self) -> usize {
        match self {
            Self::TripleDes => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
        }
    }
}

/// A management key. It is wiped when it goes, and cannot be printed.
#[derive(Clone)]
pub struct ManagementKey {
    algorithm: ManagementAlgorithm,
    octets: Zeroizing<Vec<u8>>,
}

/// Octets that are no key of this algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a management key of this algorithm has another length")]
pub struct WrongKeyLength;

impl ManagementKey {
    /// The key of these octets.
    pub fn new(algorithm: ManagementAlgorithm, octets: Zeroizing<Vec<u8>>) -> Result<Self, WrongKeyLength> {
        if octets.len() == algorithm.key_length() {
            Ok(Self { algorithm, octets })
        } else {
            Err(WrongKeyLength)
        }
    }

    /// What a card has from the factory, in an algorithm whose keys have 24 octets: triple DES, and AES-192 since version 5.7 of
    /// `YubiKeys`.
    pub fn factory(algorithm: ManagementAlgorithm) -> Result<Self, WrongKeyLength> {
        Self::new(algorithm, Zeroizing::new([1, 2, 3, 4, 5, 6, 7, 8].repeat(3)))
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> ManagementAlgorithm {
        self.algorithm
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Encrypts one block, or decrypts it.
    pub(crate) fn apply(&self, direction: Direction, block: &[u8]) -> Option<Vec<u8>> {
        let key = &self.octets[..];
        match self.algorithm {
            ManagementAlgorithm::TripleDes => one_block::<TdesEde3>(key, direction, block),
            ManagementAlgorithm::Aes128 => one_block::<Aes128>(key, direction, block),
            ManagementAlgorithm::Aes192 => one_block::<Aes192>(key, direction, block),
            ManagementAlgorithm::Aes256 => one_block::<Aes256>(key, direction, block),
        }
    }
}

/// Which way.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// Nothing where the block has another length than the cipher's.
fn one_block<C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit>(
    key: &[u8],
    direction: Direction,
    octets: &[u8],
) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Block::<C>::try_from(octets).ok()?;
    match direction {
        Direction::Encrypt => cipher.encrypt_block(&mut block),
        Direction::Decrypt => cipher.decrypt_block(&mut block),
    }
    Some(block.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: ManagementAlgorithm, octets: &str) -> ManagementKey {
        ManagementKey::new(algorithm, Zeroizing::new(hex::decode(octets).unwrap())).unwrap()
    }

    /// The vectors of FIPS 197, appendix C, and of NIST SP 800-67, B.1.
    #[test]
    fn standard_vectors_are_met() {
        let aes = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let plain = "00112233445566778899aabbccddeeff";
        let cases = [
            (ManagementAlgorithm::Aes128, &aes[..32], plain, "69c4e0d86a7b0430d8cdb78070b4c55a"),
            (ManagementAlgorithm::Aes192, &aes[..48], plain, "dda97ca4864cdfe06eaf70a0ec0d7191"),
            (ManagementAlgorithm::Aes256, aes, plain, "8ea2b7ca516745bfeafc49904b496089"),
            (
                ManagementAlgorithm::TripleDes,
                "0123456789abcdef23456789abcdef01456789abcdef0123",
                "5468652071756663",
                "a826fd8ce53b855f",
            ),
        ];
        for (algorithm, octets, plain, encrypted) in cases {
            let key = key(algorithm, octets);
            let block = hex::decode(plain).unwrap();
            let done = key.apply(Direction::Encrypt, &block).unwrap();
            assert_eq!(hex::encode(&done), encrypted, "{algorithm:?}");
            assert_eq!(key.apply(Direction::Decrypt, &done), Some(block));
            assert_eq!(key.apply(Direction::Decrypt, &done[1..]), None, "a block of another length");
        }
    }

    /// A key has the length of its algorithm.
    #[test]
    fn keys_have_their_length() {
        assert!(ManagementKey::factory(ManagementAlgorithm::TripleDes).is_ok());
        assert!(ManagementKey::factory(ManagementAlgorithm::Aes192).is_ok());
        assert!(ManagementKey::factory(ManagementAlgorithm::Aes256).is_err());
    }
}
