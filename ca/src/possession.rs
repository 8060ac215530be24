//! PKCS#10 requests (RFC 2986) with their proof of possession, and what is wrong with those that have none.

use pki::Csr;

use crate::error::Error;
use crate::subject_key::SubjectKey;

/// Reads a request and verifies its proof of possession.
///
/// The signature of a key that is never certified, such as one of RSA with 1024 bits, is not verified at all: then the
/// key is what is wrong, and that is told.
pub(crate) fn proven(der: &[u8]) -> Result<Csr, Error> {
    Csr::from_der(der).map_err(|_| match Csr::unproven_key(der).map(|key| SubjectKey::parse(&key)) {
        Ok(Err(refused)) => refused.into(),
        Ok(Ok(_)) | Err(_) => Error::CsrRefused,
    })
}

/// The same for the first request in a PEM text.
pub(crate) fn proven_pem(text: &str) -> Result<Csr, Error> {
    let blocks = pki::pem_blocks(text, Csr::PEM_LABEL).map_err(|_| Error::CsrRefused)?;
    proven(blocks.first().ok_or(Error::CsrRefused)?)
}
