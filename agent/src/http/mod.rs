//! The national loopback protocol: how browser applications find the program on the workstation, and ask it for signatures; and how
//! the registration authority's page has it connect to the server; how a page signs in with the card, and has the agent watch it.
//!
//! It answers on this machine only, and only pages whose origin is configured.

mod discovery;
mod door;
mod hub;
#[cfg(unix)]
mod local;
mod origins;
mod relay;
mod sign_in;
mod visitor;
mod watch;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;
use tokio_rustls::TlsAcceptor;

use self::door::Door;
use crate::removals::Removals;
use crate::settings::Settings;

pub use door::NoCertificate;

/// What all requests share.
struct Shared {
    /// The configuration, as it is now.
    settings: Receiver<Settings>,
    /// Where the hub answers.
    hub_port: u16,
    connections: hub::Connections,
    /// One dialog at a time: a second request for signatures is refused while the holder is asked about the first.
    at_card: tokio::sync::Semaphore,
    removals: Arc<Removals>,
}

impl Shared {
    /// The configuration as it is now. What is begun with it ends with it.
    fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }
}

/// The agent's two ports and its socket, open.
pub struct Listening {
    discovery: Option<TcpListener>,
    hub: TcpListener,
    acceptor: Option<TlsAcceptor>,
    #[cfg(unix)]
    local: Option<local::Socket>,
}

/// Why the agent does not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotListening {
    /// There is no port.
    #[error("no port on this machine is free")]
    NoPort(#[source] std::io::Error),
    /// The certificate by which it would answer by TLS cannot be used.
    #[error("the agent's own certificate cannot be used")]
    NoCertificate(#[from] NoCertificate),
    /// The configuration has one of certificate and key.
    #[error("the configuration has `localhost_certificate` or `localhost_key`, and not the other")]
    HalfACertificate,
    /// The same person runs one already.
    #[error("another agent of yours is running: end it first, as with `systemctl --user stop lanyard-agent`")]
    AnotherAgent,
    /// The socket for systems of the desktop cannot be opened.
    #[error("the socket {} cannot be opened", .path.display())]
    NoSocket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Listening {
    /// Opens the ports: the first of the known ones that is free, and the one for the hub, or any where that is taken; and the socket,
    /// where the person has a folder for such things.
    pub async fn open(settings: &Settings) -> Result<Self, NotListening> {
        let acceptor = match (&settings.localhost_certificate, &settings.localhost_key) {
            (Some(certificate), Some(key)) => Some(door::acceptor(certificate, key)?),
            (None, None) => None,
            _ => return Err(NotListening::HalfACertificate),
        };
        #[cfg(unix)]
        let local = settings.socket().map(|path| local_at(&path)).transpose()?;
        let mut discovery = None;
        for port in &settings.discovery_ports {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await {
                discovery = Some(listener);
                break;
            }
        }
        let hub = match TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(NotListening::NoPort)?,
        };
        Ok(Self {
            discovery,
            hub,
            acceptor,
            #[cfg(unix)]
            local,
        })
    }

    /// The port at which browsers find the agent; none, where all are taken.
    pub fn discovery_port(&self) -> Option<u16> {
        Some(self.discovery.as_ref()?.local_addr().ok()?.port())
    }

    /// The port of the hub.
    pub fn hub_port(&self) -> std::io::Result<u16> {
        Ok(self.hub.local_addr()?.port())
    }

    /// Answers until a port fails, by the configuration as it is then.
    pub async fn serve(self, settings: Receiver<Settings>) -> std::io::Result<()> {
        let hub_port = self.hub_port()?;
        let Self {
            discovery,
            hub,
            acceptor,
            #[cfg(unix)]
            local,
        } = self;
        let shared = Arc::new(Shared {
            settings,
            hub_port,
            connections: hub::Connections::default(),
            at_card: tokio::sync::Semaphore::new(1),
            removals: Arc::default(),
        });
        let hub = serve(Door::open(hub, acceptor.clone()), &shared);
        let discovery = async {
            match discovery {
                Some(discovery) => serve(Door::open(discovery, acceptor), &shared).await,
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        let local = async {
            match local {
                Some(local) => local.serve(Arc::clone(&shared)).await,
                None => std::future::pending().await,
            }
        };
        #[cfg(not(unix))]
        let local = std::future::pending::<std::io::Result<()>>();
        tokio::try_join!(hub, discovery, local)?;
        Ok(())
    }
}

async fn serve(door: Door, shared: &Arc<Shared>) -> std::io::Result<()> {
    let service = router(shared).into_make_service_with_connect_info::<visitor::Visitor>();
    axum::serve(door, service).await
}

#[cfg(unix)]
fn local_at(path: &std::path::Path) -> Result<local::Socket, NotListening> {
    local::Socket::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => NotListening::AnotherAgent,
        _ => NotListening::NoSocket { path: path.to_owned(), source },
    })
}

/// Both ports answer both: an older page asks one where a newer asks the other.
fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/PRS/GetPortNumber", get(discovery::port_number))
        .route("/PRS/ConnectPRService", get(discovery::connect))
        .route("/relay", post(relay::begin))
        .route("/sign-in", post(sign_in::answer))
        .route("/watch", post(watch::begin))
        .nest("/signalr", hub::router())
        .layer(middleware::from_fn_with_state(Arc::clone(shared), origins::guard))
        .with_state(Arc::clone(shared))
}

/// An answer in JSON. It is of the moment, and no cache keeps it.
fn json(value: &serde_json::Value) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json; charset=UTF-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, value.to_string()).into_response()
}

/// A refusal in words.
fn refusal(status: StatusCode, words: &'static str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], words).into_response()
}

/// A refusal that a page shows: a title, and a sentence of what to do.
fn trouble(status: StatusCode, title: &str, detail: &str) -> Response {
    let mut response = json(&serde_json::json!({ "title": title, "detail": detail }));
    *response.status_mut() = status;
    response
}

/// The words of an error as a sentence.
fn sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// A sentence begins with a capital and ends with a full stop.
#[test]
fn sentences_are_whole() {
    assert_eq!(sentence(&"wrong passcode: 2 tries are left"), "Wrong passcode: 2 tries are left.");
}
