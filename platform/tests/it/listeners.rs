//! Ports: time-outs, limits, TLS and the drain.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use platform::web::{
    ClientCertificates, Identity, Listener, ListenerConfig, PeerAddress, Resumption, TlsConfig, TlsPeer,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::keys::Keys;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    identity: Option<Arc<Identity>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub(crate) fn config(tls: Option<TlsConfig>) -> ListenerConfig {
    let mut config = ListenerConfig::new("127.0.0.1:0".parse().unwrap(), tls);
    config.header_time_out_ms = 300;
    config.idle_time_out_ms = 600;
    config.stall_time_out_ms = 300;
    config
}

pub(crate) async fn start(config: &ListenerConfig, router: Router) -> Server {
    let listener = Listener::bind(config).await.unwrap();
    let (address, identity) = (listener.local_addr(), listener.identity());
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        listener.serve(router, async { stopped.await.unwrap_or_default() }).await.unwrap();
    });
    Server { address, identity, stop, task }
}

fn router() -> Router {
    Router::new().route("/", get(async || "here")).route(
        "/peer",
        get(async |peer: Option<Extension<TlsPeer>>| {
            peer.map_or("nobody".to_owned(), |peer| format!("{} certificates", peer.chain.len()))
        }),
    )
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    // Every answer here is short and comes in one piece or two.
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        answer.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| length.parse() == Ok(body.len())) {
                return body.to_owned();
            }
        }
        assert!(read > 0, "the connection ended in the answer: {text}");
    }
}

pub(crate) async fn tls(
    address: SocketAddr,
    client: rustls::ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Reads until the other side ends, however it ends.
async fn ended<S: AsyncRead + Unpin>(stream: &mut S) -> usize {
    let mut rest = Vec::new();
    timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the connection was not ended").unwrap_or(0)
}

/// A client that sends its head byte by byte is cut, also when it never lets the line be quiet.
#[tokio::test]
async fn slow_heads_are_cut() {
    let server = start(&config(None), router()).await;
    let (mut reader, mut writer) = TcpStream::connect(server.address).await.unwrap().into_split();
    let started = tokio::time::Instant::now();
    let dripping = tokio::spawn(async move {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        writer.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        while writer.write_all(b"y").await.is_ok() {
            pause.tick().await;
        }
    });
    assert_eq!(ended(&mut reader).await, 0, "it must not be answered");
    assert!(started.elapsed() >= Duration::from_millis(300));
    timeout(LONG, dripping).await.unwrap().unwrap();
    let mut other = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut other, "/").await, "here");
}

/// A connection is used again between requests, and closed when it has been quiet for long enough.
#[tokio::test]
async fn quiet_connections_are_closed() {
    let server = start(&config(None), router()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut stream, "/").await, "here");
    assert_eq!(ask(&mut stream, "/").await, "here");
    assert_eq!(ended(&mut stream).await, 0);
}

/// A client that does not read its answer is cut.
#[tokio::test]
async fn unread_answers_are_cut() {
    let router = Router::new().route("/", get(async || vec![0u8; 64 * 1024 * 1024]));
    let server = start(&config(None), router).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).await.unwrap();
    server.stop.send(()).unwrap();
    // The drain alone would wait for thirty seconds: the stall ends it sooner.
    timeout(LONG, server.task).await.expect("the stalled connection was kept").unwrap();
}

fn asked_from() -> Router {
    Router::new().route("/", get(async |peer: Extension<PeerAddress>| peer.0.0.ip().to_string()))
}

/// What a balancer of the configuration says is the address of whoever comes, on plain ports and before TLS; one that speaks for itself is
/// itself; one that says nothing, or nothing that is read, is not answered. curl's header is read too.
#[tokio::test]
async fn balancers_say_where_from() {
    let keys = Keys::new();
    keys.make("server", "localhost");
    let balancers = vec!["127.0.0.1/32".parse().unwrap()];
    let plain = ListenerConfig { balancers: balancers.clone(), handshake_time_out_ms: 300, ..config(None) };
    let server = start(&plain, asked_from()).await;
    for (header, expected) in [
        (&b"PROXY TCP4 192.0.2.7 127.0.0.1 40000 80\r\n"[..], "192.0.2.7"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x9c\x40\0\x50", "192.0.2.7"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(header).await.unwrap();
        assert_eq!(ask(&mut stream, "/").await, expected);
    }
    for silent in [&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], b"PROXY TCP4 ", b""] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(silent).await.unwrap();
        assert_eq!(ended(&mut stream).await, 0, "it must not be answered");
    }
    let url = format!("http://{}/", server.address);
    let curl = tokio::task::spawn_blocking(move || {
        let run = |more: &[&str]| {
            Command::new("curl").args(more).args(["-sS", "--noproxy", "*", &url]).output().unwrap()
        };
        (run(&["--haproxy-protocol"]), run(&[]))
    });
    let (said, silent) = curl.await.unwrap();
    assert_eq!((said.status.success(), String::from_utf8_lossy(&said.stdout).as_ref()), (true, "127.0.0.1"));
    assert!(!silent.status.success() && silent.stdout.is_empty());
    let secured =
        ListenerConfig { balancers, ..config(Some(keys.server("server", ClientCertificates::Never))) };
    let server = start(&secured, asked_from()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"PROXY TCP6 2001:db8::7 ::1 40000 443\r\n").await.unwrap();
    let connector = TlsConnector::from(Arc::new(keys.client("server")));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert_eq!(ask(&mut stream, "/").await, "2001:db8::7");
}

/// Whoever is no balancer of the configuration says nothing about where they come from.
#[tokio::test]
async fn nobody_else_says_where_from() {
    let elsewhere = ListenerConfig { balancers: vec!["192.0.2.0/24".parse().unwrap()], ..config(None) };
    for config in [config(None), elsewhere] {
        let server = start(&config, asked_from()).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        assert_eq!(ask(&mut stream, "/").await, "127.0.0.1");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"PROXY TCP4 192.0.2.7 127.0.0.1 40000 80\r\n").await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut answer = Vec::new();
        if stream.write_all(request).await.is_ok() {
            timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap().unwrap_or(0);
        }
        assert!(!String::from_utf8_lossy(&answer).contains("192.0.2.7"));
    }
}

/// Connections beyond the limit are closed at once, and a place that becomes free is used.
#[tokio::test]
async fn connections_have_a_limit() {
    let server = start(&ListenerConfig { connections: 1, ..config(None) }, router()).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut first, "/").await, "here");
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ended(&mut second).await, 0);
    drop(first);
    let free = async {
        loop {
            let mut third = TcpStream::connect(server.address).await.unwrap();
            // A refused connection may break in the write already.
            let _broken = third.write_all(b"GET / HTTP/1.1\r\nhost: l\r\nconnection: close\r\n\r\n").await;
            if ended(&mut third).await > 0 {
                break;
            }
        }
    };
    timeout(LONG, free).await.unwrap();
}

/// A server that is told to stop takes nothing new and finishes what it has accepted, then ends.
#[tokio::test]
async fn drain_finishes_what_was_accepted() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&arrived), Arc::clone(&go));
    let slow = get(async move || {
        tell.notify_one();
        wait.notified().await;
        "finished"
    });
    let server = start(&config(None), router().route("/slow", slow)).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut idle, "/").await, "here");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let asking = tokio::spawn(async move {
        let body = ask(&mut stream, "/slow").await;
        (body, ended(&mut stream).await)
    });
    arrived.notified().await;
    // Accepted, with its request still to come.
    let mut fresh = TcpStream::connect(server.address).await.unwrap();
    server.stop.send(()).unwrap();
    assert_eq!(ended(&mut idle).await, 0, "an idle connection ends at once");
    assert_eq!(ask(&mut fresh, "/").await, "here");
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is taken");
    assert!(!server.task.is_finished(), "a request is still being answered");
    go.notify_one();
    assert_eq!(asking.await.unwrap(), ("finished".to_owned(), 0));
    timeout(LONG, server.task).await.unwrap().unwrap();
}

/// One port never asks for a certificate; another asks, takes any or none, and tells the handler.
#[tokio::test]
async fn ports_ask_for_certificates_or_not() {
    let (keys, strangers) = (Keys::new(), Keys::new());
    keys.make("server", "localhost");
    strangers.make("stranger", "stranger.example");
    let anonymous = |keys: &Keys| {
        let mut roots = rustls::RootCertStore::empty();
        for anchor in platform::tls::certificates(&keys.path("anchor.pem")).unwrap() {
            roots.add(anchor).unwrap();
        }
        builder().with_root_certificates(roots).with_no_client_auth()
    };
    let stranger = |keys: &Keys| {
        let certificate = platform::tls::certificates(&strangers.path("stranger.pem")).unwrap();
        let key = platform::tls::private_key(&strangers.path("stranger.key")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(platform::tls::certificates(&keys.path("anchor.pem")).unwrap().remove(0)).unwrap();
        builder().with_root_certificates(roots).with_client_auth_cert(certificate, key).unwrap()
    };
    let asks = start(&config(Some(keys.server("server", ClientCertificates::AcceptAny))), router()).await;
    let never = start(&config(Some(keys.server("server", ClientCertificates::Never))), router()).await;
    let cases = [
        (asks.address, stranger(&keys), "1 certificates"),
        (asks.address, anonymous(&keys), "nobody"),
        (never.address, stranger(&keys), "nobody"),
        (never.address, anonymous(&keys), "nobody"),
    ];
    for (address, client, expected) in cases {
        let mut stream = tls(address, client).await.unwrap();
        assert_eq!(ask(&mut stream, "/peer").await, expected);
    }
}

/// Whoever shows a certificate without having its key does not get in, on either version of TLS.
#[tokio::test]
async fn a_certificate_needs_its_key() {
    let keys = Keys::new();
    keys.make("server", "localhost");
    keys.make("victim", "victim.example");
    keys.make("thief", "thief.example");
    let server = start(&config(Some(keys.server("server", ClientCertificates::AcceptAny))), router()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let chain = platform::tls::certificates(&keys.path("victim.pem")).unwrap();
        let key = platform::tls::private_key(&keys.path("thief.key")).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let stolen = rustls::sign::CertifiedKey::new(chain, key);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(platform::tls::certificates(&keys.path("anchor.pem")).unwrap().remove(0)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(stolen)));
        let outcome = async {
            let mut stream = tls(server.address, client).await?;
            stream.write_all(b"GET /peer HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).await
        };
        assert!(timeout(LONG, outcome).await.unwrap().is_err(), "{version:?} let the thief in");
    }
}

/// Resumption skips the handshake's proof where it is allowed and nowhere else; a resumed peer keeps its name.
#[tokio::test]
async fn resumption_is_a_setting() {
    let keys = Keys::new();
    keys.make("server", "localhost");
    keys.make("client", "client.example");
    for (resumption, expected) in [
        (Resumption::Allowed, rustls::HandshakeKind::Resumed),
        (Resumption::Refused, rustls::HandshakeKind::Full),
    ] {
        let tls_config = TlsConfig { resumption, ..keys.server("server", ClientCertificates::AcceptAny) };
        let server = start(&config(Some(tls_config)), router()).await;
        let client = keys.client("client");
        let mut first = tls(server.address, client.clone()).await.unwrap();
        assert_eq!(ask(&mut first, "/peer").await, "1 certificates");
        let mut second = tls(server.address, client).await.unwrap();
        assert_eq!(ask(&mut second, "/peer").await, "1 certificates");
        assert_eq!(second.get_ref().1.handshake_kind(), Some(expected), "{resumption:?}");
    }
}

/// A new certificate is used from the next connection on; a broken one leaves the old in use.
#[tokio::test]
async fn certificates_are_read_again() {
    let keys = Keys::new();
    keys.make("server", "localhost");
    keys.make("client", "client.example");
    let server = start(&config(Some(keys.server("server", ClientCertificates::Never))), router()).await;
    let shown = async || {
        let stream = tls(server.address, keys.client("client")).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let before = shown().await;
    let identity = server.identity.as_ref().unwrap();
    std::fs::write(keys.path("server.pem"), "half a certi").unwrap();
    assert!(identity.is_stale());
    identity.reload().unwrap_err();
    assert_eq!(shown().await, before);
    keys.make("server", "localhost");
    // The listener looks by itself every few seconds.
    let changed = async {
        while shown().await == before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, changed).await.expect("the new certificate was not read");
    assert!(!identity.is_stale());
}

fn builder() -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}
