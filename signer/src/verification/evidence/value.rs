//! The signature value in a bundle of evidence, held against the certificate's key and what was signed.

use aws_lc_rs::digest::{self, Digest as Hashed, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ML_DSA_44, ML_DSA_65, ML_DSA_87,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use pki::Certificate;
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::api::EvidenceBundle;
use crate::bare::known_as;
use crate::evidence::RSA_LONGER;
use crate::rsa_key;
use crate::suite::Hash;
use crate::verification::attributes::message_digest;

/// What JOSE would call RSA with SHA-1.
pub(super) const SHA_1: &str = "RS1";
/// secp384r1, RFC 5480 2.1.1.1.
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// id-ml-dsa-65 and id-ml-dsa-87, RFC 9881 2.
const ML_DSA_65_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// Whether it is by a key, and of a kind, whose signatures are over a hash longer than the SHA-256 that the ledger has, and from a time when
/// that was not kept. Whatever the bundle calls it, the key has to be of that kind.
pub(super) fn is_unkept(bundle: &EvidenceBundle, signer: &Certificate) -> bool {
    let Ok(spki) = SubjectPublicKeyInfoRef::from_der(signer.spki_der()) else { return false };
    let curve = || spki.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let is_bare = bundle.signature.form.is_bare();
    let kind = match bundle.algorithm.as_str() {
        RSA_LONGER => is_bare && rsa_key::of(signer).is_some(),
        "ES384" => curve() == Some(P_384),
        "ML-DSA-65" => spki.algorithm.oid == ML_DSA_65_KEY,
        "ML-DSA-87" => spki.algorithm.oid == ML_DSA_87_KEY,
        _ => false,
    };
    kind && bundle.signed.is_none() && bundle.signature.hashed.is_none()
}

/// How a signature of a name is verified, and the hash of its documents.
fn suite(name: &str) -> Option<(&'static dyn VerificationAlgorithm, &'static digest::Algorithm)> {
    let found: (&'static dyn VerificationAlgorithm, &'static digest::Algorithm) = match name {
        "RS256" => (&RSA_PKCS1_2048_8192_SHA256, &SHA256),
        "RS384" => (&RSA_PKCS1_2048_8192_SHA384, &SHA384),
        "RS512" => (&RSA_PKCS1_2048_8192_SHA512, &SHA512),
        "PS256" => (&RSA_PSS_2048_8192_SHA256, &SHA256),
        // What is signed is in the bundle, and SHA-256 what it is known by.
        SHA_1 => (&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, &SHA256),
        "ES256" => (&ECDSA_P256_SHA256_ASN1, &SHA256),
        "ES384" => (&ECDSA_P384_SHA384_ASN1, &SHA384),
        "ML-DSA-44" => (&ML_DSA_44, &SHA256),
        "ML-DSA-65" => (&ML_DSA_65, &SHA512),
        "ML-DSA-87" => (&ML_DSA_87, &SHA512),
        _ => return None,
    };
    Some(found)
}

/// Whether the value is by the certificate's key, over the octets or the digest that the ledger has.
pub(super) fn is_by_key(bundle: &EvidenceBundle, certificate: &Certificate) -> Option<()> {
    let spki = SubjectPublicKeyInfoRef::from_der(certificate.spki_der()).ok()?;
    let signature = &bundle.signature;
    let (algorithm, hash) = suite(&bundle.algorithm)?;
    let key = UnparsedPublicKey::new(algorithm, spki.subject_public_key.raw_bytes());
    let value = STANDARD.decode(&signature.signature).ok()?;
    let known = STANDARD.decode(&signature.digest).ok()?;
    let longer = signature.hashed.as_ref().map(|text| STANDARD.decode(text)).transpose().ok()?;
    if let Some(longer) = &longer {
        let is_right = longer.len() == hash.output_len() && longer.len() > SHA256.output_len();
        // What was signed as it is, is authorised under a name that is made of it.
        let is_named = !signature.form.is_bare() || named(longer).as_deref() == Some(known.as_slice());
        if !is_right || !is_named {
            return None;
        }
    }
    let signed = longer.as_ref().unwrap_or(&known);
    let Some(text) = &bundle.signed else {
        let hashed = Hashed::import_less_safe(signed, hash).ok()?;
        return key.verify_digest(&hashed, &value).ok();
    };
    let octets = STANDARD.decode(text).ok()?;
    // A bare signature is over what the digest is of; a CMS is over attributes that hold the digest.
    let of_it = if signature.form.is_bare() {
        longer.is_none() && digest::digest(&SHA256, &octets).as_ref() == known
    } else {
        message_digest(&octets)? == *signed
    };
    of_it.then(|| key.verify(&octets, &value).ok()).flatten()
}

/// By what a longer hash is known in the ledger.
fn named(longer: &[u8]) -> Option<Vec<u8>> {
    let hash = [Hash::Sha384, Hash::Sha512].into_iter().find(|hash| hash.len() == longer.len())?;
    known_as(hash, longer).map(|digest| digest.0.to_vec())
}
