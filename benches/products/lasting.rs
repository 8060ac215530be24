//! Steady load for minutes: the rate, how long each request takes, and whether the server's memory grows.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, ensure};
use hsm::Alg;
use hsm::testing::RawKey;

use crate::prescriber::Prescriber;
use crate::rig::load::Measured;
use crate::rig::{line, number, raw};
use crate::{SYSTEM, Stage, at_least, at_most, milliseconds, report};

/// How many signatures a second there have to be in batches, of how many each.
const BATCHED: f64 = 4_000.0;
const BATCH: usize = 25;
/// How many a second one by one.
const SINGLE: f64 = 1_000.0;
/// Requests are sent a hundredth faster than the goal, so that it is not missed by the last of them.
const FASTER: f64 = 1.01;
/// What an authorisation covers.
pub(crate) const AUTHORISED: usize = 250;
/// One by one, an authorisation serves as many as a long clinic has.
const AUTHORISED_SINGLES: usize = 100;
/// RSA is sent as fast as it is answered: so many in a batch, as with P-256, and so many batches at once. Few, so that each is answered in time.
pub(crate) const RSA: (usize, usize) = (15, 3);
/// What of the token it has to come to, in per cent, and how many requests are made ready: all that the token could do.
const RSA_PART: f64 = 85.0;
/// How many milliseconds 99 of 100 requests may take.
const P99: f64 = 50.0;
/// How often memory is looked at, and how many per cent the last quarter may have of the second.
const LOOK: Duration = Duration::from_millis(500);
const FLAT: f64 = 110.0;

/// All cases of this file that were asked for.
pub(crate) async fn measure(stage: &mut Stage) -> anyhow::Result<()> {
    if stage.goals.want(&["steady-batches", "steady-singles"]) {
        let prescriber = Prescriber::register(stage.site(), Alg::P256, SYSTEM, "lasting").await?;
        prescriber.requests(50, 25, 25).await?.send(2, stage.server.id()).await?;
        if stage.goals.want(&["steady-batches"]) {
            let done = paced(stage, &prescriber, BATCHED, (BATCH, AUTHORISED)).await;
            stage.goals.after("steady-batches", done);
        }
        if stage.goals.want(&["steady-singles"]) {
            let done = paced(stage, &prescriber, SINGLE, (1, AUTHORISED_SINGLES)).await;
            stage.goals.after("steady-singles", done);
        }
    }
    if stage.goals.want(&["steady-rsa-2048"]) {
        let done = rsa(stage).await;
        stage.goals.after("steady-rsa-2048", done);
    }
    Ok(())
}

/// So many signatures a second, whether or not earlier ones are answered.
async fn paced(
    stage: &mut Stage,
    prescriber: &Prescriber,
    per_second: f64,
    (batch, authorised): (usize, usize),
) -> anyhow::Result<()> {
    let (server, seconds) = (stage.server.id(), stage.minutes * 60);
    let signatures = multiple(authorised, per_second * FASTER * number(seconds));
    line(format_args!("\n{per_second} P-256 signatures a second in batches of {batch}, for {seconds} s"));
    let requests = prescriber.requests(signatures, batch, authorised).await?;
    let sending = requests.send_at(per_second * FASTER / number(batch), server);
    let ((measured, refusals), memory) = watched(server, sending).await?;
    report("steady", &measured, &format!("{refusals} refusals"));
    let name = format!("steady, P-256, batches of {batch}, {seconds} s");
    stage.goals.row(&name, "/s", measured.rate, Some(at_least(per_second)));
    told(stage, &name, &measured, &memory)
}

/// As fast as it is answered.
async fn rsa(stage: &mut Stage) -> anyhow::Result<()> {
    let (server, seconds, (batch, at_once)) = (stage.server.id(), stage.minutes * 60, stage.rsa);
    let prescriber = Prescriber::register(stage.site(), Alg::Rsa2048, SYSTEM, "lasting").await?;
    prescriber.requests(50, 25, 25).await?.send(2, server).await?;
    let before = raw::rate(stage.site(), Alg::Rsa2048, RawKey::Wrapped)?.0;
    // Batches are whole.
    let authorised = AUTHORISED / batch * batch;
    let signatures = multiple(authorised, before * RSA_PART / 100.0 * number(seconds));
    line(format_args!("\nRSA-2048 in batches of {batch}, {at_once} at once, for {seconds} s or so"));
    let requests = prescriber.requests(signatures, batch, authorised).await?;
    let (measured, memory) = watched(server, requests.send(at_once, server)).await?;
    let after = raw::rate(stage.site(), Alg::Rsa2048, RawKey::Wrapped)?.0;
    let token = f64::midpoint(before, after);
    report("steady", &measured, &format!("token alone {token:.0}/s (before {before:.0}, after {after:.0})"));
    let name = format!("steady, RSA-2048, batches of {batch}, {seconds} s or so");
    let what = format!("{name}, of the token alone");
    stage.goals.row(&what, "%", 100.0 * measured.rate / token, Some(at_least(RSA_PART)));
    told(stage, &name, &measured, &memory)
}

/// The smallest multiple that is as large.
fn multiple(of: usize, least: f64) -> usize {
    (1..1_000_000).map(|times| times * of).find(|many| number(*many) >= least).unwrap_or(of)
}

/// How long requests took, and how memory went.
fn told(stage: &mut Stage, name: &str, measured: &Measured, memory: &[f64]) -> anyhow::Result<()> {
    stage.goals.row(&format!("{name}, p99"), "ms", milliseconds(measured, 990), Some(at_most(P99)));
    let quarter = memory.len() / 4;
    ensure!(quarter > 0, "the run was too short to tell how memory goes");
    let (early, late) = (mean(&memory[quarter..2 * quarter]), mean(&memory[memory.len() - quarter..]));
    let most = memory.iter().copied().fold(0.0, f64::max);
    line(format_args!(
        "memory of the server: {:.0} MiB at first, {early:.0} in the second quarter, {late:.0} in the last, {most:.0} at most",
        memory[0]
    ));
    let what = format!("{name}, memory of the last quarter against the second");
    stage.goals.row(&what, "%", 100.0 * late / early, Some(at_most(FLAT)));
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

/// Looks at the server's memory while something is done.
async fn watched<T>(
    server: u32,
    doing: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Vec<f64>)> {
    let mut doing = pin!(doing);
    let mut memory = vec![resident(server)?];
    loop {
        tokio::select! {
            done = &mut doing => return Ok((done?, memory)),
            () = tokio::time::sleep(LOOK) => memory.push(resident(server)?),
        }
    }
}

/// The memory of a process that is its own, in MiB: what it has mapped of files, which the system takes back as it likes, is not counted.
fn resident(process: u32) -> anyhow::Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes / 1024.0)
}
