//! The way to the server: a WebSocket over TLS.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use card::wire::relay::{Errand, FromAgent, LONGEST_MESSAGE, TICKET_HEADER, ToAgent};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, HandshakeError, Message, WebSocket, client::client_with_config};
use zeroize::Zeroizing;

use crate::settings::Settings;

/// How long the server may take to take the connection.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long it may take to say the next thing.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why the server was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The certificates of the configuration cannot be read.
    #[error("the certificates in {} cannot be read", .0.display())]
    Roots(PathBuf),
    /// The server takes no connection.
    #[error("the server takes no connection")]
    NotReached(#[source] std::io::Error),
    /// TLS was not come to, or the server is not vouched for.
    #[error("the server is not vouched for by the certificates that this agent was given")]
    NotTrusted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server refused the ticket.
    #[error("the server refused the ticket: ask for a new one")]
    TicketRefused,
    /// The connection broke.
    #[error("the connection to the server broke")]
    Broken(#[source] Box<tungstenite::Error>),
}

/// A conversation with the server.
pub(super) struct Connection {
    socket: WebSocket<StreamOwned<ClientConnection, TcpStream>>,
}

impl Connection {
    /// Connects, and shows the ticket.
    pub(super) fn open(settings: &Settings, errand: &Errand) -> Result<Self, ConnectionError> {
        let server = settings.server.as_deref().unwrap_or_default();
        let stream = reach(server).map_err(ConnectionError::NotReached)?;
        let tls = secured(settings.server_roots.as_deref(), server, stream)?;
        let broken = |error| ConnectionError::Broken(Box::new(error));
        let mut request = errand.address.as_str().into_client_request().map_err(broken)?;
        let ticket = errand.ticket.parse().map_err(|_| ConnectionError::TicketRefused)?;
        request.headers_mut().insert(TICKET_HEADER, ticket);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        match client_with_config(request, tls, Some(limits)) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(_))) => Err(ConnectionError::TicketRefused),
            Err(HandshakeError::Failure(tungstenite::Error::Io(error)))
                if error.kind() == std::io::ErrorKind::InvalidData =>
            {
                Err(ConnectionError::NotTrusted(Box::new(error)))
            }
            Err(HandshakeError::Failure(error)) => Err(broken(error)),
            Err(HandshakeError::Interrupted(_)) => Err(broken(tungstenite::Error::ConnectionClosed)),
        }
    }

    /// Says something.
    pub(super) fn say(&mut self, message: &FromAgent) -> Result<(), ConnectionError> {
        let text = serde_json::to_string(message).expect("messages of the relay are always JSON");
        let sent = self.socket.send(Message::Text(text.into()));
        sent.map_err(|error| ConnectionError::Broken(Box::new(error)))
    }

    /// The next that the server says; none once it has left or says what cannot be read.
    pub(super) fn hear(&mut self) -> Result<Option<ToAgent>, ConnectionError> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let text = Zeroizing::new(text.as_str().to_owned());
                    return Ok(serde_json::from_str(&text).ok());
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(_) | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                    return Ok(None);
                }
                Err(error) => return Err(ConnectionError::Broken(Box::new(error))),
            }
        }
    }
}

fn reach(server: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECTING) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// TLS with the server, whose certificate must lead to one of ours: the system's list of authorities has no say.
fn secured(
    roots: Option<&Path>,
    server: &str,
    stream: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, ConnectionError> {
    let path = roots.unwrap_or_else(|| Path::new("")).to_owned();
    let unreadable = || ConnectionError::Roots(path.clone());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).map_err(|_| unreadable())? {
        store.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    if store.is_empty() {
        return Err(unreadable());
    }
    let untrusted = |error: Box<dyn std::error::Error + Send + Sync>| ConnectionError::NotTrusted(error);
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
