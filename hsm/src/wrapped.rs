//! Private keys kept outside the token, under one of its keys.

use serde::{Deserialize, Serialize};

use crate::Alg;

/// A private key as it lies in a database: useless without the token that wrapped or keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    /// The key's algorithm.
    pub alg: Alg,
    /// How it is wrapped.
    pub mechanism: WrapMechanism,
    /// Which wrapping key it is under.
    pub wrapping_version: u32,
    /// The wrapped PKCS#8 structure, in the form of its mechanism.
    pub blob: Vec<u8>,
    /// The public key as SPKI DER. The private key is checked against it before each first use in a session.
    pub public_key: Vec<u8>,
}

/// What came of moving rows under another wrapping key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// How many rows were moved.
    pub moved: u64,
    /// Rows that could not be unwrapped and stay as they were, by table and key; the first hundred of them.
    pub refused: Vec<String>,
}

impl Rewrapped {
    /// How many refused rows are named.
    const NAMED: usize = 100;

    /// Takes note of a row that could not be unwrapped.
    pub fn refuse(&mut self, row: String) {
        if self.refused.len() < Self::NAMED {
            self.refused.push(row);
        }
    }

    /// Both together.
    pub fn add(&mut self, other: Rewrapped) {
        self.moved += other.moved;
        other.refused.into_iter().for_each(|row| self.refuse(row));
    }
}

/// How a private key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrapMechanism {
    /// `CKM_AES_KEY_WRAP_PAD`: AES-256 with padding, which has integrity of its own (RFC 5649).
    AesKeyWrapPad,
    /// `CKM_AES_GCM` with a fresh nonce of 96 bits, which stands before the ciphertext and its tag of 128 bits (PKCS#11
    /// 3.0 2.11.4): for tokens that have not got the other.
    AesGcm,
    /// Not wrapped: the key stays in the token, and the blob is its label. For kinds of key that the token makes and cannot
    /// wrap, which is ML-DSA on all that we know.
    InToken,
}

impl WrapMechanism {
    /// Those that wrap, the preferred first.
    pub(crate) const ALL: [WrapMechanism; 2] = [WrapMechanism::AesKeyWrapPad, WrapMechanism::AesGcm];
}
