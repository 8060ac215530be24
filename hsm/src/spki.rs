//! Public keys: from a token's attributes to SPKI DER.

use const_oid::ObjectIdentifier;
use cryptoki::object::MlDsaParameterSetType;
use der::asn1::{BitStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::{Alg, Error};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
// RFC 9881 2.
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// RFC 8017 A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// `CKA_EC_PARAMS` of a curve: its object identifier in DER.
pub(crate) fn ec_params(alg: Alg) -> Option<Vec<u8>> {
    let oid = match alg {
        Alg::P256 => P256,
        Alg::P384 => P384,
        Alg::Ed25519 => ED25519,
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 | Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => {
            return None;
        }
    };
    oid.to_der().ok()
}

/// The curve that `CKA_EC_PARAMS` names, as an object identifier or, for Edwards curves, as a name.
pub(crate) fn alg_of_ec_params(params: &[u8]) -> Option<Alg> {
    const EDWARDS25519: &[u8] = b"\x13\x0cedwards25519";
    if params == EDWARDS25519 {
        return Some(Alg::Ed25519);
    }
    [Alg::P256, Alg::P384, Alg::Ed25519].into_iter().find(|alg| ec_params(*alg).as_deref() == Some(params))
}

/// The SPKI of an RSA key from `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`, with its algorithm.
pub(crate) fn from_rsa(modulus: &[u8], public_exponent: &[u8]) -> Result<(Alg, Vec<u8>), Error> {
    let unreadable = |_| Error::Unreadable("an RSA public key");
    let modulus = UintRef::new(modulus).map_err(unreadable)?;
    let alg = match modulus.as_bytes().len() * 8 {
        2048 => Alg::Rsa2048,
        3072 => Alg::Rsa3072,
        4096 => Alg::Rsa4096,
        bits => return Err(Error::NotSupported { what: format!("RSA keys of {bits} bits") }),
    };
    let public_exponent = UintRef::new(public_exponent).map_err(unreadable)?;
    let key = RsaPublicKey { modulus, public_exponent }.to_der().map_err(unreadable)?;
    // RFC 3279 2.3.1: the parameters are NULL.
    let algorithm = AlgorithmIdentifierRef { oid: RSA, parameters: Some(der::AnyRef::NULL) };
    Ok((alg, encode(algorithm, &key)?))
}

/// The SPKI of a key on a curve from `CKA_EC_POINT`, which tokens give as a DER OCTET STRING or bare.
pub(crate) fn from_point(alg: Alg, ec_point: &[u8]) -> Result<Vec<u8>, Error> {
    let unreadable = Error::Unreadable("a public point");
    let (length, algorithm) = match alg {
        Alg::P256 => (65, AlgorithmIdentifierRef { oid: EC, parameters: Some((&P256).into()) }),
        Alg::P384 => (97, AlgorithmIdentifierRef { oid: EC, parameters: Some((&P384).into()) }),
        // RFC 8410 3: no parameters.
        Alg::Ed25519 => (32, AlgorithmIdentifierRef { oid: ED25519, parameters: None }),
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 | Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => {
            return Err(unreadable);
        }
    };
    let point = if ec_point.len() == length {
        ec_point
    } else {
        <&der::asn1::OctetStringRef>::from_der(ec_point)
            .map(der::asn1::OctetStringRef::as_bytes)
            .map_err(|_| Error::Unreadable("a public point"))?
    };
    let uncompressed = alg == Alg::Ed25519 || point.first() == Some(&0x04);
    if point.len() != length || !uncompressed {
        return Err(unreadable);
    }
    encode(algorithm, point)
}

/// The SPKI of an ML-DSA key from `CKA_PARAMETER_SET` and `CKA_VALUE` (PKCS#11 3.2 6.67.2), with its algorithm.
pub(crate) fn from_ml_dsa(set: MlDsaParameterSetType, value: &[u8]) -> Result<(Alg, Vec<u8>), Error> {
    // FIPS 204, table 2: the length of a public key.
    let (alg, oid, length) = match set {
        MlDsaParameterSetType::ML_DSA_44 => (Alg::MlDsa44, ML_DSA_44, 1_312),
        MlDsaParameterSetType::ML_DSA_65 => (Alg::MlDsa65, ML_DSA_65, 1_952),
        MlDsaParameterSetType::ML_DSA_87 => (Alg::MlDsa87, ML_DSA_87, 2_592),
        _ => return Err(Error::NotSupported { what: "this parameter set of ML-DSA".to_owned() }),
    };
    if value.len() != length {
        return Err(Error::Unreadable("an ML-DSA public key"));
    }
    // RFC 9881 2: no parameters. 4: the key's octets as they are.
    Ok((alg, encode(AlgorithmIdentifierRef { oid, parameters: None }, value)?))
}

fn encode(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Vec<u8>, Error> {
    let unreadable = |_| Error::Unreadable("a public key");
    let subject_public_key = BitStringRef::from_bytes(key).map_err(unreadable)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point is read bare or in an OCTET STRING, gives the same SPKI, and a compressed or short one is refused.
    #[test]
    fn points_in_both_encodings() {
        let mut bare = vec![0x04];
        bare.extend([7u8; 64]);
        let wrapped = [&[0x04, 65][..], &bare].concat();
        let spki = from_point(Alg::P256, &bare).unwrap();
        assert_eq!(spki, from_point(Alg::P256, &wrapped).unwrap());
        assert!(spki.ends_with(&bare));
        let mut compressed = bare.clone();
        compressed[0] = 0x02;
        assert!(from_point(Alg::P256, &compressed).is_err());
        assert!(from_point(Alg::P256, &bare[..64]).is_err());
        assert!(from_point(Alg::P384, &bare).is_err());
    }

    /// An ML-DSA key has no parameters and its own length, and one of another length is refused.
    #[test]
    fn ml_dsa_keys_have_their_length() {
        let (alg, spki) = from_ml_dsa(MlDsaParameterSetType::ML_DSA_44, &[7; 1_312]).unwrap();
        assert_eq!((alg, spki.len()), (Alg::MlDsa44, 1_334));
        assert_eq!(spki[4..17], [0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17]);
        assert!(from_ml_dsa(MlDsaParameterSetType::ML_DSA_65, &[7; 1_312]).is_err());
        assert!(from_ml_dsa(MlDsaParameterSetType::ML_DSA_87, &[7; 2_591]).is_err());
    }

    /// An RSA modulus with its high bit set and one with a leading zero give the same SPKI.
    #[test]
    fn rsa_modulus_with_and_without_leading_zero() {
        let modulus = [0x80u8; 256];
        let padded = [&[0u8][..], &modulus].concat();
        let (found, spki) = from_rsa(&modulus, &[1, 0, 1]).unwrap();
        assert_eq!(found, Alg::Rsa2048);
        assert_eq!(from_rsa(&padded, &[1, 0, 1]).unwrap().1, spki);
        assert!(from_rsa(&modulus[..128], &[1, 0, 1]).is_err());
    }
}
