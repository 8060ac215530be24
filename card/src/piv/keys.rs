//! Keys made on the card. NIST SP 800-73-5 part 2, 3.3.2.

use crate::apdu::{Answer, Command};
use crate::tlv;
use crate::transport::Transport;

use super::yubikey::Policies;
use super::{Algorithm, Error, Piv, Slot};

/// GENERATE ASYMMETRIC KEY PAIR.
const GENERATE: u8 = 0x47;

/// A public key as a card gives it. Nothing is promised of it but its form: whether a point lies on its curve is for whoever uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// An uncompressed point of P-256.
    P256([u8; 65]),
    /// An uncompressed point of P-384.
    P384([u8; 97]),
    /// A modulus of 2,048 bits; the exponent is 65,537. NIST SP 800-78-5, table 2.
    Rsa2048(Box<[u8; 256]>),
}

/// The one exponent.
const EXPONENT: [u8; 3] = [1, 0, 1];

impl PublicKey {
    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::P256,
            Self::P384(_) => Algorithm::P384,
            Self::Rsa2048(_) => Algorithm::Rsa2048,
        }
    }

    /// Reads the public key in what tag 7F49 holds. NIST SP 800-73-5 part 2, table 11.
    pub fn parse(algorithm: Algorithm, template: &[u8]) -> Result<Self, tlv::Malformed> {
        let part = |tag| tlv::find(template, tag)?.ok_or(tlv::Malformed);
        match algorithm {
            Algorithm::P256 => point(part(0x86)?).map(Self::P256),
            Algorithm::P384 => point(part(0x86)?).map(Self::P384),
            Algorithm::Rsa2048 => {
                let modulus: Box<[u8; 256]> = Box::new(part(0x81)?.try_into().map_err(|_| tlv::Malformed)?);
                let exponent = part(0x82)?;
                let zeros = exponent.iter().take_while(|octet| **octet == 0).count();
                let whole = modulus[0] & 0x80 != 0 && modulus[255] & 1 == 1;
                if whole && exponent[zeros..] == EXPONENT {
                    Ok(Self::Rsa2048(modulus))
                } else {
                    Err(tlv::Malformed)
                }
            }
        }
    }

    /// The key as certificates have it: `SubjectPublicKeyInfo` in DER. RFC 5280 4.1; RFC 5480 2; RFC 3279 2.3.1.
    pub fn to_der(&self) -> Vec<u8> {
        const ID_EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
        const SECP256R1: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
        const SECP384R1: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
        const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
        const NULL: &[u8] = &[0x05, 0x00];
        match self {
            Self::P256(point) => key_info(ID_EC_PUBLIC_KEY, &tlv::tagged(0x06, SECP256R1), point),
            Self::P384(point) => key_info(ID_EC_PUBLIC_KEY, &tlv::tagged(0x06, SECP384R1), point),
            Self::Rsa2048(modulus) => {
                // The first bit is set: without a zero the number would be negative.
                let mut key = tlv::tagged(0x02, &[&[0][..], &modulus[..]].concat());
                tlv::append(&mut key, 0x02, &EXPONENT);
                key_info(RSA_ENCRYPTION, NULL, &tlv::tagged(0x30, &key))
            }
        }
    }

    /// The key of a certificate, where it is one that a card can have.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        // Each kind has one length, and everything but the key itself is the same in each of its kind.
        let framed = |blank: Self, from_end: usize, length: usize| {
            let blank = blank.to_der();
            let at = blank.len().checked_sub(from_end + length)?;
            let same = der.len() == blank.len()
                && der[..at] == blank[..at]
                && der[at + length..] == blank[at + length..];
            same.then(|| &der[at..at + length])
        };
        if let Some(key) = framed(Self::P256([4; 65]), 0, 65) {
            return point(key).ok().map(Self::P256);
        }
        if let Some(key) = framed(Self::P384([4; 97]), 0, 97) {
            return point(key).ok().map(Self::P384);
        }
        // Behind the modulus stands the exponent with its tag and length.
        let modulus = framed(Self::Rsa2048(Box::new([0; 256])), 2 + EXPONENT.len(), 256)?;
        let modulus: [u8; 256] = modulus.try_into().ok()?;
        (modulus[0] & 0x80 != 0).then(|| Self::Rsa2048(Box::new(modulus)))
    }
}

fn point<const LENGTH: usize>(octets: &[u8]) -> Result<[u8; LENGTH], tlv::Malformed> {
    let point: [u8; LENGTH] = octets.try_into().map_err(|_| tlv::Malformed)?;
    if point[0] == 0x04 { Ok(point) } else { Err(tlv::Malformed) }
}

fn key_info(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = [&tlv::tagged(0x06, algorithm)[..], parameters].concat();
    let mut info = tlv::tagged(0x30, &algorithm);
    tlv::append(&mut info, 0x03, &[&[0][..], key].concat());
    tlv::tagged(0x30, &info)
}

impl<T: Transport> Piv<T> {
    /// Makes a key on the card, in place of the one that was there. Needs the management key.
    ///
    /// Policies are a `YubiKey`'s; other cards have those of the slot, and are not told any.
    pub fn generate(
        &mut self,
        slot: Slot,
        algorithm: Algorithm,
        policies: Option<Policies>,
    ) -> Result<PublicKey, Error> {
        let act = "making a key";
        let mut template = tlv::tagged(0x80, &[algorithm.identifier()]);
        if let Some(policies) = policies {
            policies.append_to(&mut template);
        }
        let command = Command::new(GENERATE, 0x00, slot.reference());
        let command = command.with_data(tlv::tagged(0xAC, &template)).expecting(Answer::ANY);
        let data = self.obey(act, &command)?;
        let template = tlv::only(&data, 0x7F49).map_err(Error::unreadable(act))?;
        PublicKey::parse(algorithm, template).map_err(Error::unreadable(act))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A point and a modulus are read in their one form, and nothing else is.
    #[test]
    fn keys_are_read_in_their_form() {
        let point = [&[4][..], &[7; 64]].concat();
        let read = |algorithm, parts: &[(u32, &[u8])]| {
            let mut template = Vec::new();
            for (tag, value) in parts {
                tlv::append(&mut template, *tag, value);
            }
            PublicKey::parse(algorithm, &template)
        };
        assert!(read(Algorithm::P256, &[(0x86, &point)]).is_ok());
        assert!(read(Algorithm::P384, &[(0x86, &point)]).is_err(), "of the other curve");
        let compressed = [&[2][..], &[7; 64]].concat();
        assert!(read(Algorithm::P256, &[(0x86, &compressed)]).is_err());
        let modulus = [&[0x80][..], &[1; 255]].concat();
        let rsa =
            |modulus: &[u8], exponent: &[u8]| read(Algorithm::Rsa2048, &[(0x81, modulus), (0x82, exponent)]);
        assert!(rsa(&modulus, &[1, 0, 1]).is_ok() && rsa(&modulus, &[0, 1, 0, 1]).is_ok());
        assert!(rsa(&modulus, &[3]).is_err() && rsa(&modulus, &[]).is_err(), "another exponent");
        assert!(rsa(&modulus[1..], &[1, 0, 1]).is_err(), "a shorter modulus");
        assert!(rsa(&[1; 256], &[1, 0, 1]).is_err(), "a smaller modulus");
    }

    /// A key reads back from its certificate's form, and one of another kind or length does not.
    #[test]
    fn keys_read_back() {
        let mut modulus = [7; 256];
        modulus[0] = 0x80;
        for key in [PublicKey::P256([4; 65]), PublicKey::P384([4; 97]), PublicKey::Rsa2048(Box::new(modulus))]
        {
            let der = key.to_der();
            assert_eq!(PublicKey::from_der(&der), Some(key));
            for at in [0, 5, 15] {
                let mut other = der.clone();
                other[at] ^= 1;
                assert_eq!(PublicKey::from_der(&other), None, "{at}");
            }
            assert_eq!(PublicKey::from_der(&der[1..]), None);
        }
        assert_eq!(PublicKey::from_der(&[]), None);
    }

    proptest! {
        /// Nothing that a card says instead of a key makes the reader panic.
        #[test]
        fn any_template_is_read(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
                let _ = PublicKey::parse(algorithm, &octets);
            }
        }
    }
}
