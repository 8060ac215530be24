//! CMS signatures per second over HTTPS, durable in SQLite, against the token alone and against other programs.
//!
//! `cargo bench --bench signing`. Everything is measured in one run, one after the other, on the same cores; the load
//! generator shares them with the server. [`docs/performance.md`](../../docs/performance.md) says what came out.

mod peers;
mod prescriber;
#[path = "../rig/mod.rs"]
mod rig;
mod steady;

use hsm::Alg;
use hsm::testing::RawKey;

use peers::Peer;
use prescriber::{Prescriber, Requests};
use rig::load::Measured;
use rig::site::{Running, Site};
use rig::{line, machine, number, percent, raw, waits};

/// How one algorithm is measured.
struct Plan {
    alg: Alg,
    /// How many single signatures.
    singles: usize,
    /// How many signatures in batches of each size.
    batched: usize,
    /// What the rates are meant to reach, in parts of the token's own.
    goal: &'static str,
}

const PLANS: [Plan; 2] = [
    Plan { alg: Alg::P256, singles: 6_000, batched: 24_000, goal: "goal 40 %" },
    Plan { alg: Alg::Rsa2048, singles: 3_000, batched: 4_500, goal: "goal 85 %" },
];
/// How many documents in a batch, and how many connections wait for such batches: enough to keep the processor busy while
/// others wait for the disk, and no more, so that latency says something.
const BATCHES: [(usize, usize); 3] = [(25, 12), (100, 6), (250, 4)];
/// Connections that wait for single signatures: enough for writes to be grouped.
const SINGLES_AT_ONCE: usize = 16;
/// The system that has prescriptions signed.
const SYSTEM: &str = "prescribing-system";
/// Single signatures share authorisations to keep the making of those short; each batch has its own.
const SINGLES_PER_AUTHORISATION: usize = 10;
/// For how long the latency at half load is measured.
const HALF_LOAD_SECONDS: f64 = 4.0;

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
    for plan in &PLANS {
        let prescriber = Prescriber::register(&site, plan.alg, SYSTEM, "signing").await?;
        measure(plan, &site, &server, &prescriber).await?;
    }
    line(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    Ok(())
}

async fn measure(plan: &Plan, site: &Site, server: &Running, prescriber: &Prescriber) -> anyhow::Result<()> {
    line(format_args!("\n{}, live wrapped key", plan.alg));
    let before = raw::rate(site, plan.alg, RawKey::Wrapped)?.0;
    // Both sessions hold the key afterwards.
    prescriber.requests(50, 25, 25).await?.send(2, server.id()).await?;
    let mut rows = Vec::new();
    let singles = prescriber.requests(plan.singles, 1, SINGLES_PER_AUTHORISATION).await?;
    let authorisations = singles.authorisations_per_second;
    let single = checked(singles, SINGLES_AT_ONCE, site, server).await?;
    let half = single.0.rate / 2.0;
    rows.push(("single".to_owned(), single));
    for (batch, at_once) in BATCHES {
        let requests = prescriber.requests(plan.batched, batch, batch).await?;
        let name = format!("batches of {batch}, {at_once} at once");
        rows.push((name, checked(requests, at_once, site, server).await?));
    }
    let after = raw::rate(site, plan.alg, RawKey::Wrapped)?.0;
    let token = f64::midpoint(before, after);
    line(format_args!("{:<28} {token:>8.0}/s  (before {before:.0}, after {after:.0})", "token alone"));
    for (name, (measured, waits)) in &rows {
        report(name, measured, *waits, token, plan.goal);
    }
    line(format_args!("{:<28} {authorisations:>8.0}/s  (argon2id as configured)", "authorisations"));
    let best = rows.iter().map(|(_, (measured, _))| measured.rate).fold(0.0, f64::max);
    for peer in Peer::ALL {
        match peer.rate(plan.alg) {
            Ok(rate) => {
                let times = best / rate;
                line(format_args!("{:<28} {rate:>8.0}/s  (ours is {times:.1} times that)", peer.name()));
            }
            Err(error) => line(format_args!("{:<28} not measured: {error:#}", peer.name())),
        }
    }
    half_load(half, server, prescriber).await
}

/// Measures, also how often a thread of the server waited for each request; then asks once more for the first answer and has
/// another program verify it.
async fn checked(
    requests: Requests,
    connections: usize,
    site: &Site,
    server: &Running,
) -> anyhow::Result<(Measured, f64)> {
    let sample = requests.sample();
    let before = waits(server.id())?;
    let measured = requests.send(connections, server.id()).await?;
    let waits = (waits(server.id())? - before) / number(measured.latencies.len());
    sample.verify(site).await?;
    Ok((measured, waits))
}

fn report(name: &str, measured: &Measured, waits: f64, token: f64, goal: &str) {
    line(format_args!(
        "{name:<28} {:>8.0}/s  {:>5} of the token ({goal}); processor {:.0} us server, {:.0} us client; {waits:.1} waits a request; p50 {:.1} ms, p99 {:.1} ms",
        measured.rate,
        percent(measured.rate, token),
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
}

async fn half_load(per_second: f64, server: &Running, prescriber: &Prescriber) -> anyhow::Result<()> {
    let count = (1..1_000_000).find(|count| number(*count) >= per_second * HALF_LOAD_SECONDS).unwrap_or(1);
    let requests = prescriber.requests(count, 1, SINGLES_PER_AUTHORISATION).await?;
    let (measured, refusals) = requests.send_at(per_second, server.id()).await?;
    line(format_args!(
        "{:<28} {per_second:>8.0}/s  p50 {:.1} ms, p99 {:.1} ms (goal 25), longest {:.1} ms; {refusals} refusals",
        "single at half load",
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
        measured.quantile(1000).as_secs_f64() * 1e3,
    ));
    Ok(())
}
