//! OCSP answers per second: kept ones over GET, freshly signed ones over POST with a nonce, against the token alone, against
//! the same HTTP and token without OCSP, and against `openssl ocsp` as a responder.

#[path = "../rig/mod.rs"]
mod rig;

mod floor;
mod peer;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use hsm::Alg;
use hsm::testing::RawKey;
use pki::Certificate;
use pki::ocsp::{CertId, Hash, Question, Request, Response, Status};
use rcgen::PublicKeyData as _;
use tokio::task::JoinSet;

use floor::{Does, Floor};
use rig::load::{Load, Measured, Meter};
use rig::site::{Running, Site};
use rig::{line, machine, number, percent, raw, waits};
use wire::Wire;

/// How many certificates are asked about.
const CERTIFICATES: usize = 200;
/// How many connections ask at the same time, each kept open.
const CONNECTIONS: usize = 64;
/// How long each case is measured.
const TIME: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    if raw::in_role()? {
        return Ok(());
    }
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async { if floor::in_role().await? { Ok(()) } else { run().await } })
}

/// A certificate to ask about, and its issuer.
struct Asked {
    id: CertId,
    issuer: Certificate,
}

async fn run() -> anyhow::Result<()> {
    line(machine()?);
    let site = Site::make()?;
    let server = site.serve().await?;
    let plain = SocketAddr::from(([127, 0, 0, 1], site.config()?.listen.plain.port()));
    let asked = certificates(&site, &server).await?;
    let path = |asked: &Asked| anyhow::Ok(path(&Request::new(vec![asked.id.clone()], None)?));
    let paths: Vec<_> = asked.iter().map(path).collect::<Result<_, _>>()?;
    let octets = ready(plain, &asked, &paths).await?;

    let kept = drive(plain, server.id(), Arc::new(move |turn| paths[turn % paths.len()].clone())).await?;
    report("kept, GET", &kept);
    let (before, each_before) = raw::rate(&site, Alg::P256, RawKey::Token)?;
    let checked = raw::rate(&site, Alg::P256, RawKey::TokenChecked)?;
    let copied = raw::rate(&site, Alg::P256, RawKey::Copied)?;
    let nonced = Nonced::new("/ocsp", &asked)?;
    let fresh = drive(plain, server.id(), Arc::new(move |turn| nonced.question(turn))).await?;
    report("fresh, POST with nonce", &fresh);
    drop(server);
    let (nothing, digest) = without_ocsp(&site, &asked, octets).await?;
    report("floor: HTTP that answers", &nothing);
    report("floor: and signs a digest", &digest);
    let (after, each_after) = raw::rate(&site, Alg::P256, RawKey::Token)?;
    let (kept, fresh, digest) = (kept.measured, fresh.measured, digest.measured);
    let (token, each) = (f64::midpoint(before, after), f64::midpoint(each_before, each_after));
    line(format_args!(
        "token alone               {token:>8.0}/s  processor {each:.0} us (before {before:.0}/s, after {after:.0}/s)\n\
         token, each checked       {:>8.0}/s  processor {:.0} us\n\
         token, key in the session {:>8.0}/s  processor {:.0} us",
        checked.0, checked.1, copied.0, copied.1,
    ));
    line(format_args!(
        "fresh is {} of the token alone (goal 60 %), {} of the token with each signature checked, and {} of the floor; {} of its \
         processor is the token's and the check's, {} the floor's",
        percent(fresh.rate, token),
        percent(fresh.rate, checked.0),
        percent(fresh.rate, digest.rate),
        percent(checked.1, fresh.server_cpu),
        percent(digest.server_cpu, fresh.server_cpu),
    ));
    let peer = peer::rate(&peer::Responder::start()?, TIME).await?;
    line(format_args!(
        "openssl ocsp              {peer:>8.0}/s  (kept is {:.1} times that, fresh {:.1} times)",
        kept.rate / peer,
        fresh.rate / peer
    ));
    line(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    Ok(())
}

fn report(what: &str, Driven { measured, waits }: &Driven) {
    line(format_args!(
        "{what:<26}{:>8.0}/s  processor {:.0} us server, {:.0} us client; {waits:.2} waits an answer; p50 {:.2} ms, p99 {:.2} ms",
        measured.rate,
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
}

/// Has certificates issued to ask about.
async fn certificates(site: &Site, server: &Running) -> anyhow::Result<Vec<Asked>> {
    let bodies: Result<Vec<_>, _> = (0..CERTIFICATES).map(body).collect();
    let load = Load {
        client: site.loader(&site.desk())?,
        kind: "application/json",
        url: format!("{}/ca/certificates", site.base()),
        bodies: bodies?,
        check: |answer| Ok(usize::from(!serde_json::from_slice::<Issued>(answer)?.serial.is_empty())),
        things: 1,
    };
    let again = load.clone();
    load.closed(16, server.id()).await?;
    let mut asked = Vec::new();
    for body in again.bodies.clone() {
        // The same request answers the same certificate.
        let answer: Issued = serde_json::from_slice(&again.send(body).await?)?;
        let issuer = Certificate::from_der(&STANDARD.decode(&answer.chain[0])?)?;
        let id = CertId::new(Hash::Sha1, &issuer, answer.serial.parse()?)?;
        asked.push(Asked { id, issuer });
    }
    ensure!(site.root().exists(), "there is no root");
    Ok(asked)
}

fn body(index: usize) -> anyhow::Result<Vec<u8>> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let subject = SubjectData { common_name: format!("bench-{index}"), ..SubjectData::default() };
    let key = KeySource::public_key(&key.subject_public_key_info());
    Ok(serde_json::to_vec(&IssueRequest::new(format!("bench-{index}"), "system-tls-client", subject, key))?)
}

/// The question as a GET.
fn path(request: &Request) -> Vec<u8> {
    let text = STANDARD.encode(request.to_der()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("GET /ocsp/{text} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// The same load on a server that has the same HTTP and token, and knows nothing of OCSP.
async fn without_ocsp(site: &Site, asked: &[Asked], octets: usize) -> anyhow::Result<(Driven, Driven)> {
    let floor = Floor::start(site, octets).await?;
    let load = async |does: Does| {
        let nonced = Nonced::new(does.path(), asked)?;
        drive(Floor::address(), floor.id(), Arc::new(move |turn| nonced.question(turn))).await
    };
    Ok((load(Does::Nothing).await?, load(Does::SignsADigest).await?))
}

/// Questions as POSTs with a nonce that no other question has. They are written once, and only the nonce changes.
struct Nonced {
    /// By certificate, with the place of the nonce.
    posts: Vec<(Vec<u8>, usize)>,
}

impl Nonced {
    fn new(path: &str, asked: &[Asked]) -> anyhow::Result<Nonced> {
        const NONCE: [u8; 32] = [0xa7; 32];
        let write = |asked: &Asked| {
            let post = post(path, &Request::new(vec![asked.id.clone()], Some(NONCE.to_vec()))?.to_der());
            let place = post.windows(NONCE.len()).position(|octets| octets == NONCE).context("no nonce")?;
            anyhow::Ok((post, place))
        };
        Ok(Nonced { posts: asked.iter().map(write).collect::<Result<_, _>>()? })
    }

    fn question(&self, turn: usize) -> Vec<u8> {
        let (post, place) = &self.posts[turn % self.posts.len()];
        let mut post = post.clone();
        post[*place..place + 8].copy_from_slice(&turn.to_be_bytes());
        post
    }
}

fn post(path: &str, question: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/ocsp-request\r\ncontent-length: {}\r\n\r\n",
        question.len()
    );
    [head.as_bytes(), question].concat()
}

/// Waits until there is a responder, and checks every answer: each is then kept. Says how many octets one has.
async fn ready(plain: SocketAddr, asked: &[Asked], paths: &[Vec<u8>]) -> anyhow::Result<usize> {
    let (mut wire, deadline) = (Wire::open(plain).await?, Instant::now() + Duration::from_mins(1));
    while !matches!(Response::from_der(wire.exchange(&paths[0]).await?)?, Response::Answered(_)) {
        ensure!(Instant::now() < deadline, "no responder was made");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut octets = 0;
    for (asked, path) in asked.iter().zip(paths) {
        let der = wire.exchange(path).await?;
        octets = der.len();
        let Response::Answered(answer) = Response::from_der(der)? else {
            anyhow::bail!("an answer was refused")
        };
        let at_ms = answer.produced_at_ms();
        let question = Question { id: &asked.id, issuer: &asked.issuer, nonce: None, at_ms };
        ensure!(answer.check(&question)?.status() == Status::Good, "a certificate is not good");
    }
    Ok(octets)
}

/// What was measured, and how often a thread of the server went to sleep for each answer.
struct Driven {
    measured: Measured,
    waits: f64,
}

type Next = Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

/// Asks on every connection, each question as soon as the one before is answered. An answer that is a refusal ends it.
///
/// From one thread: the cores are the server's too, and one thread asks more often than two of them can be answered.
async fn drive(plain: SocketAddr, server: u32, next: Next) -> anyhow::Result<Driven> {
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let before = waits(server)?;
        let measured = runtime.block_on(ask(plain, server, next))?;
        let waits = (waits(server)? - before) / number(measured.latencies.len());
        anyhow::Ok(Driven { measured, waits })
    };
    tokio::task::spawn_blocking(asking).await?
}

async fn ask(plain: SocketAddr, server: u32, next: Next) -> anyhow::Result<Measured> {
    let (turns, mut clients) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let meter = Meter::start(server)?;
    for _ in 0..CONNECTIONS {
        let (turns, next) = (turns.clone(), next.clone());
        clients.spawn(async move {
            let (mut wire, mut latencies) = (Wire::open(plain).await?, Vec::new());
            let begun = Instant::now();
            while begun.elapsed() < TIME {
                let question = next(turns.fetch_add(1, Ordering::Relaxed));
                let sent = Instant::now();
                let answer = wire.exchange(&question).await?;
                // A refusal has five octets; an answer with its certificate has hundreds.
                ensure!(answer.len() > 100, "refused: {answer:02x?}");
                latencies.push(sent.elapsed());
            }
            Ok((latencies.len(), latencies))
        });
    }
    meter.stop(clients).await.context("a connection ended")
}
