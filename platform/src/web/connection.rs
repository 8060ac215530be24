//! One accepted connection, from its handshake to its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::activity::{Activity, Counted, Heads, Times, Verdict};
use super::listener::{PeerAddress, TlsPeer};
use super::proxied;
use super::watched::Watched;
use crate::network::Network;

/// What every connection of a listener shares.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) router: Router,
    /// Who says in the PROXY protocol from where a connection comes.
    pub(super) balancers: Arc<[Network]>,
    pub(super) times: Times,
    pub(super) handshake: Duration,
    pub(super) stall: Duration,
    /// Turns true when the listener stops.
    pub(super) drain: watch::Receiver<bool>,
}

/// How long a connection that has not yet sent a request may still do so when the listener stops: what was accepted
/// is finished.
const FRESH_GRACE: Duration = Duration::from_secs(1);

/// Which HTTP was agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Service {
    /// Serves one connection to its end.
    pub(super) async fn serve(self, mut stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
        // Without it small answers wait for the other side's acknowledgement.
        let _unset = stream.set_nodelay(true);
        let Some(address) = self.source(&mut stream, address).await else { return };
        let Some(tls) = tls else {
            return self.http(stream, Version::One, address, None).await;
        };
        match timeout(self.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let session = stream.get_ref().1;
                let version =
                    if session.alpn_protocol() == Some(b"h2") { Version::Two } else { Version::One };
                let peer = session.peer_certificates().map(|chain| TlsPeer {
                    chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
                });
                self.http(stream, version, address, peer).await;
            }
            Ok(Err(error)) => {
                metrics::counter!("tls_handshakes_failed_total", "why" => "refused").increment(1);
                tracing::debug!(%error, "a TLS handshake failed: {error}");
            }
            Err(_) => {
                metrics::counter!("tls_handshakes_failed_total", "why" => "slow").increment(1);
            }
        }
    }

    /// From where a connection comes: from where the system says, or from where a balancer says that may; nothing where that does not.
    async fn source(&self, stream: &mut TcpStream, address: SocketAddr) -> Option<SocketAddr> {
        if !self.balancers.iter().any(|network| network.contains(address.ip())) {
            return Some(address);
        }
        let refused = match timeout(self.handshake, proxied::source(stream)).await {
            Ok(Ok(source)) => return Some(source.unwrap_or(address)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the header of the PROXY protocol took too long".to_owned(),
        };
        metrics::counter!("http_proxy_headers_refused_total").increment(1);
        tracing::debug!(%address, "a balancer was not understood: {refused}");
        None
    }

    async fn http<S>(self, stream: S, version: Version, address: SocketAddr, peer: Option<TlsPeer>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heads = if version == Version::One { Heads::Timed } else { Heads::Untimed };
        let activity = Arc::new(Activity::new(heads, Instant::now()));
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity), self.stall));
        let (router, requests) = (self.router.clone(), Arc::clone(&activity));
        let service = service_fn(move |request: Request<Incoming>| {
            let in_flight = requests.request();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(address));
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            let answer = router.clone().oneshot(request);
            async move {
                let Ok(response) = answer.await;
                Ok::<_, Infallible>(response.map(|body| Counted { body, _in_flight: in_flight }))
            }
        });
        match version {
            Version::One => {
                let mut http = http1::Builder::new();
                // Our watcher tells a slow head from a quiet connection; hyper's own limit is only behind it.
                http.timer(TokioTimer::new()).header_read_timeout(self.times.idle + self.times.header);
                http.max_buf_size(64 * 1024);
                // A connection that becomes another protocol's is no longer ours: whoever took it keeps it within bounds.
                let connection = http.serve_connection(stream, service).with_upgrades();
                self.drive(connection, &activity, self.times).await;
            }
            Version::Two => {
                let mut http = http2::Builder::new(TokioExecutor::new());
                http.timer(TokioTimer::new()).max_concurrent_streams(100).max_header_list_size(64 * 1024);
                http.keep_alive_interval(Duration::from_secs(20)).keep_alive_timeout(self.times.header);
                self.drive(http.serve_connection(stream, service), &activity, self.times).await;
            }
        }
    }

    async fn drive(&self, connection: impl Connection, activity: &Activity, times: Times) {
        let mut connection = pin!(connection);
        let mut drain = self.drain.clone();
        let mut stopping_at: Option<Instant> = None;
        let mut goodbye = false;
        loop {
            let now = Instant::now();
            if !goodbye && stopping_at.is_some_and(|at| !activity.is_fresh() || at + FRESH_GRACE <= now) {
                connection.as_mut().finish();
                goodbye = true;
            }
            let mut look_again = match activity.verdict(times, now) {
                Verdict::Live(at) => at,
                Verdict::Idle if !goodbye => {
                    connection.as_mut().finish();
                    goodbye = true;
                    now + times.header
                }
                Verdict::Slow | Verdict::Idle => {
                    metrics::counter!("http_connections_cut_total").increment(1);
                    return;
                }
            };
            if stopping_at.is_some() && !goodbye {
                look_again = look_again.min(now + FRESH_GRACE / 10);
            }
            tokio::select! {
                biased;
                // How a connection ended is nobody's fault of ours; its requests have been logged.
                _ended = connection.as_mut() => return,
                _ = drain.wait_for(|stop| *stop), if stopping_at.is_none() => stopping_at = Some(Instant::now()),
                () = sleep_until(look_again) => {}
            }
        }
    }
}

/// hyper's two kinds of connection.
trait Connection: Future<Output = hyper::Result<()>> {
    /// Answers what is in flight, then ends.
    fn finish(self: Pin<&mut Self>);
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<I, B, S> Connection for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: hyper::body::Body + 'static,
    B::Error: Into<BoxError>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S> Connection for http2::Connection<I, S, TokioExecutor>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: hyper::body::Body + 'static,
    B::Error: Into<BoxError>,
    TokioExecutor: Http2ServerConnExec<S::Future, B>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
