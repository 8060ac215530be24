//! The ports of LDAP: accepting, limits, and an orderly end.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use platform::web::{Chain, Error, Identity, PeerAddress, TlsConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::config::LdapConfig;
use super::crowd::{Counts, Crowd, Rates, Seat, Sorts};
use super::numbers::Numbers;
use super::plain::until_tls;
use super::session::{Identify, Shared, serve};
use super::tail::Tail;
use super::tries::Tries;
use super::who::Account;
use crate::register::Register;

/// How often the files of the certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long connections may take to end when the server stops: each is told, and what it still asked is abandoned.
const DRAIN: Duration = Duration::from_secs(10);

/// How a port becomes secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// From its first octet.
    Tls,
    /// When the client asks for it.
    StartTls,
}

/// What the ports are made of.
pub struct LdapParts {
    /// Their section of the configuration.
    pub config: LdapConfig,
    /// The register that they tell of.
    pub register: Register,
    /// The certificate of the server. Client certificates are to be asked for, and no HTTP is to be spoken.
    pub tls: TlsConfig,
    /// Programs that bind with a name and a secret.
    pub accounts: Vec<Account>,
    /// Finds out who has shown a certificate.
    pub identify: Identify,
    /// How often may be asked.
    pub rates: Rates,
}

/// Open ports of LDAP that do not answer yet.
pub struct LdapListener {
    sockets: Vec<(Door, TcpListener)>,
    identity: Arc<Identity>,
    shared: Arc<Shared>,
}

impl LdapListener {
    /// Opens the ports that the configuration names, and reads the certificate.
    pub async fn bind(parts: LdapParts) -> Result<Self, Error> {
        let LdapParts { config, register, tls, accounts, identify, rates } = parts;
        let identity = Identity::open(&tls)?;
        let mut sockets = Vec::new();
        for (door, address) in [(Door::Tls, config.tls), (Door::StartTls, config.start_tls)] {
            let Some(address) = address else { continue };
            let socket =
                TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
            sockets.push((door, socket));
        }
        let tail = Tail::new(config.followers);
        let shared = Arc::new(Shared {
            crowd: Crowd::new(config.connections_per_address),
            strangers: Crowd::new(config.strangers_per_address),
            all_strangers: Arc::new(Semaphore::new(config.strangers())),
            callers: Crowd::new(config.connections_per_caller),
            counts: Counts::new(rates),
            numbers: Numbers::default(),
            sorts: Sorts::new(config.sorts),
            config,
            register,
            accounts,
            identify,
            tries: Tries::default(),
            tail,
        });
        Ok(Self { sockets, identity, shared })
    }

    /// The certificate in use, to reload it at once and not within seconds.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.clone()
    }

    /// The real addresses, of the port with TLS and of the one with `StartTLS`, also when port 0 was asked for.
    pub fn addresses(&self) -> [Option<SocketAddr>; 2] {
        [Door::Tls, Door::StartTls].map(|door| {
            let found = self.sockets.iter().find(|(one, _)| *one == door);
            found.and_then(|(_, socket)| socket.local_addr().ok())
        })
    }

    /// Answers until `shutdown` is over, then tells every connection that it ends.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let Self { sockets, identity, shared } = self;
        let acceptor = identity.acceptor()?;
        let (stop, stopped) = watch::channel(false);
        let mut ports = JoinSet::new();
        for (door, socket) in sockets {
            let port =
                Port { door, acceptor: acceptor.clone(), shared: shared.clone(), stopped: stopped.clone() };
            ports.spawn(port.accept(socket));
        }
        let followed = shared.clone();
        ports.spawn(async move { followed.tail.keep(&followed.register, stopped).await });
        let mut shutdown = pin!(shutdown);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                _ = look.tick() => look_at_files(&identity),
            }
        }
        stop.send_replace(true);
        while ports.join_next().await.is_some() {}
        Ok(())
    }
}

fn look_at_files(identity: &Identity) {
    if !identity.is_stale() {
        return;
    }
    match identity.reload() {
        Ok(()) => tracing::info!("the TLS certificate of LDAP was read again"),
        // Half-written files are common; the next look finds them whole.
        Err(error) => {
            tracing::warn!(%error, "the TLS certificate of LDAP has changed but cannot be used: {error}");
        }
    }
}

/// One port.
struct Port {
    door: Door,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
}

impl Port {
    /// What a connection takes: a place at this port, one of its address, and one among its strangers until it is known who it is.
    fn places(
        &self,
        places: &Arc<Semaphore>,
        address: PeerAddress,
    ) -> Option<(OwnedSemaphorePermit, Seat<IpAddr>, Seat<IpAddr>)> {
        let refused = |limit: &'static str| {
            metrics::counter!("ldap_connections_refused_total", "limit" => limit).increment(1);
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            refused("port");
            return None;
        };
        let Some(seat) = self.shared.crowd.seat(address.counted()) else {
            refused("address");
            return None;
        };
        let Some(stranger) = self.shared.strangers.seat(address.counted()) else {
            refused("strangers");
            return None;
        };
        Some((place, seat, stranger))
    }

    async fn accept(self, socket: TcpListener) {
        let places = Arc::new(Semaphore::new(self.shared.config.connections));
        let mut connections = JoinSet::new();
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                _told = stopped.wait_for(|stop| *stop) => break,
                Some(_ended) = connections.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: without a pause the loop would spin.
                    tracing::warn!(%error, "a connection of LDAP could not be accepted: {error}");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some((place, seat, stranger)) = self.places(&places, PeerAddress(address)) else { continue };
            let connection = Connection {
                door: self.door,
                acceptor: self.acceptor.clone(),
                shared: self.shared.clone(),
                stopped: self.stopped.clone(),
            };
            connections.spawn(async move {
                connection.serve(stream, address, stranger).await;
                drop((place, seat));
            });
        }
        drop(socket);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN, all_ended).await.is_err() {
            connections.abort_all();
        }
    }
}

/// An accepted connection.
struct Connection {
    door: Door,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    /// To its end. The place among strangers is given back as soon as it is known who it is.
    async fn serve(self, stream: TcpStream, address: SocketAddr, stranger: Seat<IpAddr>) {
        // Without it small answers wait for the other side's acknowledgement.
        let _unset = stream.set_nodelay(true);
        let stream = match self.door {
            Door::Tls => stream,
            Door::StartTls => {
                let mut stopped = self.stopped.clone();
                let clear = tokio::select! {
                    biased;
                    _told = stopped.wait_for(|stop| *stop) => return,
                    clear = until_tls(stream, &self.shared.config) => clear,
                };
                let Some(stream) = clear else { return };
                stream
            }
        };
        match timeout(self.shared.config.request_time_out(), self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let chain: Chain = shown.iter().map(|one| one.to_vec()).collect();
                serve(self.shared, stream, chain, (address, stranger), self.stopped).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake of LDAP failed: {error}"),
            Err(_slow) => tracing::debug!("a TLS handshake of LDAP took too long"),
        }
    }
}
