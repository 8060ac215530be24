//! The RSA key of a certificate, as the verifiers of PKCS #1 take it.

use der::Decode as _;
use pki::Certificate;
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoOwned};

/// rsaEncryption, RFC 3279 2.3.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// `RSAPublicKey`, when the key is one.
pub(crate) fn of(certificate: &Certificate) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoOwned::from_der(certificate.spki_der()).ok()?;
    (key.algorithm.oid == RSA).then(|| key.subject_public_key.as_bytes().map(<[u8]>::to_vec)).flatten()
}
