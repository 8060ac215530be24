//! Certificates per second over HTTPS, durable in SQLite, against a token key alone and against `openssl ca`, with the
//! time of each step, how long the writer was busy with each certificate, and what one durable COMMIT costs on this disk.
//!
//! `cargo bench --bench issuance`. [`docs/performance.md`](../../docs/performance.md) says what came out.

#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "the benches that sign use the rest")]
mod rig;

mod peer;
mod storing;

use std::process::Command;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use hsm::Alg;
use hsm::testing::RawKey;
use lanyard::keypair::pem;
use rcgen::PublicKeyData as _;

use rig::load::{Load, Measured};
use rig::site::{Running, Site};
use rig::{line, machine, number, percent, raw, waits};
use storing::Storing;

/// How many certificates, and on how many connections: many, so that writes are grouped, and one, so that no step
/// waits for another request.
const ROUNDS: [(usize, usize); 3] = [(4_000, 16), (6_000, 64), (600, 1)];
/// The steps of issuing in their order, as the metrics call them.
const STEPS: [&str; 5] = ["write", "lint", "sign", "verify", "store"];

fn main() -> anyhow::Result<()> {
    if raw::in_role()? {
        return Ok(());
    }
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    line(machine()?);
    let site = Site::make()?;
    let server = site.serve().await?;
    let before = raw::rate(&site, Alg::P256, RawKey::Token)?.0;
    let mut reports = Vec::new();
    for (certificates, connections) in ROUNDS {
        reports.push((connections, round(&site, &server, certificates, connections).await?));
    }
    let disk = storing::commits(site.folder()).await?;
    let after = raw::rate(&site, Alg::P256, RawKey::Token)?.0;
    let token = f64::midpoint(before, after);
    line(format_args!("\nP-256 token key alone  {token:.0}/s  (before {before:.0}, after {after:.0})"));
    for (connections, round) in &reports {
        report(*connections, round, token);
    }
    line(disk);
    let ours = reports.first().map_or(f64::NAN, |(_, round)| round.measured.rate);
    line("");
    for each in [1, 100] {
        let rate = peer::rate(each)?;
        line(format_args!(
            "openssl ca, {each:>3} in a process, two processes  {rate:.0}/s  (ours is {:.1} times that)",
            ours / rate
        ));
    }
    line(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    Ok(())
}

/// What came of a round.
struct Round {
    measured: Measured,
    /// How often a thread of the server went to sleep for each certificate.
    waits: f64,
    /// The mean time of each step in microseconds.
    steps: Vec<(&'static str, f64)>,
    storing: Storing,
}

/// Issues so many certificates.
async fn round(
    site: &Site,
    server: &Running,
    certificates: usize,
    connections: usize,
) -> anyhow::Result<Round> {
    let bodies: Result<Vec<_>, _> = (0..certificates).map(|index| body(connections, index)).collect();
    let load = Load {
        client: site.loader(&site.desk())?,
        kind: "application/json",
        url: format!("{}/ca/certificates", site.base()),
        bodies: bodies?,
        check: count,
        things: 1,
    };
    // The same request later answers the same certificate.
    let (first, again) = (load.bodies.first().cloned().context("a request")?, load.clone());
    let (before, asleep) = (metrics(site).await?, waits(server.id())?);
    let measured = load.closed(connections, server.id()).await?;
    let waits = (waits(server.id())? - asleep) / number(certificates);
    let after = metrics(site).await?;
    verify(site, &again.send(first).await?)?;
    let mean = |step| {
        let name = format!("ca_step_seconds_sum{{step=\"{step}\"}}");
        anyhow::Ok((step, grown(&before, &after, &name)? / number(certificates) * 1e6))
    };
    let steps = STEPS.into_iter().map(mean).collect::<Result<_, _>>()?;
    Ok(Round { measured, waits, steps, storing: Storing::between(&before, &after, number(certificates))? })
}

fn body(round: usize, index: usize) -> anyhow::Result<Vec<u8>> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let name = format!("bench-{round}-{index}");
    let subject = SubjectData { common_name: name.clone(), ..SubjectData::default() };
    let key = KeySource::public_key(&key.subject_public_key_info());
    Ok(serde_json::to_vec(&IssueRequest::new(name, "system-tls-client", subject, key))?)
}

fn count(answer: &[u8]) -> anyhow::Result<usize> {
    let issued: Issued = serde_json::from_slice(answer)?;
    Ok(usize::from(!issued.serial.is_empty() && !issued.certificate.is_empty()))
}

/// Has OpenSSL check one certificate up to the root.
fn verify(site: &Site, answer: &[u8]) -> anyhow::Result<()> {
    let issued: Issued = serde_json::from_slice(answer)?;
    ensure!(STANDARD.decode(&issued.certificate).is_ok(), "the certificate is not base64");
    let (leaf, chain) = (site.folder().join("leaf.pem"), site.folder().join("between.pem"));
    std::fs::write(&leaf, pem("CERTIFICATE", &issued.certificate))?;
    let between: String = issued.chain.iter().map(|text| pem("CERTIFICATE", text)).collect();
    std::fs::write(&chain, between)?;
    let said = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"])
        .arg(site.root())
        .arg("-untrusted")
        .arg(&chain)
        .arg(&leaf)
        .output()?;
    ensure!(said.status.success(), "OpenSSL: {}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}

/// The server's metrics, as Prometheus reads them.
async fn metrics(site: &Site) -> anyhow::Result<String> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(http.get(format!("{}/metrics", site.private())).send().await?.text().await?)
}

/// By how much a number of the server has grown.
fn grown(before: &str, after: &str, name: &str) -> anyhow::Result<f64> {
    let value = |metrics: &str| {
        let rest = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        rest.and_then(|value| value.parse::<f64>().ok())
    };
    Ok(value(after).with_context(|| format!("no metric {name}"))? - value(before).unwrap_or(0.0))
}

fn report(connections: usize, round: &Round, token: f64) {
    let Round { measured, waits, steps, storing } = round;
    line(format_args!(
        "\n{connections:>2} connections  {:.0}/s  {} of the token; processor {:.0} us server, {:.0} us client; {waits:.1} waits a certificate; p50 {:.1} ms, p99 {:.1} ms",
        measured.rate,
        percent(measured.rate, token),
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
    for (step, microseconds) in steps {
        line(format_args!("    {step:<8} {microseconds:>8.0} us of each certificate"));
    }
    line(storing);
}
