//! Signatures as strangers check them.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use x509_cert::Certificate;

/// The public key in a certificate in base64, as SPKI DER.
pub(crate) fn key_of(certificate: &str) -> Vec<u8> {
    let parsed = pki::Certificate::from_der(&STANDARD.decode(certificate).unwrap()).unwrap();
    parsed.spki_der().to_vec()
}

/// A bare signature over a message must verify with the certificate's key.
pub(crate) fn verify_raw(certificate: &[u8], message: &[u8], signature: &[u8]) {
    let parsed = Certificate::from_der(certificate).unwrap();
    let key = parsed.tbs_certificate().subject_public_key_info();
    let bits = key.subject_public_key.raw_bytes();
    let rsa = key.algorithm.oid == const_oid::db::rfc5912::RSA_ENCRYPTION;
    let verified = if rsa {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, bits).verify(message, signature)
    } else {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bits).verify(message, signature)
    };
    verified.unwrap();
}
