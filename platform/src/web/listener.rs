//! A port: accepting, limits, and stopping without losing what was accepted.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::Times;
use super::chain::Chain;
use super::connection::Service;
use super::identity::{Identity, TlsConfig};
use crate::network::Network;
use crate::tls;

/// One listener of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// TLS; without it the port is plain.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Balancers that say in the PROXY protocol from where each connection comes: from these networks it has to begin so, from others
    /// it is taken as it comes.
    #[serde(default)]
    pub balancers: Vec<Network>,
    /// How many connections are open at most; further ones are closed at once.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// How long a TLS handshake may take.
    #[serde(default = "default_handshake_time_out_ms")]
    pub handshake_time_out_ms: u64,
    /// How long the head of a request may take from its first byte.
    #[serde(default = "default_header_time_out_ms")]
    pub header_time_out_ms: u64,
    /// How long a connection may stay open between requests.
    #[serde(default = "default_idle_time_out_ms")]
    pub idle_time_out_ms: u64,
    /// How long a client may take nothing of its answer.
    #[serde(default = "default_stall_time_out_ms")]
    pub stall_time_out_ms: u64,
    /// How long requests may still take when the server stops.
    #[serde(default = "default_drain_time_out_ms")]
    pub drain_time_out_ms: u64,
}

impl ListenerConfig {
    /// A listener at this address, with every other value at its default.
    pub fn new(address: SocketAddr, tls: Option<TlsConfig>) -> Self {
        Self {
            address,
            tls,
            balancers: Vec::new(),
            connections: default_connections(),
            handshake_time_out_ms: default_handshake_time_out_ms(),
            header_time_out_ms: default_header_time_out_ms(),
            idle_time_out_ms: default_idle_time_out_ms(),
            stall_time_out_ms: default_stall_time_out_ms(),
            drain_time_out_ms: default_drain_time_out_ms(),
        }
    }
}

const fn default_connections() -> usize {
    2048
}

const fn default_handshake_time_out_ms() -> u64 {
    10_000
}

const fn default_header_time_out_ms() -> u64 {
    10_000
}

const fn default_idle_time_out_ms() -> u64 {
    60_000
}

const fn default_stall_time_out_ms() -> u64 {
    20_000
}

const fn default_drain_time_out_ms() -> u64 {
    30_000
}

/// A listener that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; is another program using the port?")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// The certificates that the other side showed and whose key it has; nothing else about them has been checked. An
/// extension of the request, absent when none were shown.
#[derive(Debug, Clone)]
pub struct TlsPeer {
    /// The peer's own first.
    pub chain: Chain,
}

/// From where the request came; an extension of the request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// An open port that does not answer yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    identity: Option<Arc<Identity>>,
    config: ListenerConfig,
}

/// How often the files of a TLS listener are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Listener {
    /// Opens the port and reads the certificate.
    pub async fn bind(config: &ListenerConfig) -> Result<Self, Error> {
        let identity = config.tls.as_ref().map(Identity::open).transpose()?;
        let refused = |source| Error::Bind { address: config.address, source };
        let socket = TcpListener::bind(config.address).await.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Self { socket, address, identity, config: config.clone() })
    }

    /// The real address, also when port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate in use, to reload it at once and not within seconds.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.clone()
    }

    /// Answers until `shutdown` is over, then takes no more and returns when what was accepted has been answered,
    /// or when the drain's time is over.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let tls = match &self.identity {
            Some(identity) => Some(TlsAcceptor::from(Arc::new(identity.server_config()?))),
            None => None,
        };
        let (stop, drain) = watch::channel(false);
        let service = self.service(router, drain);
        let places = Arc::new(Semaphore::new(self.config.connections));
        let mut connections = JoinSet::new();
        let take = |connections: &mut JoinSet<()>, stream: TcpStream, address: SocketAddr| {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics::counter!("http_connections_refused_total").increment(1);
                return;
            };
            let (service, tls) = (service.clone(), tls.clone());
            connections.spawn(async move {
                service.serve(stream, address, tls).await;
                drop(place);
            });
        };
        let mut shutdown = pin!(shutdown);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_ended) = connections.join_next() => {}
                _ = look.tick() => self.look_at_files(),
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, address)) => take(&mut connections, stream, address),
                    Err(error) => refused_by_system(&error).await,
                },
            }
        }
        // The system has accepted those that wait in its queue; they are ours too.
        for _ in 0..self.config.connections {
            let waiting = timeout(Duration::from_millis(1), self.socket.accept()).await;
            let Ok(Ok((stream, address))) = waiting else { break };
            take(&mut connections, stream, address);
        }
        drop(self.socket);
        stop.send_replace(true);
        drain_all(connections, Duration::from_millis(self.config.drain_time_out_ms)).await;
        Ok(())
    }

    fn service(&self, router: Router, drain: watch::Receiver<bool>) -> Service {
        let millis = Duration::from_millis;
        Service {
            router,
            balancers: self.config.balancers.clone().into(),
            times: Times {
                header: millis(self.config.header_time_out_ms),
                idle: millis(self.config.idle_time_out_ms),
            },
            handshake: millis(self.config.handshake_time_out_ms),
            stall: millis(self.config.stall_time_out_ms),
            drain,
        }
    }

    fn look_at_files(&self) {
        let Some(identity) = &self.identity else { return };
        if !identity.is_stale() {
            return;
        }
        match identity.reload() {
            Ok(()) => tracing::info!(address = %self.address, "the TLS certificate was read again"),
            // Half-written files are common; the next look finds them whole.
            Err(error) => {
                tracing::warn!(%error, "the TLS certificate has changed but cannot be used: {error}");
            }
        }
    }
}

/// Opens a listener and answers until `shutdown` is over and what was accepted has been answered.
pub async fn serve(
    config: &ListenerConfig,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    Listener::bind(config).await?.serve(router, shutdown).await
}

/// Out of file descriptors, mostly: without a pause the loop would spin.
async fn refused_by_system(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted: {error}");
    sleep(Duration::from_millis(50)).await;
}

async fn drain_all(mut connections: JoinSet<()>, limit: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limit, all_ended).await.is_err() {
        let cut = connections.len();
        tracing::warn!(cut, "{cut} connections were cut because they did not end in time");
        connections.abort_all();
    }
}
