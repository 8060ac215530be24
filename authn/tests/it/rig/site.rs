//! The server of a relying party, over TLS on this machine: it publishes keys and hears of logouts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use platform::web::{ClientCertificates, Listener, ListenerConfig, Protocols, Resumption, TlsConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

/// A server with what it is to answer.
pub(crate) struct Site {
    folder: TempDir,
    port: u16,
    said: Arc<Said>,
    _stop: oneshot::Sender<()>,
}

/// What it answers, and what it heard.
#[derive(Default)]
struct Said {
    keys: Mutex<(u16, String)>,
    fetched: Mutex<u32>,
    logout: Mutex<u16>,
    /// What it says to security events.
    events: Mutex<(u16, String)>,
    heard: Mutex<Vec<(HeaderMap, String)>>,
    /// What came to where no answer comes while the gate is closed.
    held: Mutex<Vec<String>>,
    gate: watch::Sender<bool>,
    /// Counts requests of either kind, for those who wait for one.
    came: watch::Sender<usize>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        platform::tls::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("site.pem"), folder.path().join("site.key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = TlsConfig {
            certificate,
            key,
            client_certificates: ClientCertificates::Never,
            resumption: Resumption::Allowed,
            protocols: Protocols::Http1,
        };
        let listener =
            Listener::bind(&ListenerConfig::new("127.0.0.1:0".parse().unwrap(), Some(tls))).await.unwrap();
        let port = listener.local_addr().port();
        let said = Arc::new(Said::default());
        let router = Router::new()
            .route("/jwks", get(keys))
            .route("/elsewhere", get(|| async { (StatusCode::FOUND, [("location", "/jwks")]) }))
            .route("/slow-jwks", get(slow_keys))
            .route("/logout", post(logout))
            .route("/events", post(events))
            .route("/deaf", post(deaf))
            .with_state(Arc::clone(&said));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // An error says that the sender is gone, which is a stop too.
            let told = async move { drop(stopped.await) };
            listener.serve(router, told).await
        });
        Self { folder, port, said, _stop: stop }
    }

    /// The file with what its certificate leads to: itself.
    pub(crate) fn anchors(&self) -> PathBuf {
        self.folder.path().join("site.pem")
    }

    /// An address on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Publishes this from now on.
    pub(crate) fn publish(&self, status: u16, body: &str) {
        *self.said.keys.lock().unwrap() = (status, body.to_owned());
    }

    /// Publishes keys.
    pub(crate) fn publish_keys(&self, keys: &[Value]) {
        self.publish(200, &serde_json::json!({"keys": keys}).to_string());
    }

    /// How often its keys were fetched.
    pub(crate) fn fetched(&self) -> u32 {
        *self.said.fetched.lock().unwrap()
    }

    /// Answers logouts with this from now on.
    pub(crate) fn answer_logouts(&self, status: u16) {
        *self.said.logout.lock().unwrap() = status;
    }

    /// Answers security events with this from now on.
    pub(crate) fn answer_events(&self, status: u16, body: &str) {
        *self.said.events.lock().unwrap() = (status, body.to_owned());
    }

    /// Where answers are held back, none comes from now on.
    pub(crate) fn hold(&self) {
        self.said.gate.send_replace(true);
    }

    /// They come again.
    pub(crate) fn release(&self) {
        self.said.gate.send_replace(false);
    }

    /// Waits until this holds, looking again after each request.
    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut came = self.said.came.subscribe();
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while !holds(self) {
                came.changed().await.unwrap();
            }
        });
        waited.await.expect("it never came to that");
    }

    /// The bodies that came to where answers are held back.
    pub(crate) fn held(&self) -> Vec<String> {
        self.said.held.lock().unwrap().clone()
    }

    /// The logouts that it heard of, with their headers.
    pub(crate) fn heard(&self) -> Vec<(HeaderMap, String)> {
        self.said.heard.lock().unwrap().clone()
    }
}

async fn keys(State(said): State<Arc<Said>>) -> Response {
    *said.fetched.lock().unwrap() += 1;
    let (status, body) = said.keys.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn logout(State(said): State<Arc<Said>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    said.heard.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
    said.came.send_modify(|came| *came += 1);
    StatusCode::from_u16(*said.logout.lock().unwrap()).unwrap()
}

async fn events(State(said): State<Arc<Said>>) -> Response {
    let (status, body) = said.events.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn slow_keys(State(said): State<Arc<Said>>) -> Response {
    said.held.lock().unwrap().push(String::new());
    said.came.send_modify(|came| *came += 1);
    open_gate(&said).await;
    keys(State(said)).await
}

async fn deaf(State(said): State<Arc<Said>>, body: Bytes) -> StatusCode {
    said.held.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    said.came.send_modify(|came| *came += 1);
    open_gate(&said).await;
    StatusCode::OK
}

async fn open_gate(said: &Said) {
    let mut gate = said.gate.subscribe();
    // The sender is here as long as the site.
    drop(gate.wait_for(|held| !*held).await);
}
