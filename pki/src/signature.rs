//! One signature, verified by aws-lc-rs with the `AlgorithmIdentifier` held to its RFC.

use aws_lc_rs::signature::{self as verifiers, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use der::Decode;

use crate::tlv::{self, Reader};

/// Why a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm is not one this crate verifies.
    #[error("the signature algorithm {0} is not supported")]
    UnsupportedAlgorithm(ObjectIdentifier),
    /// The parameters are not those the algorithm's RFC asks for.
    #[error("the parameters of the signature algorithm {0} are not as its standard says")]
    Parameters(ObjectIdentifier),
    /// The key's algorithm or curve is not one this crate verifies, or does not go with the signature's.
    #[error("the key does not go with the signature algorithm {0}")]
    KeyMismatch(ObjectIdentifier),
    /// The algorithm identifier or the public key is not well-formed.
    #[error("the algorithm identifier or the public key is not well-formed")]
    Malformed,
    /// The signature does not verify under the key, or the key is too weak to be used.
    #[error("the signature does not verify under the key")]
    Invalid,
}

/// Verifies `signature` over `message`.
///
/// `spki_der` is a `SubjectPublicKeyInfo`, `algorithm_der` an `AlgorithmIdentifier`. RSA from 2048 to 8192
/// bits with PKCS#1 v1.5 or PSS (SHA-256, SHA-384, SHA-512), ECDSA on P-256, P-384 and P-521, Ed25519, ML-DSA-44, -65 and
/// -87 in its pure form and without a context (RFC 9881 3).
/// Returning `Ok` promises that the signature is good; nothing is promised of who owns the key.
pub fn verify_signature(
    spki_der: &[u8],
    algorithm_der: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let key = PublicKey::read(spki_der)?;
    let algorithm = Algorithm::read(algorithm_der)?;
    let verifier = verifier(&algorithm, &key)?;
    UnparsedPublicKey::new(verifier, key.bytes)
        .verify(message, signature)
        .map_err(|_| SignatureError::Invalid)
}

/// The same as [`verify_signature`] for a message that is known by its digest, made with the algorithm's own hash.
pub fn verify_digest(
    spki_der: &[u8],
    algorithm_der: &[u8],
    digest: &aws_lc_rs::digest::Digest,
    signature: &[u8],
) -> Result<(), SignatureError> {
    let key = PublicKey::read(spki_der)?;
    let algorithm = Algorithm::read(algorithm_der)?;
    let verifier = verifier(&algorithm, &key)?;
    // A digest of another hash is refused by the verifier.
    UnparsedPublicKey::new(verifier, key.bytes)
        .verify_digest(digest, signature)
        .map_err(|_| SignatureError::Invalid)
}

/// An `AlgorithmIdentifier`: what, and the DER of the parameters.
struct Algorithm<'a> {
    oid: ObjectIdentifier,
    parameters: Option<&'a [u8]>,
}

/// A `SubjectPublicKeyInfo` taken apart.
struct PublicKey<'a> {
    algorithm: Algorithm<'a>,
    bytes: &'a [u8],
}

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// The DER of NULL.
const NULL: &[u8] = &[0x05, 0x00];
/// The DER of the named curves (RFC 5480 2.1.1.1).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

impl<'a> Algorithm<'a> {
    fn read(der: &'a [u8]) -> Result<Self, SignatureError> {
        let mut outer = Reader::new(der, "algorithm identifier");
        let fields = outer.enter(tlv::SEQUENCE).and_then(|fields| outer.finish().map(|()| fields));
        Self::fields(fields.map_err(|_| SignatureError::Malformed)?)
    }

    fn fields(mut fields: Reader<'a>) -> Result<Self, SignatureError> {
        let oid = fields.expect(tlv::OID).map_err(|_| SignatureError::Malformed)?;
        let oid = ObjectIdentifier::from_der(oid.whole).map_err(|_| SignatureError::Malformed)?;
        let parameters = if fields.is_empty() { None } else { fields.any().ok().map(|tlv| tlv.whole) };
        fields.finish().map_err(|_| SignatureError::Malformed)?;
        Ok(Self { oid, parameters })
    }

    /// RFC 4055 5: the parameters are NULL, and absent ones must be accepted.
    fn is_null_or_absent(&self) -> bool {
        self.parameters.is_none_or(|parameters| parameters == NULL)
    }

    fn wrong_parameters(&self) -> SignatureError {
        SignatureError::Parameters(self.oid)
    }
}

impl<'a> PublicKey<'a> {
    fn read(der: &'a [u8]) -> Result<Self, SignatureError> {
        let read = || {
            let mut outer = Reader::new(der, "public key");
            let mut fields = outer.enter(tlv::SEQUENCE)?;
            outer.finish()?;
            let algorithm = fields.expect(tlv::SEQUENCE)?;
            let bytes = tlv::bits(fields.expect(tlv::BIT_STRING)?, "public key")?;
            fields.finish().map(|()| (algorithm, bytes))
        };
        let (algorithm, bytes) = read().map_err(|_| SignatureError::Malformed)?;
        Ok(Self { algorithm: Algorithm::read(algorithm.whole)?, bytes })
    }
}

/// The verifier for this algorithm and key, when they go together.
fn verifier(
    algorithm: &Algorithm<'_>,
    key: &PublicKey<'_>,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    match algorithm.oid {
        SHA256_RSA => pkcs1(algorithm, key, &verifiers::RSA_PKCS1_2048_8192_SHA256),
        SHA384_RSA => pkcs1(algorithm, key, &verifiers::RSA_PKCS1_2048_8192_SHA384),
        SHA512_RSA => pkcs1(algorithm, key, &verifiers::RSA_PKCS1_2048_8192_SHA512),
        PSS => pss(algorithm, key),
        ECDSA_SHA256 | ECDSA_SHA384 | ECDSA_SHA512 => ecdsa(algorithm, key),
        // RFC 8410 3 and RFC 9881 2: one identifier for key and signature.
        ED25519 => of_one_name(algorithm, key, &verifiers::ED25519),
        ML_DSA_44 => of_one_name(algorithm, key, &verifiers::ML_DSA_44),
        ML_DSA_65 => of_one_name(algorithm, key, &verifiers::ML_DSA_65),
        ML_DSA_87 => of_one_name(algorithm, key, &verifiers::ML_DSA_87),
        oid => Err(SignatureError::UnsupportedAlgorithm(oid)),
    }
}

fn pkcs1(
    algorithm: &Algorithm<'_>,
    key: &PublicKey<'_>,
    verifier: &'static dyn VerificationAlgorithm,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    if !algorithm.is_null_or_absent() {
        return Err(algorithm.wrong_parameters());
    }
    // RFC 3279 2.3.1: the key's parameters MUST be NULL.
    let goes = key.algorithm.oid == RSA && key.algorithm.parameters == Some(NULL);
    if goes { Ok(verifier) } else { Err(SignatureError::KeyMismatch(algorithm.oid)) }
}

fn pss(
    algorithm: &Algorithm<'_>,
    key: &PublicKey<'_>,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    let parameters = algorithm.parameters.ok_or_else(|| algorithm.wrong_parameters())?;
    let verifier: &dyn VerificationAlgorithm = match pss_hash(parameters) {
        Some(SHA256) => &verifiers::RSA_PSS_2048_8192_SHA256,
        Some(SHA384) => &verifiers::RSA_PSS_2048_8192_SHA384,
        Some(SHA512) => &verifiers::RSA_PSS_2048_8192_SHA512,
        _ => return Err(algorithm.wrong_parameters()),
    };
    // RFC 4055 1.2, 3.3: a plain RSA key, or a PSS key that either leaves the parameters open or names these.
    let goes = match key.algorithm.oid {
        RSA => key.algorithm.parameters == Some(NULL),
        PSS => key.algorithm.parameters.is_none_or(|limits| pss_hash(limits) == pss_hash(parameters)),
        _ => false,
    };
    if goes { Ok(verifier) } else { Err(SignatureError::KeyMismatch(algorithm.oid)) }
}

/// The hash of `RSASSA-PSS-params` (RFC 4055 3.1) when mask and salt go with it and the trailer is the default.
///
/// Every field is demanded as the RFC recommends it: one hash for both uses, a salt as long as the hash.
fn pss_hash(parameters: &[u8]) -> Option<ObjectIdentifier> {
    let mut outer = Reader::new(parameters, "PSS parameters");
    let mut fields = outer.enter(tlv::SEQUENCE).ok()?;
    outer.finish().ok()?;
    let hash = hash_algorithm(fields.enter(tlv::context(0)).ok()?)?;
    let mask = Algorithm::read(fields.expect(tlv::context(1)).ok()?.value).ok()?;
    let mask_hash = Algorithm::read(mask.parameters?).ok().filter(Algorithm::is_null_or_absent)?;
    let mut salt = fields.enter(tlv::context(2)).ok()?;
    let salt = salt.expect(tlv::INTEGER).ok()?.value;
    // RFC 4055 3.1: the trailer is 1, and a verifier takes it absent or written out.
    let trailer = fields.optional(tlv::context(3)).ok()?;
    fields.finish().ok()?;
    if trailer.is_some_and(|trailer| trailer.value != [tlv::INTEGER, 1, 1]) {
        return None;
    }
    let length: u8 = match hash {
        SHA256 => 32,
        SHA384 => 48,
        SHA512 => 64,
        _ => return None,
    };
    (mask.oid == MGF1 && mask_hash.oid == hash && salt == [length]).then_some(hash)
}

fn hash_algorithm(mut field: Reader<'_>) -> Option<ObjectIdentifier> {
    let algorithm = Algorithm::fields(field.enter(tlv::SEQUENCE).ok()?).ok()?;
    field.finish().ok()?;
    algorithm.is_null_or_absent().then_some(algorithm.oid)
}

fn ecdsa(
    algorithm: &Algorithm<'_>,
    key: &PublicKey<'_>,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    // RFC 5758 3.2: the parameters MUST be absent.
    if algorithm.parameters.is_some() {
        return Err(algorithm.wrong_parameters());
    }
    if key.algorithm.oid != EC_PUBLIC_KEY {
        return Err(SignatureError::KeyMismatch(algorithm.oid));
    }
    // RFC 5480 2.1.1: a named curve. 2.2: the point is not compressed, as far as this crate goes.
    let curve = key.algorithm.parameters.unwrap_or_default();
    if key.bytes.first() != Some(&0x04) {
        return Err(SignatureError::Malformed);
    }
    Ok(match (curve, algorithm.oid) {
        (P256, ECDSA_SHA256) => &verifiers::ECDSA_P256_SHA256_ASN1,
        (P256, ECDSA_SHA384) => &verifiers::ECDSA_P256_SHA384_ASN1,
        (P256, ECDSA_SHA512) => &verifiers::ECDSA_P256_SHA512_ASN1,
        (P384, ECDSA_SHA256) => &verifiers::ECDSA_P384_SHA256_ASN1,
        (P384, ECDSA_SHA384) => &verifiers::ECDSA_P384_SHA384_ASN1,
        (P384, ECDSA_SHA512) => &verifiers::ECDSA_P384_SHA512_ASN1,
        (P521, ECDSA_SHA256) => &verifiers::ECDSA_P521_SHA256_ASN1,
        (P521, ECDSA_SHA384) => &verifiers::ECDSA_P521_SHA384_ASN1,
        (P521, ECDSA_SHA512) => &verifiers::ECDSA_P521_SHA512_ASN1,
        _ => return Err(SignatureError::KeyMismatch(algorithm.oid)),
    })
}

/// The parameters MUST be absent, in key and signature, and both have the same identifier.
fn of_one_name(
    algorithm: &Algorithm<'_>,
    key: &PublicKey<'_>,
    verifier: &'static dyn VerificationAlgorithm,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    if algorithm.parameters.is_some() {
        return Err(algorithm.wrong_parameters());
    }
    let goes = key.algorithm.oid == algorithm.oid && key.algorithm.parameters.is_none();
    if goes { Ok(verifier) } else { Err(SignatureError::KeyMismatch(algorithm.oid)) }
}
