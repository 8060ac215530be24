//! The public keys we certify: RSA of 2048 bits or more with exponent 65537, a point on P-256 or P-384, or ML-DSA.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ML_DSA_44, ML_DSA_65, ML_DSA_87, ParsedPublicKey,
};
use const_oid::ObjectIdentifier;
use const_oid::db::fips204::{ID_ML_DSA_44, ID_ML_DSA_65, ID_ML_DSA_87};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use der::asn1::UintRef;
use der::{Decode, Sequence};
use hsm::Alg;
use spki::SubjectPublicKeyInfoRef;

use crate::weak;

/// A public key that the key policy (docs/cps.md 3.5) accepts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    alg: Alg,
    spki: Vec<u8>,
    key_id: Vec<u8>,
}

/// Why a key is not certified.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// Not a `SubjectPublicKeyInfo` in DER.
    #[error("the key is not a SubjectPublicKeyInfo in DER")]
    Malformed,
    /// Not RSA, elliptic-curve or ML-DSA.
    #[error("keys of this algorithm are not certified; use RSA, P-256, P-384 or ML-DSA")]
    Algorithm,
    /// A curve other than P-256 and P-384.
    #[error("keys on this curve are not certified; use P-256 or P-384")]
    Curve,
    /// The point is compressed, at infinity or not on the curve.
    #[error("the public key is not a point on its curve in uncompressed form")]
    Point,
    /// Of another length than its parameter set, or with parameters.
    #[error("the ML-DSA public key is not one of its parameter set")]
    MlDsa,
    /// Not 2048, 3072 or 4096 bits.
    #[error("an RSA key of {bits} bits is not certified; use 2048, 3072 or 4096")]
    RsaSize {
        /// The modulus's bits.
        bits: usize,
    },
    /// Not 65537.
    #[error("an RSA key has the public exponent 65537")]
    RsaExponent,
    /// Divisible by a small prime, so not a product of two large ones.
    #[error("the RSA modulus has a small factor")]
    RsaFactor,
    /// Made by the library of CVE-2017-15361.
    #[error(
        "the RSA modulus has the mark of a faulty library (ROCA, CVE-2017-15361); make a new key elsewhere"
    )]
    RsaRoca,
    /// Its two primes are so close together that it is taken apart at once.
    #[error("the factors of the RSA modulus are too close together")]
    RsaCloseFactors,
    /// On the list of refused keys.
    #[error("this key is on the list of refused keys; make a new one")]
    Listed,
    /// A certificate of it was revoked because the key was in other hands.
    #[error("a certificate of this key was revoked for key compromise; make a new key")]
    Compromised,
    /// It is a key of this authority itself.
    #[error(
        "this is a key of the certificate authority itself, which serves nothing else; make a key of your own"
    )]
    OfAuthority,
    /// Somebody else has a certificate for it.
    #[error("this key is certified for somebody else; each person has keys of their own")]
    OfAnother,
    /// The same person uses it for something else.
    #[error("this key is certified under the profile \"{0}\"; a key serves one profile")]
    OfAnotherProfile(String),
    /// The profile takes each key once.
    #[error("this key was certified before, and this profile takes a new key each time")]
    UsedBefore,
    /// The profile does not take this kind.
    #[error("this profile does not certify {0} keys")]
    NotInProfile(Alg),
}

impl SubjectKey {
    pub(crate) fn parse(spki: &[u8]) -> Result<SubjectKey, KeyRefused> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| KeyRefused::Malformed)?;
        let key = info.subject_public_key.as_bytes().ok_or(KeyRefused::Malformed)?;
        let alg = match info.algorithm.oid {
            RSA_ENCRYPTION => rsa(&info, key)?,
            ID_EC_PUBLIC_KEY => elliptic(&info, key)?,
            ID_ML_DSA_44 | ID_ML_DSA_65 | ID_ML_DSA_87 => ml_dsa(&info, key)?,
            _ => return Err(KeyRefused::Algorithm),
        };
        Ok(SubjectKey { alg, key_id: key_id(key), spki: spki.to_vec() })
    }

    pub(crate) fn alg(&self) -> Alg {
        self.alg
    }

    /// `SubjectPublicKeyInfo` in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The modulus of an RSA key, big-endian without leading zeros.
    pub(crate) fn modulus(&self) -> Option<Vec<u8>> {
        let info = SubjectPublicKeyInfoRef::from_der(&self.spki).ok()?;
        let key = info.subject_public_key.as_bytes().filter(|_| info.algorithm.oid == RSA_ENCRYPTION)?;
        RsaPublicKey::from_der(key).ok().map(|key| key.modulus.as_bytes().to_vec())
    }

    /// The subject key identifier this key gets.
    pub(crate) fn key_id(&self) -> &[u8] {
        &self.key_id
    }
}

/// The leftmost 160 bits of SHA-256 over the key's bits: RFC 7093 2, method 1.
fn key_id(key: &[u8]) -> Vec<u8> {
    crate::digest::sha256(key)[..20].to_vec()
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn rsa(info: &SubjectPublicKeyInfoRef<'_>, key: &[u8]) -> Result<Alg, KeyRefused> {
    // RFC 3279 2.3.1: the parameters are NULL.
    let parameters = info.algorithm.parameters.ok_or(KeyRefused::Malformed)?;
    parameters.decode_as::<der::asn1::Null>().map_err(|_| KeyRefused::Malformed)?;
    let key = RsaPublicKey::from_der(key).map_err(|_| KeyRefused::Malformed)?;
    if key.exponent.as_bytes() != [1, 0, 1] {
        return Err(KeyRefused::RsaExponent);
    }
    let modulus = key.modulus.as_bytes();
    let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let alg = match modulus.len() * 8 - zeros {
        2048 => Alg::Rsa2048,
        3072 => Alg::Rsa3072,
        4096 => Alg::Rsa4096,
        bits => return Err(KeyRefused::RsaSize { bits }),
    };
    match weak::fault(modulus) {
        Some(refused) => Err(refused),
        None => Ok(alg),
    }
}

fn elliptic(info: &SubjectPublicKeyInfoRef<'_>, key: &[u8]) -> Result<Alg, KeyRefused> {
    let parameters = info.algorithm.parameters.ok_or(KeyRefused::Curve)?;
    let (alg, verification) = match parameters.decode_as::<ObjectIdentifier>() {
        Ok(SECP_256_R_1) => (Alg::P256, &ECDSA_P256_SHA256_ASN1),
        Ok(SECP_384_R_1) => (Alg::P384, &ECDSA_P384_SHA384_ASN1),
        _ => return Err(KeyRefused::Curve),
    };
    // RFC 5480 2.2: 04 marks the uncompressed form. aws-lc checks that the point is on the curve.
    if key.first() != Some(&4) || ParsedPublicKey::new(verification, key).is_err() {
        return Err(KeyRefused::Point);
    }
    Ok(alg)
}

fn ml_dsa(info: &SubjectPublicKeyInfoRef<'_>, key: &[u8]) -> Result<Alg, KeyRefused> {
    let (alg, verification) = match info.algorithm.oid {
        ID_ML_DSA_44 => (Alg::MlDsa44, &ML_DSA_44),
        ID_ML_DSA_65 => (Alg::MlDsa65, &ML_DSA_65),
        _ => (Alg::MlDsa87, &ML_DSA_87),
    };
    // RFC 9881 2: the parameters are absent. 4: the key is the octets of FIPS 204, whose length aws-lc checks.
    if info.algorithm.parameters.is_some() || ParsedPublicKey::new(verification, key).is_err() {
        return Err(KeyRefused::MlDsa);
    }
    Ok(alg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn1::{BIT_STRING, INTEGER, NULL, SEQUENCE, oid, tlv, unsigned};

    fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key = tlv(SEQUENCE, &[&unsigned(INTEGER, modulus), &unsigned(INTEGER, exponent)]);
        let algorithm = tlv(SEQUENCE, &[&oid(&RSA_ENCRYPTION), &tlv(NULL, &[])]);
        tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], &key])])
    }

    fn ec_spki(curve: &ObjectIdentifier, point: &[u8]) -> Vec<u8> {
        let algorithm = tlv(SEQUENCE, &[&oid(&ID_EC_PUBLIC_KEY), &oid(curve)]);
        tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], point])])
    }

    /// An odd number of this many bits without a small factor.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut octets = vec![0xff; bits / 8];
        let last = octets.len() - 1;
        // From the middle, so that a search downwards ends within the last octet.
        octets[bits / 16] = 0x5a;
        while weak::fault(&octets).is_some() {
            octets[last] -= 2;
        }
        octets
    }

    fn point() -> Vec<u8> {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        pair.public_key().as_ref().to_vec()
    }

    fn ml_dsa_spki(id: &ObjectIdentifier, length: usize) -> Vec<u8> {
        let algorithm = tlv(SEQUENCE, &[&oid(id)]);
        tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], &vec![7; length]])])
    }

    /// Good keys pass and have an identifier of 20 octets.
    #[test]
    fn good_keys_are_accepted() {
        for (bits, alg) in [(2048, Alg::Rsa2048), (3072, Alg::Rsa3072), (4096, Alg::Rsa4096)] {
            let key = SubjectKey::parse(&rsa_spki(&modulus(bits), &[1, 0, 1])).ok().unwrap();
            assert_eq!((key.alg(), key.key_id().len()), (alg, 20));
        }
        assert_eq!(SubjectKey::parse(&ec_spki(&SECP_256_R_1, &point())).ok().unwrap().alg(), Alg::P256);
        // Any octets of the right length are a key of ML-DSA.
        let sets = [(ID_ML_DSA_44, 1_312), (ID_ML_DSA_65, 1_952), (ID_ML_DSA_87, 2_592)];
        for ((id, length), alg) in sets.into_iter().zip([Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87]) {
            let key = SubjectKey::parse(&ml_dsa_spki(&id, length)).ok().unwrap();
            assert_eq!((key.alg(), key.key_id().len()), (alg, 20));
        }
    }

    /// Each kind of bad key is refused for its own reason.
    #[test]
    fn bad_keys_are_refused() {
        let mut off_curve = point();
        off_curve[40] ^= 1;
        let mut even = modulus(2048);
        *even.last_mut().unwrap() = 0xfe;
        let k1 = ObjectIdentifier::new_unwrap("1.3.132.0.10");
        let cases = [
            (b"nonsense".to_vec(), KeyRefused::Malformed),
            (rsa_spki(&modulus(1024), &[1, 0, 1]), KeyRefused::RsaSize { bits: 1024 }),
            (rsa_spki(&modulus(2056), &[1, 0, 1]), KeyRefused::RsaSize { bits: 2056 }),
            (rsa_spki(&modulus(2048), &[3]), KeyRefused::RsaExponent),
            (rsa_spki(&even, &[1, 0, 1]), KeyRefused::RsaFactor),
            (ec_spki(&k1, &point()), KeyRefused::Curve),
            (ec_spki(&SECP_256_R_1, &off_curve), KeyRefused::Point),
            (ec_spki(&SECP_384_R_1, &point()), KeyRefused::Point),
            (ec_spki(&SECP_256_R_1, &[0]), KeyRefused::Point),
            (ml_dsa_spki(&ID_ML_DSA_44, 1_311), KeyRefused::MlDsa),
            (ml_dsa_spki(&ID_ML_DSA_65, 1_312), KeyRefused::MlDsa),
            (
                ml_dsa_spki(&ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.32"), 1_312),
                KeyRefused::Algorithm,
            ),
        ];
        for (spki, why) in cases {
            assert_eq!(SubjectKey::parse(&spki).err(), Some(why));
        }
    }
}
