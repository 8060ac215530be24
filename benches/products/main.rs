//! Time-stamps and verifications per second over HTTPS, against the token alone, in one run.
//!
//! `cargo bench --bench products`. The load generator shares the cores with the server.

#[path = "../rig/mod.rs"]
mod rig;
mod stamps;
mod verifications;

use hsm::Alg;
use hsm::testing::RawKey;

use rig::load::Measured;
use rig::site::Site;
use rig::{line, machine, percent, raw, waits};

/// How time-stamps of one algorithm are measured.
struct Plan {
    alg: Alg,
    /// The same in the configuration.
    setting: &'static str,
    count: usize,
    goal: &'static str,
}

const PLANS: [Plan; 2] = [
    Plan { alg: Alg::P256, setting: "p-256", count: 24_000, goal: "goal 40 %" },
    Plan { alg: Alg::Rsa2048, setting: "rsa-2048", count: 6_000, goal: "goal 80 %" },
];
/// Connections that wait: a few, and as many as make full groups.
const AT_ONCE: [usize; 3] = [1, 16, 128];

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
    for plan in &PLANS {
        stamps::choose(&site, plan.setting)?;
        let server = site.serve().await?;
        line(format_args!("\ntime-stamps, {}", plan.alg));
        // What a server does that verifies what its token signs, and what the token does alone.
        let (checked, token) = (
            raw::rate(&site, plan.alg, RawKey::TokenChecked)?.0,
            raw::rate(&site, plan.alg, RawKey::Token)?.0,
        );
        line(format_args!("{:<28} {token:>8.0}/s; each verified {checked:.0}/s", "token alone"));
        stamps::ready(&site).await?;
        for at_once in AT_ONCE {
            let before = waits(server.id())?;
            let count = if at_once == 1 { plan.count / 20 } else { plan.count };
            let measured = stamps::load(&site, count)?.closed(at_once, server.id()).await?;
            let waits = (waits(server.id())? - before) / rig::number(count);
            let name = format!("{at_once} at once");
            report(
                &name,
                &measured,
                &format!("{} of the token ({})", percent(measured.rate, token), plan.goal),
            );
            line(format_args!("{:<28} {waits:.1} waits each", ""));
        }
        stamps::verify(&site).await?;
        if plan.alg == Alg::P256 {
            line("\nverifications of a CMS of one kilobyte, revocation kept");
            let load = verifications::load(&site).await?;
            for at_once in AT_ONCE {
                let measured = load.clone().closed(at_once, server.id()).await?;
                report(&format!("{at_once} at once"), &measured, "goal 5,000/s");
            }
        }
    }
    line(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    Ok(())
}

fn report(name: &str, measured: &Measured, against: &str) {
    line(format_args!(
        "{name:<28} {:>8.0}/s  {against}; processor {:.0} us server, {:.0} us client; p50 {:.1} ms, p99 {:.1} ms",
        measured.rate,
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
}
