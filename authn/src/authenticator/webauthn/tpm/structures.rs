//! The structures of a TPM that a statement holds. TCG, TPM 2.0 Library, part 2.

use aws_lc_rs::digest::{self, digest};
use webauthn_rs::prelude::{COSEKey, COSEKeyType, ECDSACurve};

use super::Wrong;

/// `TPM_GENERATED_VALUE` (6.2): what no key that signs for a TPM alone signs for anybody else.
const MAGIC: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_CERTIFY` (6.9).
const CERTIFY: u16 = 0x8017;
/// `TPM_ALG_ID` (6.3).
const RSA: u16 = 0x0001;
const NULL: u16 = 0x0010;
const ECC: u16 = 0x0023;
const RSAES: u16 = 0x0015;
const ECDAA: u16 = 0x001a;
/// `TPM_ECC_NIST_P256` (6.4).
const P256: u16 = 0x0003;
/// `TPMA_OBJECT` (8.3): `fixedTPM` and `sensitiveDataOrigin`.
const FIXED: u32 = (1 << 1) | (1 << 5);
/// The longest sized buffer that is read: the modulus of RSA with 4,096 bits.
const LONGEST: usize = 512;

/// A `TPMS_ATTEST` (10.12.8) that certifies a key.
pub(super) struct Certified<'a> {
    /// What whoever asked gave to be signed with it.
    pub extra_data: &'a [u8],
    /// The version of the TPM's firmware.
    pub firmware_version: u64,
    /// The name of the key.
    pub name: &'a [u8],
}

impl<'a> Certified<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Result<Self, Wrong> {
        let mut reader = Reader(octets);
        if reader.long()? != MAGIC {
            return Err(Wrong::Magic);
        }
        if reader.short()? != CERTIFY {
            return Err(Wrong::Type);
        }
        let _qualified_signer = reader.sized()?;
        let extra_data = reader.sized()?;
        // TPMS_CLOCK_INFO (10.11.1): clock, resets, restarts, and whether that is safe.
        let _clock: [u8; 17] = reader.array()?;
        let firmware_version = u64::from_be_bytes(reader.array()?);
        // TPMS_CERTIFY_INFO (10.12.3).
        let name = reader.sized()?;
        let _qualified_name = reader.sized()?;
        reader.finish()?;
        Ok(Self { extra_data, firmware_version, name })
    }
}

/// A `TPMT_PUBLIC` (12.2.4) of a key that signs.
pub(super) struct Public<'a> {
    /// Its name: the number of its hash, and the hash of all of it. Part 1, 16.
    pub name: Vec<u8>,
    attributes: u32,
    key: Key<'a>,
}

enum Key<'a> {
    Rsa { modulus: &'a [u8], exponent: u32 },
    P256 { x: &'a [u8], y: &'a [u8] },
}

impl<'a> Public<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Result<Self, Wrong> {
        let mut reader = Reader(octets);
        let kind = reader.short()?;
        let name = name(reader.short()?, octets)?;
        let attributes = reader.long()?;
        let _policy = reader.sized()?;
        let key = match kind {
            RSA => Key::rsa(&mut reader)?,
            ECC => Key::p256(&mut reader)?,
            _ => return Err(Wrong::Key),
        };
        reader.finish()?;
        Ok(Self { name, attributes, key })
    }

    /// Whether it is this key.
    pub(super) fn is(&self, other: &COSEKey) -> bool {
        match (&self.key, &other.key) {
            (Key::Rsa { modulus, exponent }, COSEKeyType::RSA(other)) => {
                let [high, middle, low] = other.e;
                is_same(modulus, &other.n) && *exponent == u32::from_be_bytes([0, high, middle, low])
            }
            (Key::P256 { x, y }, COSEKeyType::EC_EC2(other)) => {
                other.curve == ECDSACurve::SECP256R1 && is_same(x, &other.x) && is_same(y, &other.y)
            }
            _ => false,
        }
    }

    /// Whether it was made in this TPM and can never leave it. A key that was made elsewhere and put in is certified just as well.
    pub(super) fn is_fixed(&self) -> bool {
        self.attributes & FIXED == FIXED
    }
}

impl<'a> Key<'a> {
    /// `TPMS_RSA_PARMS` (12.2.3.5) and the modulus.
    fn rsa(reader: &mut Reader<'a>) -> Result<Self, Wrong> {
        symmetric(reader)?;
        scheme(reader)?;
        let _bits = reader.short()?;
        // 0 stands for the usual one.
        let exponent = match reader.long()? {
            0 => 65_537,
            exponent => exponent,
        };
        Ok(Self::Rsa { modulus: reader.sized()?, exponent })
    }

    /// `TPMS_ECC_PARMS` (12.2.3.6) and the point.
    fn p256(reader: &mut Reader<'a>) -> Result<Self, Wrong> {
        symmetric(reader)?;
        scheme(reader)?;
        if reader.short()? != P256 {
            return Err(Wrong::Key);
        }
        // TPMT_KDF_SCHEME (11.2.3.3) has the form of a scheme.
        scheme(reader)?;
        Ok(Self::P256 { x: reader.sized()?, y: reader.sized()? })
    }
}

/// Passes over a `TPMT_SYM_DEF_OBJECT` (11.1.7): algorithm, length and mode.
fn symmetric(reader: &mut Reader<'_>) -> Result<(), Wrong> {
    if reader.short()? != NULL {
        let _length_and_mode: [u8; 4] = reader.array()?;
    }
    Ok(())
}

/// Passes over the scheme of a key (11.2.4.2, 11.2.5.6): algorithm and hash, and for ECDAA a count.
fn scheme(reader: &mut Reader<'_>) -> Result<(), Wrong> {
    match reader.short()? {
        NULL | RSAES => {}
        ECDAA => {
            let _hash_and_count: [u8; 4] = reader.array()?;
        }
        _ => {
            let _hash = reader.short()?;
        }
    }
    Ok(())
}

/// The name of an object by its `nameAlg`: SHA-256, SHA-384 or SHA-512.
fn name(algorithm: u16, octets: &[u8]) -> Result<Vec<u8>, Wrong> {
    let hash = match algorithm {
        0x000b => &digest::SHA256,
        0x000c => &digest::SHA384,
        0x000d => &digest::SHA512,
        _ => return Err(Wrong::Name),
    };
    Ok([&algorithm.to_be_bytes()[..], digest(hash, octets).as_ref()].concat())
}

/// Compares two numbers: some TPMs leave out leading zeros.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    without_zeros(one) == without_zeros(other)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|octet| *octet != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

/// What is left to read. Nothing is taken past the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Wrong::Unreadable)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn short(&mut self) -> Result<u16, Wrong> {
        self.array().map(u16::from_be_bytes)
    }

    fn long(&mut self) -> Result<u32, Wrong> {
        self.array().map(u32::from_be_bytes)
    }

    /// A sized buffer (`TPM2B`, 10.4).
    fn sized(&mut self) -> Result<&'a [u8], Wrong> {
        let length = usize::from(self.short()?);
        if length > LONGEST {
            return Err(Wrong::Unreadable);
        }
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Wrong::Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn finish(self) -> Result<(), Wrong> {
        if self.0.is_empty() { Ok(()) } else { Err(Wrong::Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use webauthn_rs::prelude::{COSEAlgorithm, COSERSAKey};

    use super::*;

    /// A key of RSA, as Windows Hello makes it: with a policy, a scheme and an exponent that is left out.
    fn area(exponent: u32, modulus: &[u8]) -> Vec<u8> {
        let mut area = hex::decode("0001000b00060472").unwrap();
        area.extend([0, 32]);
        area.extend([0x9d; 32]);
        // No symmetric algorithm, RSASSA with SHA-256, 2,048 bits.
        area.extend([0x00, 0x10, 0x00, 0x14, 0x00, 0x0b, 0x08, 0x00]);
        area.extend(exponent.to_be_bytes());
        area.extend(u16::try_from(modulus.len()).unwrap().to_be_bytes());
        area.extend(modulus);
        area
    }

    /// A key of RSA is known by modulus and exponent, and one that may leave the TPM by its attributes.
    #[test]
    fn keys_of_rsa_are_read() {
        let modulus = [0xc5; 256];
        let rsa = |e: [u8; 3]| COSEKey {
            type_: COSEAlgorithm::RS256,
            key: COSEKeyType::RSA(COSERSAKey { n: modulus.to_vec(), e }),
        };
        for (exponent, e, expected) in [
            (0, [1, 0, 1], true),
            (65_537, [1, 0, 1], true),
            (3, [1, 0, 1], false),
            (3, [0, 0, 3], true),
            (0x0101_0001, [1, 0, 1], false),
        ] {
            let area = area(exponent, &modulus);
            let public = Public::read(&area).unwrap();
            assert_eq!((public.is(&rsa(e)), public.is_fixed()), (expected, true), "{exponent}");
            assert_eq!((public.name.len(), &public.name[..2]), (34, &[0, 11][..]));
        }
        let other = area(0, &[0xc6; 256]);
        assert!(!Public::read(&other).unwrap().is(&rsa([1, 0, 1])));
        let right = area(0, &modulus);
        for (place, octet, expected) in [(7, 0x70, false), (7, 0x52, false), (7, 0x72, true)] {
            let mut area = right.clone();
            area[place] = octet;
            assert_eq!(Public::read(&area).unwrap().is_fixed(), expected, "{octet:x}");
        }
        // SHA-1 names nothing, other kinds are no keys, and nothing may follow.
        for (place, octet, wrong) in [(3, 0x04, Wrong::Name), (1, 0x08, Wrong::Key)] {
            let mut area = right.clone();
            area[place] = octet;
            assert_eq!(Public::read(&area).err(), Some(wrong));
        }
        assert_eq!(Public::read(&[&right[..], &[0]].concat()).err(), Some(Wrong::Unreadable));
        assert_eq!(Public::read(&area(0, &[1; 513])).err(), Some(Wrong::Unreadable));
    }
}
