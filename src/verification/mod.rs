//! What a stranger's tool does with one of our signatures: reads it, and believes nothing.
//!
//! Synchronous and without I/O: the caller brings the document, the roots, the revocation lists and
//! the time. The clauses are those of RFC 5652 5.4 and 5.6, RFC 5035 and RFC 6211.

mod attributes;
mod signed;

use pki::path;
use pki::{Certificate, KeyUsage};

pub use signed::{Document, Malformed, Signature};

/// Reads octets as a signature, detached and enveloping, and judges what comes out: the body of a fuzz target.
#[doc(hidden)]
pub fn read_anything(octets: &[u8]) {
    let trust = Trust { anchors: &[], extra: &[], known: path::Known::default(), at_ms: 1_798_761_600_000 };
    for document in [Document::Inside, Document::Beside(b"21 capsules")] {
        // Nobody is trusted, so nothing holds.
        assert!(verify(octets, document, &trust).is_err(), "a signature held without a root");
    }
}

/// Whom and what to trust, and when.
#[derive(Debug)]
pub struct Trust<'a> {
    /// The roots.
    pub anchors: &'a [Certificate],
    /// Certificates that may be missing in the signature.
    pub extra: &'a [Certificate],
    /// Revocation lists and OCSP answers; every certificate below a root needs one that covers it.
    pub known: path::Known<'a>,
    /// The time to judge at, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// A signature that holds, and what it says.
#[derive(Debug)]
pub struct Valid {
    /// The signer's certificate.
    pub signer: Certificate,
    /// The chain from the signer to the root.
    pub proof: path::Proof,
    /// The time the signer claims, in milliseconds since the epoch. Nobody else vouches for it.
    pub claimed_at_ms: Option<i64>,
    /// The digest of the document, in hexadecimal.
    pub digest: String,
}

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The document is not the signed one.
    #[error(
        "the document is not the one that was signed: its SHA-2 digest is {found}, the signature covers {signed}"
    )]
    DocumentChanged {
        /// Digest of the document given.
        found: String,
        /// Digest in the signature.
        signed: String,
    },
    /// The signature value does not match the signer's key.
    #[error("the signature value does not match the key of the signer's certificate")]
    WrongSignature,
    /// The signing-certificate attribute names another certificate.
    #[error(
        "the signature was made for another certificate than the one it carries (signing-certificate-v2)"
    )]
    OtherCertificate,
    /// The certificate is not for signing documents.
    #[error("the signer's certificate is not for signing documents: its key usage is {usage}")]
    KeyUsage {
        /// What the certificate says.
        usage: String,
    },
    /// The chain does not hold.
    #[error("the signer's certificate is not to be trusted: {0}")]
    Path(#[source] path::Error),
}

/// Checks every signature in `cms` over `document` and returns what each says.
pub fn verify(cms: &[u8], document: Document<'_>, trust: &Trust<'_>) -> Result<Vec<Valid>, Invalid> {
    signed::read(cms, document)?.iter().map(|signature| check(signature, trust)).collect()
}

fn check(signature: &Signature, trust: &Trust<'_>) -> Result<Valid, Invalid> {
    if signature.signed_digest != signature.document_digest {
        return Err(Invalid::DocumentChanged {
            found: hex::encode(&signature.document_digest),
            signed: hex::encode(&signature.signed_digest),
        });
    }
    let signer = signature.signer()?;
    // RFC 5035 4: the attribute binds the signature to this very certificate.
    if !signature.names_certificate(signer) {
        return Err(Invalid::OtherCertificate);
    }
    pki::verify_signature(
        signer.spki_der(),
        &signature.algorithm_der,
        &signature.attributes_der,
        &signature.value,
    )
    .map_err(|_| Invalid::WrongSignature)?;
    check_usage(signer)?;
    let mut extra = signature.certificates.clone();
    extra.extend_from_slice(trust.extra);
    let policy = path::Policy { revocation: path::Revocation::Required, ..path::Policy::default() };
    let proof = path::check(signer, &extra, trust.anchors, trust.known, trust.at_ms, &policy)
        .map_err(Invalid::Path)?;
    Ok(Valid {
        signer: signer.clone(),
        proof,
        claimed_at_ms: signature.claimed_at_ms,
        digest: hex::encode(&signature.document_digest),
    })
}

/// RFC 5280 4.2.1.3: what commits a person is signed with a key for nonRepudiation. A certificate for TLS or another
/// purpose of its own commits nobody to a document.
fn check_usage(signer: &Certificate) -> Result<(), Invalid> {
    let usage = signer.key_usage();
    let commits = usage.is_some_and(|usage| usage.contains(KeyUsage::NON_REPUDIATION));
    if commits && signer.extended_key_usage().is_none() {
        Ok(())
    } else {
        Err(Invalid::KeyUsage { usage: format!("{usage:?}") })
    }
}

#[cfg(test)]
mod tests;
