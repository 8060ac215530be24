//! Who a TLS listener is, and what it asks of those who connect.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

use crate::tls::{self, Error};

/// The `tls` part of a listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the certificate and what leads to its anchor. Read again when it changes.
    pub certificate: PathBuf,
    /// PEM file of the key.
    pub key: PathBuf,
    /// Whether those who connect are asked for a certificate.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// Whether a later connection may skip the handshake's proof.
    #[serde(default)]
    pub resumption: Resumption,
    /// Which HTTP is spoken.
    #[serde(default)]
    pub protocols: Protocols,
}

/// Whether those who connect are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    Never,
    /// They are asked, any certificate and none are taken, and the handshake's signature must be right. Whether to
    /// believe the certificate is for the handler, so that a refusal is an answer that says why.
    AcceptAny,
}

/// Whether a later connection may skip the handshake's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumption {
    /// It may.
    #[default]
    Allowed,
    /// It may not: no tickets and no sessions, so that each connection proves the key anew.
    Refused,
}

/// Which protocol a TLS listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocols {
    /// HTTP/2 with those who can, else HTTP/1.1.
    #[default]
    Http2,
    /// HTTP/1.1 only, where a connection must end with its answer.
    Http1,
    /// None: another protocol is spoken over TLS, by whoever listens.
    Other,
}

/// The certificate and key of a listener, which may be replaced while it runs.
#[derive(Debug)]
pub struct Identity {
    config: TlsConfig,
    provider: CryptoProvider,
    /// Held for a clone of the `Arc` only.
    current: RwLock<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    key: Arc<CertifiedKey>,
    /// When the two files were written.
    written: Written,
}

type Written = [Option<SystemTime>; 2];

impl Identity {
    /// Reads the files.
    pub fn open(config: &TlsConfig) -> Result<Arc<Self>, Error> {
        let provider = aws_lc_rs::default_provider();
        let current = read(config, &provider)?;
        Ok(Arc::new(Self { config: config.clone(), provider, current: RwLock::new(current) }))
    }

    /// Reads the files again. On an error the old certificate stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        let current = read(&self.config, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// The certificate that is shown now, in DER.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.current().key.cert.first().map(|certificate| certificate.to_vec())
    }

    /// Whether a file was written since it was read.
    pub fn is_stale(&self) -> bool {
        self.current().written != written(&self.config)
    }

    /// Takes handshakes, for whoever listens for another protocol than HTTP.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, Error> {
        Ok(TlsAcceptor::from(Arc::new(self.server_config()?)))
    }

    /// What the TLS library needs to know.
    pub(super) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, Error> {
        let provider = Arc::new(self.provider.clone());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::Unusable)?;
        let builder = match self.config.client_certificates {
            ClientCertificates::Never => builder.with_no_client_auth(),
            ClientCertificates::AcceptAny => builder.with_client_cert_verifier(Arc::new(AnyClient {
                algorithms: self.provider.signature_verification_algorithms,
            })),
        };
        let mut server = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        if self.config.resumption == Resumption::Refused {
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        server.alpn_protocols = match self.config.protocols {
            Protocols::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Other => Vec::new(),
        };
        Ok(server)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

fn read(config: &TlsConfig, provider: &CryptoProvider) -> Result<Current, Error> {
    // Before reading: a file written meanwhile then counts as changed.
    let written = written(config);
    let chain = tls::certificates(&config.certificate)?;
    let key = tls::private_key(&config.key)?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(Error::Unusable)?;
    Ok(Current { key: Arc::new(key), written })
}

fn written(config: &TlsConfig) -> Written {
    [&config.certificate, &config.key].map(|file| file.metadata().and_then(|it| it.modified()).ok())
}

/// Takes every certificate and none, but demands that whoever shows one has its key.
#[derive(Debug)]
struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // Path, purpose and revocation are the handler's, which can say why it refuses.
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
