//! Protection by a shared secret (RFC 9810 5.1.3.1): `PasswordBasedMac` (RFC 4211 4.4) and PBMAC1 (RFC 8018 7.1), with the
//! algorithms that RFC 9481 6 has for them. SHA-1 is not among them.

use std::num::NonZeroU32;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::{hmac, pbkdf2};
use const_oid::ObjectIdentifier;
use der::Encode as _;
use zeroize::Zeroizing;

use super::sequence;
use crate::tlv::{self, Reader};
use crate::{Error, tlv::Tlv};

const WHAT: &str = "CMP protection algorithm";
const NULL: u8 = 0x05;

const PASSWORD_BASED_MAC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113533.7.66.13");
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");

/// RFC 4211 4.4 asks for a salt of 8 octets or more.
const SALT: std::ops::RangeInclusive<usize> = 8..=64;
/// RFC 4211 4.4 asks for 100 rounds or more; the upper bound is what a stranger can make us compute.
const ROUNDS: std::ops::RangeInclusive<u32> = 100..=200_000;
/// Octets of a key that PBKDF2 derives.
const KEY: std::ops::RangeInclusive<usize> = 16..=64;

/// How a message is protected by a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretProtection {
    derivation: Derivation,
    mac: Hash,
}

/// How the key is made of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Derivation {
    /// `PBMParameter`: the hash of secret and salt, hashed so many times.
    PasswordBased { salt: Vec<u8>, hash: Hash, rounds: NonZeroU32 },
    /// `PBKDF2-params`.
    Pbkdf2 { salt: Vec<u8>, hash: Hash, rounds: NonZeroU32, length: usize },
}

/// Why a protection by a secret is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretRefused {
    /// The parameters do not read.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// An algorithm is not supported.
    #[error("the algorithm {0} is not supported; use SHA-256, SHA-384 or SHA-512 throughout")]
    Algorithm(ObjectIdentifier),
    /// The salt, the rounds or the key are too short or too long.
    #[error("{0}")]
    Bounds(&'static str),
    /// The code is not the message's under this secret.
    #[error("the message authentication code is not right")]
    Wrong,
}

impl SecretProtection {
    /// Reads the `AlgorithmIdentifier` of a header; `None` when it is not one of these two.
    pub fn read(algorithm: &[u8]) -> Result<Option<Self>, SecretRefused> {
        let mut file = Reader::new(algorithm, WHAT);
        let mut fields = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        match oid(&mut fields)? {
            PASSWORD_BASED_MAC => password_based(fields).map(Some),
            PBMAC1 => pbmac1(fields).map(Some),
            _ => Ok(None),
        }
    }

    /// The same protection with another salt of the same length or longer, for an answer.
    #[must_use]
    pub fn salted(&self, fresh: &[u8]) -> Self {
        let mut again = self.clone();
        match &mut again.derivation {
            Derivation::PasswordBased { salt, .. } | Derivation::Pbkdf2 { salt, .. } => {
                *salt = fresh.to_vec();
            }
        }
        again
    }

    /// The `AlgorithmIdentifier`, in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let mac = self.mac.hmac_identifier();
        match &self.derivation {
            Derivation::PasswordBased { salt, hash, rounds } => {
                let rounds = integer(*rounds);
                let parameters = sequence(&[&octets(salt), &hash.digest_identifier(), &rounds, &mac]);
                sequence(&[&encoded(PASSWORD_BASED_MAC), &parameters])
            }
            Derivation::Pbkdf2 { salt, hash, rounds, length } => {
                let length = u32::try_from(*length).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
                let prf = hash.hmac_identifier();
                let parameters = sequence(&[&octets(salt), &integer(*rounds), &integer(length), &prf]);
                let derivation = sequence(&[&encoded(PBKDF2), &parameters]);
                sequence(&[&encoded(PBMAC1), &sequence(&[&derivation, &mac])])
            }
        }
    }

    /// The code of a message under a secret. It takes as long as the rounds ask for.
    pub fn code(&self, secret: &[u8], protected_part: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(secret), protected_part).as_ref().to_vec()
    }

    /// Whether a code is the message's, compared in constant time. It takes as long as the rounds ask for.
    pub fn verify(&self, secret: &[u8], protected_part: &[u8], code: &[u8]) -> Result<(), SecretRefused> {
        hmac::verify(&self.key(secret), protected_part, code).map_err(|_| SecretRefused::Wrong)
    }

    fn key(&self, secret: &[u8]) -> hmac::Key {
        let key = match &self.derivation {
            Derivation::PasswordBased { salt, hash, rounds } => {
                let mut key = Zeroizing::new([secret, salt].concat());
                for _ in 0..rounds.get() {
                    key = Zeroizing::new(digest::digest(hash.digest(), &key).as_ref().to_vec());
                }
                key
            }
            Derivation::Pbkdf2 { salt, hash, rounds, length } => {
                let mut key = Zeroizing::new(vec![0; *length]);
                pbkdf2::derive(hash.pbkdf2(), *rounds, salt, secret, &mut key);
                key
            }
        };
        hmac::Key::new(self.mac.hmac(), &key)
    }
}

/// `PBMParameter` (RFC 4211 4.4).
fn password_based(mut fields: Reader<'_>) -> Result<SecretProtection, SecretRefused> {
    let mut parameters = fields.enter(tlv::SEQUENCE)?;
    fields.finish()?;
    let salt = salt(parameters.expect(tlv::OCTET_STRING)?)?;
    let hash = Hash::of_digest(algorithm(&mut parameters)?)?;
    let rounds = rounds(parameters.expect(tlv::INTEGER)?)?;
    let mac = Hash::of_hmac(algorithm(&mut parameters)?)?;
    parameters.finish()?;
    Ok(SecretProtection { derivation: Derivation::PasswordBased { salt, hash, rounds }, mac })
}

/// `PBMAC1-params` (RFC 8018 A.5) with PBKDF2 (A.2).
fn pbmac1(mut fields: Reader<'_>) -> Result<SecretProtection, SecretRefused> {
    let mut parameters = fields.enter(tlv::SEQUENCE)?;
    fields.finish()?;
    let mut derivation = parameters.enter(tlv::SEQUENCE)?;
    let mac = Hash::of_hmac(algorithm(&mut parameters)?)?;
    parameters.finish()?;
    match oid(&mut derivation)? {
        PBKDF2 => {}
        other => return Err(SecretRefused::Algorithm(other)),
    }
    let mut parameters = derivation.enter(tlv::SEQUENCE)?;
    derivation.finish()?;
    let salt = salt(parameters.expect(tlv::OCTET_STRING)?)?;
    let rounds = rounds(parameters.expect(tlv::INTEGER)?)?;
    let length = parameters.optional(tlv::INTEGER)?.map(number).transpose()?;
    // RFC 8018 A.2: left out, the function is HMAC with SHA-1.
    let hash = if parameters.is_empty() {
        return Err(SecretRefused::Algorithm(ObjectIdentifier::new_unwrap("1.2.840.113549.2.7")));
    } else {
        Hash::of_hmac(algorithm(&mut parameters)?)?
    };
    parameters.finish()?;
    let length = match length {
        None => hash.digest().output_len(),
        Some(length) => usize::try_from(length)
            .ok()
            .filter(|length| KEY.contains(length))
            .ok_or(SecretRefused::Bounds("the derived key must have 16 to 64 octets"))?,
    };
    Ok(SecretProtection { derivation: Derivation::Pbkdf2 { salt, hash, rounds, length }, mac })
}

fn salt(field: Tlv<'_>) -> Result<Vec<u8>, SecretRefused> {
    if SALT.contains(&field.value.len()) {
        Ok(field.value.to_vec())
    } else {
        Err(SecretRefused::Bounds("the salt must have 8 to 64 octets"))
    }
}

fn rounds(field: Tlv<'_>) -> Result<NonZeroU32, SecretRefused> {
    let rounds = number(field)?;
    Some(rounds)
        .filter(|rounds| ROUNDS.contains(rounds))
        .and_then(NonZeroU32::new)
        .ok_or(SecretRefused::Bounds("the iteration count must be 100 to 200000"))
}

/// A number that fits in 31 bits.
fn number(field: Tlv<'_>) -> Result<u32, SecretRefused> {
    match field.value {
        [0, second, ..] if *second < 0x80 => Err(Error::malformed(WHAT).into()),
        [first, ..] if field.value.len() <= 4 && *first < 0x80 => {
            Ok(field.value.iter().fold(0, |sum, octet| (sum << 8) | u32::from(*octet)))
        }
        _ => Err(SecretRefused::Bounds("a number is too large")),
    }
}

fn oid(fields: &mut Reader<'_>) -> Result<ObjectIdentifier, SecretRefused> {
    let value = fields.expect(tlv::OID)?.value;
    ObjectIdentifier::from_bytes(value).map_err(|_| Error::malformed(WHAT).into())
}

/// An `AlgorithmIdentifier` whose parameters are absent or NULL.
fn algorithm(fields: &mut Reader<'_>) -> Result<ObjectIdentifier, SecretRefused> {
    let mut algorithm = fields.enter(tlv::SEQUENCE)?;
    let oid = oid(&mut algorithm)?;
    if let Some(parameters) = algorithm.optional(NULL)?
        && !parameters.value.is_empty()
    {
        return Err(Error::malformed(WHAT).into());
    }
    algorithm.finish()?;
    Ok(oid)
}

fn octets(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a salt is short");
    [&[tlv::OCTET_STRING, length], content].concat()
}

fn integer(number: NonZeroU32) -> Vec<u8> {
    number.get().to_der().expect("a number is encoded")
}

fn encoded(oid: ObjectIdentifier) -> Vec<u8> {
    oid.to_der().expect("an object identifier is encoded")
}

/// The hashes that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const ALL: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];

    fn of_digest(oid: ObjectIdentifier) -> Result<Hash, SecretRefused> {
        Hash::ALL.into_iter().find(|hash| hash.oids().0 == oid).ok_or(SecretRefused::Algorithm(oid))
    }

    fn of_hmac(oid: ObjectIdentifier) -> Result<Hash, SecretRefused> {
        Hash::ALL.into_iter().find(|hash| hash.oids().1 == oid).ok_or(SecretRefused::Algorithm(oid))
    }

    /// Of the digest and of HMAC with it (RFC 9481 2.1, 6.2.1).
    fn oids(self) -> (ObjectIdentifier, ObjectIdentifier) {
        let (digest, hmac) = match self {
            Hash::Sha256 => ("2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"),
            Hash::Sha384 => ("2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10"),
            Hash::Sha512 => ("2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11"),
        };
        (ObjectIdentifier::new_unwrap(digest), ObjectIdentifier::new_unwrap(hmac))
    }

    fn digest_identifier(self) -> Vec<u8> {
        sequence(&[&encoded(self.oids().0)])
    }

    /// RFC 9481 6.2.1: the parameters are NULL.
    fn hmac_identifier(self) -> Vec<u8> {
        sequence(&[&encoded(self.oids().1), &[NULL, 0]])
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha256 => &SHA256,
            Hash::Sha384 => &SHA384,
            Hash::Sha512 => &SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

#[cfg(test)]
mod tests;
