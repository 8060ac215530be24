//! Refusals that come before the body has been read reach those who write all of it first.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use platform::web::{ClientCertificates, Limits, Lines, Told, stack};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::keys::Keys;
use crate::listeners::{Server, config, start, tls};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const MEGABYTE: usize = 1 << 20;

/// A server over TLS that takes bodies of a megabyte, and knows nobody at one of its addresses.
async fn server(keys: &Keys) -> Server {
    keys.make("server", "localhost");
    keys.make("client", "client");
    let router = Router::new()
        .route("/read", post(async |body: Bytes| body.len().to_string()))
        .route("/unknown", post(async |_: HeaderMap| StatusCode::UNAUTHORIZED));
    let limits = Limits { body_bytes: MEGABYTE, ..Limits::default() };
    let router = stack(router, &limits, Told { port: "test", lines: Lines::All });
    let mut config = config(Some(keys.server("server", ClientCertificates::Never)));
    config.stall_time_out_ms = 20_000;
    config.idle_time_out_ms = 20_000;
    start(&config, router).await
}

/// Writes a whole request by HTTP/1.1 before it reads, as Python's http.client does, and gives the status line.
async fn written_first(server: &Server, keys: &Keys, head: &str, body: usize) -> String {
    let mut stream = tls(server.address, keys.client("client")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let block = vec![b'A'; MEGABYTE / 16];
    for _ in 0..body / block.len() {
        stream.write_all(&block).await.unwrap();
    }
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
}

/// A client that reads nothing before it has written its whole body sees the refusal: of what is too large, of somebody unknown,
/// and at an address that is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_first_sees_the_refusal() {
    let keys = Keys::new();
    let server = server(&keys).await;
    for (path, small) in [("/read", 200), ("/unknown", 401), ("/nowhere", 404)] {
        for (size, status) in [(MEGABYTE / 2, small), (2 * MEGABYTE, 413), (20 * MEGABYTE, 413)] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n");
            let seen = timeout(LONG, written_first(&server, &keys, &head, size)).await.unwrap();
            assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{path}, {size} octets: {seen:?}");
        }
    }
}

/// curl, which speaks HTTP/2 here, sees it too, and with HTTP/1.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_sees_the_refusal() {
    let keys = Keys::new();
    let server = server(&keys).await;
    let body = keys.path("body");
    for size in [MEGABYTE / 3, 3 * MEGABYTE, 20 * MEGABYTE] {
        std::fs::write(&body, vec![b'A'; size]).unwrap();
        for (path, small) in [("read", "200"), ("unknown", "401")] {
            let status = if size > MEGABYTE { "413" } else { small };
            for version in ["--http2", "--http1.1"] {
                let mut curl = Command::new("curl");
                curl.args(["-sS", version, "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"])
                    // OpenSSL takes the server's certificate for its own issuer's, as both have the same empty name.
                    .args(["--max-time", "25", "--insecure"])
                    .args(["-H", "content-type: application/json", "--data-binary"])
                    .arg(format!("@{}", body.display()))
                    .arg(format!("https://localhost:{}/{path}", server.address.port()));
                let output = timeout(LONG, curl.output()).await.unwrap().unwrap();
                let seen = String::from_utf8_lossy(&output.stdout).into_owned();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(seen, status, "{path} {version}, {size} octets: {said}");
            }
        }
    }
}

/// Whoever asks first whether to send (`Expect: 100-continue`) is refused without being told to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_first_is_not_told_to_go_on() {
    let keys = Keys::new();
    let server = server(&keys).await;
    let head =
        "POST /read HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 10000000\r\n\r\n";
    let seen = timeout(LONG, written_first(&server, &keys, head, 0)).await.unwrap();
    assert!(seen.starts_with("HTTP/1.1 413 "), "{seen:?}");
}
