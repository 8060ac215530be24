//! Connections over TLS that wait for what they read. Nothing costs a load generator less, and it shares the cores with the servers.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use lanyard::client::certificates;
use lanyard::keypair::Pair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A connection that is kept open.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A server: its process, and how it is reached.
pub(crate) struct Target {
    pub(crate) process: u32,
    pub(crate) port: u16,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Whom to trust, and what to show to a server that asks for a certificate.
pub(crate) fn trusting(root: &Path, shown: Option<&Pair>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for one in certificates(root)? {
        roots.add(one)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match shown {
        Some(pair) => {
            let key = PrivateKeyDer::from_pem_file(&pair.key).context("the client's key does not read")?;
            config.with_client_auth_cert(certificates(&pair.certificate)?, key)?
        }
        None => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Opens a connection. Hands are shaken with the first question.
pub(crate) fn connect(target: &Target) -> anyhow::Result<Secure> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, target.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let connection = ClientConnection::new(Arc::clone(&target.tls), ServerName::try_from("localhost")?)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Reads what has come, behind what was read before.
pub(crate) fn fill(stream: &mut Secure, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let filled = buffer.len();
    buffer.resize(filled + CHUNK, 0);
    let read = stream.read(&mut buffer[filled..])?;
    buffer.truncate(filled + read);
    ensure!(read > 0, "the server closed the connection");
    Ok(())
}
