//! What an operator relies on while the server runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use axum::{Router, extract::Request};
use lanyard::config::Listen;
use lanyard::signing;
use platform::web::{Listener, ListenerConfig};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::rig::{Serving, Site, said};

/// How much memory of its own an idle server may hold, in KiB: half of the 100 MB that it may take in all, of which the rest is
/// for the pages of the program. Those are not counted here: of a program that was not optimised there are many times as many.
const IDLE_KIB: u64 = 50 * 1024;

/// How long a server may take to give back what it needed.
const SETTLES: Duration = Duration::from_secs(5);

/// The prescriber of the demo.
const PRESCRIBER: &str = "555000000108";

/// A server that is ready and idle holds less than 50 MB beside its program, and so it does after it has answered, and after
/// it has hashed many passphrases at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_takes_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let idle = settled_kib(serving.id()).await;
    assert!(idle < IDLE_KIB, "{idle} KiB");
    let desk = site.systems(&site.desk());
    for _ in 0..50 {
        desk.get::<Value>("/ca/issuers").await.unwrap();
    }
    let after = settled_kib(serving.id()).await;
    assert!(after < IDLE_KIB, "{after} KiB");
    for at_once in [1, 2, 8, 16] {
        authorise(&site, at_once).await;
    }
    let after = settled_kib(serving.id()).await;
    assert!(after < IDLE_KIB, "{after} KiB after passphrases");
}

/// The prescriber agrees so many times at once, each with the passphrase.
async fn authorise(site: &Site, at_once: usize) {
    let server = site.systems(&site.system());
    let credential = signing::credential(&server, PRESCRIBER, None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let (server, credential, passphrase) = (Arc::new(server), Arc::new(credential), Arc::new(passphrase));
    let mut agreeing = JoinSet::new();
    for number in 0..at_once {
        let (server, credential, passphrase) = (server.clone(), credential.clone(), passphrase.clone());
        agreeing.spawn(async move {
            let document = [format!("document {number}").into_bytes()];
            signing::authorise(&server, &credential, &passphrase, &document).await.map(drop)
        });
    }
    for agreed in agreeing.join_all().await {
        agreed.unwrap();
    }
}

/// How much memory of its own a process has once it is idle: what it needed a moment ago goes back within some seconds, or is still there at the end of them.
async fn settled_kib(process: u32) -> u64 {
    let begun = Instant::now();
    loop {
        let kib = resident_kib(process);
        if kib < IDLE_KIB || begun.elapsed() > SETTLES {
            return kib;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a process has in memory that is no page of a file, as the kernel counts it.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    of("RssAnon:") + of("RssShmem:")
}

/// `[telemetry.otlp]` alone makes a server send logs and traces to a collector, under its name and without a secret; without
/// the section nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn telemetry_is_sent_when_the_configuration_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let (tell, mut told) = mpsc::unbounded_channel();
    let collector = Router::new().fallback(async move |request: Request| {
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1 << 24).await.unwrap();
        // The test may have seen enough.
        let _ = tell.send((path, body));
        StatusCode::OK
    });
    let listener = Listener::bind(&ListenerConfig::new("127.0.0.1:0".parse().unwrap(), None)).await.unwrap();
    let address = listener.local_addr();
    tokio::spawn(listener.serve(collector, std::future::pending()));

    let silent = Serving::spawn(&site);
    site.private("/ready", 200).await;
    silent.kill();
    assert!(told.try_recv().is_err(), "something was sent unasked");

    let section =
        format!("\n[telemetry.otlp]\nendpoint = \"http://{address}\"\nservice_name = \"larkfield\"\n");
    let file = site.folder.join("lanyard.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &section).unwrap();
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let desk = site.systems(&site.desk());
    let pin = std::fs::read_to_string(site.folder.join("secrets/user.pin")).unwrap();
    let (mut logs, mut traces) = (false, false);
    while !(logs && traces) {
        desk.get::<Value>("/ca/issuers").await.unwrap();
        // The server sends when it has something to say or after some seconds.
        let received = tokio::time::timeout(Duration::from_secs(1), told.recv()).await;
        let Ok(Some((path, body))) = received else { continue };
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains(pin.trim()), "the PIN was sent");
        logs |= path == "/v1/logs" && text.contains("larkfield");
        traces |= path == "/v1/traces" && text.contains("larkfield");
    }
    serving.kill();
}

/// Metrics and health are on a port of their own, 9464 of this machine unless told otherwise; an address that others reach is
/// refused with its line, and the other ports know nothing of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_private_port_is_private() {
    assert_eq!(Listen::default().private, "127.0.0.1:9464".parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    assert!(site.private("/metrics", 200).await.contains("hsm_token_ready{token=\"lanyard\"} 1"));
    assert_eq!(site.private("/live", 200).await, "live\n");
    for (port, pair) in [(0, None), (1, Some(site.desk()))] {
        let client = site.client(port, pair.as_ref());
        for path in ["/metrics", "/live", "/ready"] {
            assert_eq!(client.status(Method::GET, path, &Value::Null).await.unwrap(), 404, "{port} {path}");
        }
    }
    the_plain_port_is_for_verifiers(&site).await;
    serving.kill();

    site.configure(&format!("private = \"127.0.0.1:{}\"", site.base + 4), "private = \"0.0.0.0:9464\"");
    let text = std::fs::read_to_string(site.folder.join("lanyard.toml")).unwrap();
    let line = 1 + text.lines().position(|line| line.starts_with("private")).unwrap();
    let refused = site.try_run(&["check"]);
    assert!(!refused.status.success());
    let told = said(&refused);
    assert!(told.contains("reached from outside") && told.contains(&format!("line {line}")), "{told}");
}

/// Over plain HTTP there are lists, authorities' certificates and OCSP, and no other route of the description.
async fn the_plain_port_is_for_verifiers(site: &Site) {
    let description: Value = site.client(0, None).get("/openapi.json").await.unwrap();
    let described = description["paths"].as_object().unwrap();
    let (http, mut others) = (reqwest::Client::builder().no_proxy().build().unwrap(), 0);
    for path in
        described.keys().map(String::as_str).chain(["/", "/metrics", "/ready", "/openapi.json", "/docs/"])
    {
        let url = format!("http://127.0.0.1:{}{}", site.base + 3, path.replace(['{', '}'], ""));
        let public = ["/crl/", "/aia/", "/ocsp"].iter().any(|begin| path.starts_with(begin));
        others += usize::from(!public);
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            let answer = http.request(method.clone(), &url).send().await.unwrap();
            assert!(public || answer.status().as_u16() == 404, "{method} {url}: {}", answer.status());
        }
    }
    assert!(others > 40, "the description was read");
    let list = reqwest::get(format!("http://127.0.0.1:{}/crl/root.crl", site.base + 3)).await.unwrap();
    assert_eq!(list.status().as_u16(), 200);
}
