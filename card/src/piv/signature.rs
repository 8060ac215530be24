//! Signatures: what a key is given so that a signature over a digest comes out. NIST SP 800-73-5 part 2, appendix A.4.

use crate::transport::Transport;

use super::{Algorithm, Error, Piv, Slot};

/// A digest, which the card signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// Of SHA-256.
    Sha256([u8; 32]),
    /// Of SHA-384.
    Sha384([u8; 48]),
    /// Of SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Sha256(octets) => octets,
            Self::Sha384(octets) => octets,
            Self::Sha512(octets) => octets,
        }
    }

    /// `DigestInfo` up to the digest. RFC 8017 9.2, note 1.
    fn info(&self) -> [u8; 19] {
        let (last, length) = match self {
            Self::Sha256(_) => (1, 0x20),
            Self::Sha384(_) => (2, 0x30),
            Self::Sha512(_) => (3, 0x40),
        };
        let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
        let mut info =
            [0x30, 0x11 + length, 0x30, 0x0D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x05, 0x00, 0x04, length];
        info[4..15].copy_from_slice(&oid);
        info
    }

    /// The digest as a number of the curve's length: its leftmost octets, or all of it behind zeros. FIPS 186-5, 6.4.1.
    fn as_number(&self, length: usize) -> Vec<u8> {
        let octets = self.octets();
        let kept = &octets[..octets.len().min(length)];
        let mut number = vec![0; length - kept.len()];
        number.extend_from_slice(kept);
        number
    }

    /// The digest encoded by EMSA-PKCS1-v1_5 for a modulus of 256 octets. RFC 8017 9.2.
    fn as_block(&self) -> Vec<u8> {
        let tail = [&[0x00][..], &self.info(), self.octets()].concat();
        let mut block = vec![0xFF; 256 - tail.len()];
        block[0] = 0x00;
        block[1] = 0x01;
        block.extend(tail);
        block
    }
}

impl<T: Transport> Piv<T> {
    /// Signs a digest: in ECDSA with the signature as DER, in RSA by PKCS #1 v1.5. The signing key wants the passcode entered right
    /// before each signature.
    ///
    /// The signature is as the card gave it: verify it before it goes anywhere.
    pub fn sign(&mut self, slot: Slot, algorithm: Algorithm, digest: &Digest) -> Result<Vec<u8>, Error> {
        let (input, longest) = match algorithm {
            Algorithm::P256 => (digest.as_number(32), 72),
            Algorithm::P384 => (digest.as_number(48), 104),
            Algorithm::Rsa2048 => (digest.as_block(), 256),
        };
        let signature = self.transform(slot, algorithm, &input)?;
        if signature.is_empty() || signature.len() > longest {
            return Err(Error::Unreadable { act: "signing" });
        }
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block of a digest is the one that RFC 8017 describes.
    #[test]
    fn digest_is_padded() {
        let block = Digest::Sha256([0xAB; 32]).as_block();
        assert_eq!(block.len(), 256);
        let info = hex::decode("003031300d060960864801650304020105000420").unwrap();
        assert_eq!(block[..2], [0, 1]);
        assert!(block[2..204].iter().all(|octet| *octet == 0xFF));
        assert_eq!(block[204..224], info);
        assert_eq!(block[224..], [0xAB; 32]);
        assert_eq!(hex::encode(Digest::Sha512([0; 64]).info()), "3051300d060960864801650304020305000440");
    }

    /// A long digest is cut to the curve's length, a short one stands behind zeros.
    #[test]
    fn digest_fits_the_curve() {
        assert_eq!(Digest::Sha384([7; 48]).as_number(32), [7; 32]);
        let number = Digest::Sha256([7; 32]).as_number(48);
        assert_eq!((&number[..16], &number[16..]), (&[0; 16][..], &[7; 32][..]));
    }
}
