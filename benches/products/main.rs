//! What the signer offers besides a `signDoc` at full speed, each held against its goal in one run: time-stamps against the token alone,
//! verifications, preparing, the CSC API single and in batches, one authorisation of 250 documents alone, what a large batch costs another
//! application, steady load for minutes, and the Digital Signature Service with a person whose key answers at once.
//!
//! `cargo bench --bench products -- [CASE…] [minutes=MINUTES] [rsa=BATCHxAT_ONCE]`: all cases without a name, and one minute of each steady load; the goal is
//! ten. It ends with 1 when a goal was missed. The load generator shares the cores with the server.

mod bulk;
mod dss;
mod lasting;
mod preparing;
mod stamps;
mod verifications;

#[path = "../sign_in/browser.rs"]
mod browser;
#[path = "../sign_in/card.rs"]
#[expect(dead_code, reason = "nobody signs in by card here")]
mod card;
#[path = "../rig/goals.rs"]
mod goals;
#[path = "../sign_in/passkeys.rs"]
#[expect(dead_code, reason = "the bench of sign-in uses the rest")]
mod passkeys;
#[path = "../sign_in/place.rs"]
#[expect(dead_code, reason = "the bench of sign-in uses the rest")]
mod place;
#[path = "../signing/prescriber.rs"]
#[expect(dead_code, reason = "the bench of signing uses the rest")]
mod prescriber;
#[path = "../sign_in/provider.rs"]
mod provider;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../signing/steady.rs"]
mod steady;

use std::cmp::Ordering;

use anyhow::{Context, ensure};
use hsm::Alg;
use hsm::testing::RawKey;

use goals::{Goal, Goals};
use place::Place;
use rig::load::{Load, Measured};
use rig::site::{Running, Site};
use rig::{line, machine, number, percent, raw, waits};

/// What can be asked for alone.
const CASES: [&str; 10] = [
    "stamps",
    "verifications",
    "prepare",
    "csc",
    "alone",
    "fair",
    "steady-batches",
    "steady-singles",
    "steady-rsa-2048",
    "dss",
];
/// The system that has prescriptions signed.
const SYSTEM: &str = "prescribing-system";
/// Another one, which may in this installation.
const OTHER_SYSTEM: &str = "registration-desk";
/// Connections that wait: a few, and as many as make full groups.
const AT_ONCE: [usize; 3] = [1, 16, 128];

/// How time-stamps of one algorithm are measured.
struct Plan {
    alg: Alg,
    /// The same in the configuration.
    setting: &'static str,
    count: usize,
    /// What the rate is meant to reach, in per cent of the token's own.
    goal: f64,
}

const PLANS: [Plan; 2] = [
    Plan { alg: Alg::P256, setting: "p-256", count: 24_000, goal: 40.0 },
    Plan { alg: Alg::Rsa2048, setting: "rsa-2048", count: 6_000, goal: 80.0 },
];

/// Where everything happens, and what comes of it.
pub(crate) struct Stage {
    place: Place,
    server: Running,
    goals: Goals,
    /// How long each steady load lasts.
    minutes: usize,
    /// How many signatures a batch of the steady load by RSA has, and how many batches there are at once.
    rsa: (usize, usize),
}

impl Stage {
    fn site(&self) -> &Site {
        self.place.site()
    }
}

fn main() -> anyhow::Result<()> {
    if raw::in_role()? {
        return Ok(());
    }
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

/// What was asked for on the command line: cases by name, for how many minutes, and the steady load by RSA.
fn asked() -> anyhow::Result<(Vec<String>, usize, (usize, usize))> {
    let (mut named, mut minutes, mut rsa) = (Vec::new(), 1, lasting::RSA);
    // Cargo says `--bench` to every bench.
    for word in std::env::args().skip(1).filter(|word| word != "--bench") {
        match word.split_once('=') {
            Some(("minutes", value)) => minutes = value.parse().context("minutes= is a whole number")?,
            Some(("rsa", value)) => {
                let (batch, at_once) = value.split_once('x').context("rsa= is like 25x3")?;
                rsa = (batch.parse()?, at_once.parse()?);
            }
            _ => named.push(word),
        }
    }
    ensure!((1..=30).contains(&minutes), "authorisations hold for an hour: give 1 to 30 minutes");
    ensure!(
        (1..=lasting::AUTHORISED).contains(&rsa.0) && (1..=16).contains(&rsa.1),
        "rsa= is 1 to 250, 1 to 16 at once"
    );
    Ok((named, minutes, rsa))
}

async fn run() -> anyhow::Result<()> {
    let (named, minutes, rsa) = asked()?;
    let goals = Goals::new(&CASES, named)?;
    line(machine()?);
    let place = Place::make()?;
    allow(place.site())?;
    stamps::choose(place.site(), PLANS[0].setting)?;
    let server = place.serve().await?;
    let mut stage = Stage { place, server, goals, minutes, rsa };
    if stage.goals.want(&["stamps"]) {
        let done = time_stamps(&mut stage, &PLANS[0]).await;
        stage.goals.after("stamps, P-256", done);
    }
    if stage.goals.want(&["verifications"]) {
        let done = verify(&mut stage).await;
        stage.goals.after("verifications", done);
    }
    if stage.goals.want(&["prepare"]) {
        let done = prepare(&mut stage).await;
        stage.goals.after("prepare", done);
    }
    bulk::measure(&mut stage).await?;
    if stage.goals.want(&["dss"]) {
        let done = dss::measure(&mut stage).await;
        stage.goals.after("dss", done);
    }
    lasting::measure(&mut stage).await?;
    if stage.goals.want(&["stamps"]) {
        stamps::choose(stage.site(), PLANS[1].setting)?;
        let Stage { place, server, goals, minutes, rsa } = stage;
        drop(server);
        let server = place.site().serve().await?;
        stage = Stage { place, server, goals, minutes, rsa };
        let done = time_stamps(&mut stage, &PLANS[1]).await;
        stage.goals.after("stamps, RSA-2048", done);
    }
    stage.goals.tell()
}

/// Lets a second system have documents signed, the first have signatures verified, and people sign with what proves no maker: the key in
/// software is such.
fn allow(site: &Site) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(site.configuration())?;
    let more = text
        .replace("\"signer:credentials\"", "\"signer:credentials\", \"signer:sign\"")
        .replace("[\"signer:sign\", \"ca:enrol\"]", "[\"signer:sign\", \"signer:verify\", \"ca:enrol\"]");
    ensure!(
        more.contains("\"signer:credentials\", \"signer:sign\"") && more.contains("\"signer:verify\""),
        "the configuration has other clients"
    );
    ensure!(!more.contains("[signer.dss]"), "the configuration says something of [signer.dss] already");
    std::fs::write(site.configuration(), more + "\n[signer.dss]\nlevel = 2\n")?;
    Ok(())
}

async fn time_stamps(stage: &mut Stage, plan: &Plan) -> anyhow::Result<()> {
    let (site, server) = (stage.place.site(), stage.server.id());
    line(format_args!("\ntime-stamps, {}", plan.alg));
    // What a server does that verifies what its token signs, and what the token does alone.
    let (checked, before) =
        (raw::rate(site, plan.alg, RawKey::TokenChecked)?.0, raw::rate(site, plan.alg, RawKey::Token)?.0);
    stamps::ready(site).await?;
    let mut best: f64 = 0.0;
    for at_once in AT_ONCE {
        let sleeps = waits(server)?;
        let count = if at_once == 1 { plan.count / 20 } else { plan.count };
        let measured = stamps::load(site, count)?.closed(at_once, server).await?;
        let sleeps = (waits(server)? - sleeps) / number(count);
        report(&format!("{at_once} at once"), &measured, &format!("{sleeps:.1} waits each"));
        best = best.max(measured.rate);
    }
    stamps::verify(site).await?;
    let after = raw::rate(site, plan.alg, RawKey::Token)?.0;
    let token = f64::midpoint(before, after);
    line(format_args!(
        "{:<28} {token:>8.0}/s  (before {before:.0}, after {after:.0}; each verified {checked:.0}); best {} of it",
        "token alone",
        percent(best, token)
    ));
    let what = format!("time-stamps, {}, of the token alone", plan.alg);
    stage.goals.row(&what, "%", 100.0 * best / token, Some(at_least(plan.goal)));
    Ok(())
}

async fn verify(stage: &mut Stage) -> anyhow::Result<()> {
    line("\nverifications of a CMS of one kilobyte, revocation kept");
    let load = verifications::load(stage.site()).await?;
    let best = best_of(&load, stage.server.id()).await?;
    stage.goals.row("verifications of CMS", "/s", best, Some(at_least(5_000.0)));
    Ok(())
}

async fn prepare(stage: &mut Stage) -> anyhow::Result<()> {
    line("\nprescriptions prepared, each another one");
    let mut best: f64 = 0.0;
    for (round, at_once) in AT_ONCE.into_iter().enumerate() {
        let mut load = preparing::load(stage.site(), round)?;
        if at_once == 1 {
            load.bodies.truncate(load.bodies.len() / 20);
        }
        let measured = load.closed(at_once, stage.server.id()).await?;
        report(&format!("{at_once} at once"), &measured, "");
        best = best.max(measured.rate);
    }
    stage.goals.row("prescriptions prepared", "/s", best, Some(at_least(2_000.0)));
    Ok(())
}

/// The best rate with few and with many connections.
async fn best_of(load: &Load, server: u32) -> anyhow::Result<f64> {
    let mut best: f64 = 0.0;
    for at_once in AT_ONCE {
        let measured = load.clone().closed(at_once, server).await?;
        report(&format!("{at_once} at once"), &measured, "");
        best = best.max(measured.rate);
    }
    Ok(best)
}

/// So much, or more.
fn at_least(value: f64) -> Goal {
    (Ordering::Greater, value)
}

/// So much, or less.
fn at_most(value: f64) -> Goal {
    (Ordering::Less, value)
}

fn milliseconds(measured: &Measured, per_mille: usize) -> f64 {
    measured.quantile(per_mille).as_secs_f64() * 1e3
}

fn report(name: &str, measured: &Measured, more: &str) {
    line(format_args!(
        "{name:<28} {:>8.0}/s  processor {:.0} us server, {:.0} us client; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {more}",
        measured.rate,
        measured.server_cpu,
        measured.client_cpu,
        milliseconds(measured, 500),
        milliseconds(measured, 990),
        milliseconds(measured, 1000),
    ));
}
