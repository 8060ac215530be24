//! The way to a server: TLS to one that is vouched for by the certificates that this agent was given, and plain questions over it.

mod question;

pub use question::{Answered, ask};

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

/// How many of the addresses of one name are tried.
const ADDRESSES: usize = 4;

/// Why a server was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The certificates of the configuration cannot be read, or are others than it says.
    #[error("the certificates in {} cannot be read, or are not those that the configuration says", .0.display())]
    Roots(PathBuf),
    /// The name is not known here.
    #[error("the name of the server is not known here")]
    NotNamed(#[source] std::io::Error),
    /// The server takes no connection, or it broke.
    #[error("the server takes no connection")]
    NotReached(#[source] std::io::Error),
    /// TLS was not come to, or the server is not vouched for.
    #[error("the server is not vouched for by the certificates that this agent was given")]
    NotTrusted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What it said is no answer.
    #[error("what the server said cannot be read")]
    Unreadable,
}

impl ServerError {
    /// The error of an exchange over TLS, where a handshake that fails is seen only when something is sent.
    pub fn of_exchange(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::InvalidData {
            Self::NotTrusted(Box::new(error))
        } else {
            Self::NotReached(error)
        }
    }
}

/// A connection with a server that is vouched for.
pub type Secured = StreamOwned<ClientConnection, TcpStream>;

/// The certificates by which servers must be vouched for: a file, which may be changed after it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The PEM file.
    pub path: PathBuf,
    /// The SHA-256 that it must have, where the configuration says it.
    pub sha256: Option<[u8; 32]>,
}

impl Roots {
    /// What is in the file now; nothing where it cannot be read, or is not the one that was meant.
    fn pem(&self) -> Option<Vec<u8>> {
        let pem = std::fs::read(&self.path).ok()?;
        let is_meant = |wanted: &[u8; 32]| digest(&SHA256, &pem).as_ref() == wanted.as_slice();
        self.sha256.as_ref().is_none_or(is_meant).then_some(pem)
    }
}

/// How long is waited: for the connection to be taken, and then for each thing that is said.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the connection.
    pub connecting: Duration,
    /// For each thing.
    pub hearing: Duration,
}

/// Connects with a server, given as `host:port`. Its certificate must lead to one of the file's: the system's list of authorities has no
/// say. Handshakes are made when something is first sent.
pub fn connect(roots: &Roots, server: &str, patience: Patience) -> Result<Secured, ServerError> {
    secured(roots, server, reach(server, patience)?)
}

/// Connects with a server, given as `host:port`, and says nothing.
pub fn reach(server: &str, patience: Patience) -> Result<TcpStream, ServerError> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in server.to_socket_addrs().map_err(ServerError::NotNamed)?.take(ADDRESSES) {
        match connected(&address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ServerError::NotReached(last))
}

fn connected(address: &SocketAddr, patience: Patience) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, patience.connecting)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience.hearing))?;
    stream.set_write_timeout(Some(patience.hearing))?;
    Ok(stream)
}

fn secured(roots: &Roots, server: &str, stream: TcpStream) -> Result<Secured, ServerError> {
    let unreadable = || ServerError::Roots(roots.path.clone());
    let pem = roots.pem().ok_or_else(unreadable)?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        store.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    if store.is_empty() {
        return Err(unreadable());
    }
    let untrusted = |error: Box<dyn std::error::Error + Send + Sync>| ServerError::NotTrusted(error);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        config.map_err(|error| untrusted(error.into()))?.with_root_certificates(store).with_no_client_auth();
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host).to_owned();
    let name = ServerName::try_from(host).map_err(|error| untrusted(error.into()))?;
    let connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| untrusted(error.into()))?;
    Ok(StreamOwned::new(connection, stream))
}
