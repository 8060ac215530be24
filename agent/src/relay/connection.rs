//! The way to the server: a WebSocket over TLS.

use std::path::PathBuf;
use std::time::Duration;

use card::wire::relay::{Errand, FromAgent, LONGEST_MESSAGE, TICKET_HEADER, ToAgent};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, HandshakeError, Message, WebSocket, client::client_with_config};

use crate::server::{self, Patience, Secured, ServerError};
use crate::settings::Settings;

/// How long the server may take to take the connection, and to say the next thing.
const PATIENCE: Patience = Patience { connecting: Duration::from_secs(10), hearing: Duration::from_mins(2) };

/// Why the server was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It takes no connection, or is not vouched for.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server refused the ticket.
    #[error("the server refused the ticket: ask for a new one")]
    TicketRefused,
    /// The server has no turn for this agent. It has not taken the ticket.
    #[error("the server is busy: begin again in a moment")]
    Busy,
    /// The server answered something else than a conversation.
    #[error("the server answered {0}: begin again, and if it stays so, ask your IT desk")]
    Refused(StatusCode),
    /// The connection broke.
    #[error("the connection to the server broke")]
    Broken(#[source] Box<tungstenite::Error>),
}

/// A conversation with the server.
pub(super) struct Connection {
    socket: WebSocket<Secured>,
}

impl Connection {
    /// Connects, and shows the ticket.
    pub(super) fn open(settings: &Settings, errand: &Errand) -> Result<Self, ConnectionError> {
        let server = settings.server.as_deref().unwrap_or_default();
        let roots = settings.roots().ok_or_else(|| ServerError::Roots(PathBuf::new()))?;
        let tls = server::connect(&roots, server, PATIENCE)?;
        let broken = |error| ConnectionError::Broken(Box::new(error));
        let mut request = errand.address.as_str().into_client_request().map_err(broken)?;
        let ticket = errand.ticket.parse().map_err(|_| ConnectionError::TicketRefused)?;
        request.headers_mut().insert(TICKET_HEADER, ticket);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        match client_with_config(request, tls, Some(limits)) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(refused(answer.status())),
            Err(HandshakeError::Failure(tungstenite::Error::Io(error)))
                if error.kind() == std::io::ErrorKind::InvalidData =>
            {
                Err(ServerError::NotTrusted(Box::new(error)).into())
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
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(text.as_str()).ok()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(_) | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                    return Ok(None);
                }
                Err(error) => return Err(ConnectionError::Broken(Box::new(error))),
            }
        }
    }
}

/// Why there is no conversation, by what the server answered to the handshake.
fn refused(status: StatusCode) -> ConnectionError {
    match status {
        StatusCode::UNAUTHORIZED => ConnectionError::TicketRefused,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => ConnectionError::Busy,
        status => ConnectionError::Refused(status),
    }
}
