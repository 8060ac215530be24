//! What the same HTTP and the same token cost without OCSP: a server of its own, with the layers and limits of the real
//! one, that reads a question and answers at once, or has one digest signed first and does nothing else.
//!
//! Digests that come together go to the token together, as questions do. So the second is what is left when everything
//! that makes an answer an OCSP answer takes no time.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hsm::{Alg, Hsm, Key};
use lanyard::config::Config;
use platform::telemetry;
use platform::web::{Lines, Listener, ListenerConfig, Raw, Told, stack};
use tokio::sync::{mpsc, oneshot};

use super::rig::site::Site;
use super::wire::Wire;

/// The first argument of the process that serves.
const ROLE: &str = "floor";
/// Behind those of the real server.
const PORT: u16 = 21_446;
/// How many digests go to the token together, as in `ca/src/ocsp/fresh.rs`.
const MOST: usize = 64;

/// A running server; killed when dropped.
pub(crate) struct Floor {
    child: Child,
}

/// What it does before it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Nothing,
    SignsADigest,
}

impl Does {
    /// Where it does that.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Does::Nothing => "/nothing",
            Does::SignsADigest => "/digest",
        }
    }
}

impl Floor {
    /// Starts it with this site's token and limits; its answers have so many octets.
    pub(crate) async fn start(site: &Site, octets: usize) -> anyhow::Result<Floor> {
        let child = Command::new(std::env::current_exe()?)
            .args([ROLE, &octets.to_string()])
            .arg(site.configuration())
            // The library reads its place from the environment, once.
            .envs(&site.config()?.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let floor = Floor { child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while Wire::open(Floor::address()).await.is_err() {
            ensure!(Instant::now() < deadline, "the server of the floor did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(floor)
    }

    pub(crate) fn address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this is the process that [`Floor::start`] started; then it serves until it is killed.
pub(crate) async fn in_role() -> anyhow::Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, octets, configuration] = arguments.as_slice() else { return Ok(false) };
    if role != ROLE {
        return Ok(false);
    }
    let config = Config::load(configuration.as_ref())?;
    let _telemetry = telemetry::init(&config.telemetry)?;
    let hsm = Hsm::open(config.hsm.clone()).await?;
    let key = hsm.generate("bench-floor", Alg::P256).await?;
    let (digests, waiting) = mpsc::channel(4_096);
    tokio::spawn(sign(key, waiting));
    let served = Served { digests, answer: vec![7; octets.parse().context("how many octets")?].into() };
    let router = Router::new()
        .route(
            Does::Nothing.path(),
            post(async |State(served): State<Served>, Raw(_question)| served.answer()),
        )
        .route(Does::SignsADigest.path(), post(digest))
        .with_state(served);
    let told = Told { port: "plain", lines: Lines::Failures };
    let listener = Listener::bind(&ListenerConfig::new(Floor::address(), None)).await?;
    listener.serve(stack(router, &config.limits.anybody(), told), pending()).await?;
    Ok(true)
}

type Waiting = (Vec<u8>, oneshot::Sender<Vec<u8>>);

#[derive(Clone)]
struct Served {
    digests: mpsc::Sender<Waiting>,
    answer: Bytes,
}

impl Served {
    fn answer(&self) -> Response {
        let about =
            [(header::CONTENT_TYPE, "application/ocsp-response"), (header::CACHE_CONTROL, "no-store")];
        (about, self.answer.clone()).into_response()
    }
}

async fn digest(State(served): State<Served>, Raw(_question): Raw) -> Response {
    let (reply, signature) = oneshot::channel();
    drop(served.digests.send((vec![7; 32], reply)).await);
    match signature.await {
        Ok(_signature) => served.answer(),
        Err(_) => axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn sign(key: Key, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut group, MOST).await > 0 {
        let key = key.clone();
        let (digests, replies): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        tokio::spawn(async move {
            let signed = key.sign_digests(key.alg().default_scheme(), digests).await;
            for (signature, reply) in signed.unwrap_or_default().into_iter().zip(replies) {
                drop(reply.send(signature));
            }
        });
    }
}
