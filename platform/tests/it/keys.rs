//! Keys and certificates for TLS tests, in a folder of their own.

use std::path::PathBuf;

use platform::web::{ClientCertificates, Protocols, Resumption, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An anchor, and a folder for what it has signed.
pub(crate) struct Keys {
    folder: TempDir,
    anchor: CertifiedIssuer<'static, KeyPair>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let anchor = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let keys = Self { folder: tempfile::tempdir().unwrap(), anchor };
        std::fs::write(keys.path("anchor.pem"), keys.anchor.pem()).unwrap();
        keys
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes `NAME.pem` and `NAME.key` for this host name, over what was there.
    pub(crate) fn make(&self, name: &str, host: &str) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let made = parameters.signed_by(&key, &self.anchor).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), made.pem()).unwrap();
    }

    /// A TLS listener that is `NAME`.
    pub(crate) fn server(&self, name: &str, clients: ClientCertificates) -> TlsConfig {
        TlsConfig {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
            client_certificates: clients,
            resumption: Resumption::Allowed,
            protocols: Protocols::Http2,
        }
    }

    /// A TLS client that is `NAME`.
    pub(crate) fn client(&self, name: &str) -> rustls::ClientConfig {
        let file = |kind: &str| self.path(&format!("{name}.{kind}"));
        platform::tls::client(&self.path("anchor.pem"), &file("pem"), &file("key")).unwrap()
    }
}
