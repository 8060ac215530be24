//! TLS: the library's one set-up for the process, reading PEM files, and the client's side.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::problem::Problem;

/// Makes aws-lc-rs the process's cryptography for TLS. Call it first in `main`; later calls do nothing.
pub fn install_crypto_provider() {
    // An error says that one is installed already, which is what is wanted.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A TLS file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read as PEM.
    #[error("{file} cannot be read as PEM: {reason}")]
    File {
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The file has nothing of what is looked for.
    #[error("{file} has no certificate in it")]
    Empty {
        /// Which file.
        file: String,
    },
    /// The parts do not fit together.
    #[error("the TLS certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::internal(error)
    }
}

/// Reads every certificate of a PEM file.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unreadable = |error: rustls::pki_types::pem::Error| Error::File {
        file: file.display().to_string(),
        reason: error.to_string(),
    };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(unreadable)?;
    if found.is_empty() { Err(Error::Empty { file: file.display().to_string() }) } else { Ok(found) }
}

/// Reads the private key of a PEM file.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| Error::File { file: file.display().to_string(), reason: error.to_string() })
}

/// A client that trusts only these anchors and shows this certificate.
pub fn client(anchors: &Path, certificate: &Path, key: &Path) -> Result<ClientConfig, Error> {
    anchored(anchors)?
        .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
        .map_err(Error::Unusable)
}

/// A client that trusts only these anchors and shows no certificate.
pub fn trusting(anchors: &Path) -> Result<ClientConfig, Error> {
    Ok(anchored(anchors)?.with_no_client_auth())
}

fn anchored(anchors: &Path) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let mut roots = RootCertStore::empty();
    for anchor in certificates(anchors)? {
        roots.add(anchor).map_err(Error::Unusable)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Unusable)?;
    Ok(builder.with_root_certificates(roots))
}
