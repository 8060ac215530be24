//! Signatures by the CSC API: single and in batches against the token, one authorisation of 250 documents alone, and what a large batch
//! costs another application.

use anyhow::ensure;
use hsm::Alg;
use hsm::testing::RawKey;
use tokio::task::JoinSet;

use crate::prescriber::{Prescriber, Requests};
use crate::rig::load::Measured;
use crate::rig::{line, number, raw};
use crate::{OTHER_SYSTEM, SYSTEM, Stage, at_least, at_most, milliseconds, report};

/// How one algorithm is measured.
struct Plan {
    alg: Alg,
    /// How many single signatures, and how many in batches of each size.
    singles: usize,
    batched: usize,
    /// What the rates are meant to reach, in per cent of the token's own.
    goal: f64,
    /// How many milliseconds 250 documents may take.
    alone: f64,
    /// How many times as long eight go on with their batches as one does.
    longer: usize,
}

const PLANS: [Plan; 2] = [
    Plan { alg: Alg::P256, singles: 6_000, batched: 24_000, goal: 40.0, alone: 150.0, longer: 8 },
    Plan { alg: Alg::Rsa2048, singles: 3_000, batched: 4_500, goal: 85.0, alone: 400.0, longer: 2 },
];
/// How many documents in a batch, and how many connections wait for such batches.
const BATCHES: [(usize, usize); 2] = [(25, 12), (250, 4)];
/// Connections that wait for single signatures.
const SINGLES_AT_ONCE: usize = 16;
/// Single signatures share authorisations to keep the making of those short.
const SINGLES_PER_AUTHORISATION: usize = 10;
/// For how many seconds half of what one by one comes to is asked for, and how many milliseconds 99 of 100 may take then.
const HALF_LOAD_SECONDS: f64 = 10.0;
const HALF_LOAD: f64 = 25.0;
/// What one authorisation covers at most.
const MOST: usize = 250;
/// How many authorisations of so many are measured, one after the other.
const TIMES_ALONE: usize = 100;
/// How many single signatures another application asks for, one after the other, and by how many milliseconds they may be later.
const OTHERS: usize = 300;
const DELAY: f64 = 20.0;
/// How many batches are sent one after the other meanwhile, which have to outlast those.
const MEANWHILE: usize = 120;
/// How many credentials of one application sign batches at the same time.
const EIGHT: usize = 8;

/// All cases of this file that were asked for.
pub(crate) async fn measure(stage: &mut Stage) -> anyhow::Result<()> {
    if !stage.goals.want(&["csc", "alone", "fair"]) {
        return Ok(());
    }
    for plan in &PLANS {
        line(format_args!("\n{}, live wrapped key", plan.alg));
        let prescriber = Prescriber::register(stage.site(), plan.alg, SYSTEM, "bulk").await?;
        // Both sessions hold the key afterwards.
        prescriber.requests(50, 25, 25).await?.send(2, stage.server.id()).await?;
        if stage.goals.want(&["csc"]) {
            let done = single_and_in_batches(stage, plan, &prescriber).await;
            stage.goals.after("csc", done);
        }
        if stage.goals.want(&["alone"]) {
            let done = alone(stage, plan, &prescriber).await;
            stage.goals.after("alone", done);
        }
        if stage.goals.want(&["fair"]) {
            let done = beside_another(stage, plan, &prescriber).await;
            stage.goals.after("fair", done);
        }
    }
    Ok(())
}

async fn single_and_in_batches(
    stage: &mut Stage,
    plan: &Plan,
    prescriber: &Prescriber,
) -> anyhow::Result<()> {
    let server = stage.server.id();
    let before = raw::rate(stage.site(), plan.alg, RawKey::Wrapped)?.0;
    let mut rates = Vec::new();
    let singles = prescriber.requests(plan.singles, 1, SINGLES_PER_AUTHORISATION).await?;
    let sample = singles.sample();
    let single = singles.send(SINGLES_AT_ONCE, server).await?;
    sample.verify(stage.site()).await?;
    report("single", &single, "");
    for (batch, at_once) in BATCHES {
        let requests = prescriber.requests(plan.batched, batch, batch).await?;
        let sample = requests.sample();
        let measured = requests.send(at_once, server).await?;
        sample.verify(stage.site()).await?;
        let name = format!("batches of {batch}");
        report(&name, &measured, "");
        rates.push((name, measured.rate));
    }
    let after = raw::rate(stage.site(), plan.alg, RawKey::Wrapped)?.0;
    let token = f64::midpoint(before, after);
    line(format_args!("{:<28} {token:>8.0}/s  (before {before:.0}, after {after:.0})", "token alone"));
    // The token's part is a goal of batches, time of single ones.
    let what = format!("signDoc, {}, single, of the token alone", plan.alg);
    stage.goals.row(&what, "%", 100.0 * single.rate / token, None);
    for (name, rate) in rates {
        let what = format!("signDoc, {}, {name}, of the token alone", plan.alg);
        stage.goals.row(&what, "%", 100.0 * rate / token, Some(at_least(plan.goal)));
    }
    half_load(stage, plan, prescriber, single.rate / 2.0).await
}

/// Single signatures at half of what they come to, whether or not earlier ones are answered.
async fn half_load(
    stage: &mut Stage,
    plan: &Plan,
    prescriber: &Prescriber,
    per_second: f64,
) -> anyhow::Result<()> {
    let many = per_second * HALF_LOAD_SECONDS;
    let count = (1..1_000_000).find(|count| number(*count) >= many).unwrap_or(1);
    let requests = prescriber.requests(count, 1, SINGLES_PER_AUTHORISATION).await?;
    let (measured, refusals) = requests.send_at(per_second, stage.server.id()).await?;
    report("single at half load", &measured, &format!("{refusals} refusals"));
    let what = format!("signDoc, {}, single at half load, p99", plan.alg);
    stage.goals.row(&what, "ms", milliseconds(&measured, 990), Some(at_most(HALF_LOAD)));
    Ok(())
}

async fn alone(stage: &mut Stage, plan: &Plan, prescriber: &Prescriber) -> anyhow::Result<()> {
    let requests = prescriber.requests(TIMES_ALONE * MOST, MOST, MOST).await?;
    let measured = requests.send(1, stage.server.id()).await?;
    report("250 in one, alone", &measured, "");
    for (name, per_mille) in [("p50", 500), ("p99", 990)] {
        let what = format!("250 documents in one authorisation, {}, {name}", plan.alg);
        stage.goals.row(&what, "ms", milliseconds(&measured, per_mille), Some(at_most(plan.alone)));
    }
    Ok(())
}

/// Single signatures of another application with nothing else going on, while one batch follows the other, and while eight credentials of one
/// application each sign one batch after the other.
async fn beside_another(stage: &mut Stage, plan: &Plan, prescriber: &Prescriber) -> anyhow::Result<()> {
    let server = stage.server.id();
    let other = Prescriber::register(stage.site(), plan.alg, OTHER_SYSTEM, "other").await?;
    // Its key is in every session afterwards.
    other.requests(50, 25, 25).await?.send(2, server).await?;
    let idle = other.requests(OTHERS, 1, SINGLES_PER_AUTHORISATION).await?.send(1, server).await?;
    report("single, another's, idle", &idle, "");
    let one = vec![prescriber.requests(MEANWHILE * MOST, MOST, MOST).await?];
    beside(stage, plan, (&other, &idle), ("a batch", one)).await?;
    let mut eight = Vec::new();
    for number in 0..EIGHT {
        let name = format!("beside-{number}");
        let signer = Prescriber::register(stage.site(), plan.alg, SYSTEM, &name).await?;
        signer.requests(50, 25, 25).await?.send(2, server).await?;
        eight.push(signer.requests(MEANWHILE * MOST / EIGHT * plan.longer, MOST, MOST).await?);
    }
    beside(stage, plan, (&other, &idle), ("eight batches", eight)).await
}

/// Single signatures while each of these sends its batches one after the other.
async fn beside(
    stage: &mut Stage,
    plan: &Plan,
    (other, idle): (&Prescriber, &Measured),
    (what, batches): (&str, Vec<Requests>),
) -> anyhow::Result<()> {
    let server = stage.server.id();
    let singles = other.requests(OTHERS, 1, SINGLES_PER_AUTHORISATION).await?;
    let mut under_way = JoinSet::new();
    for one in batches {
        under_way.spawn(one.send(1, server));
    }
    let beside = singles.send(1, server).await?;
    ensure!(
        under_way.try_join_next().is_none(),
        "the batches were over before the single signatures: nothing was shown"
    );
    report(&format!("single, beside {what}"), &beside, "");
    while let Some(done) = under_way.join_next().await {
        report("the batches", &done??, "");
    }
    let delay = milliseconds(&beside, 990) - milliseconds(idle, 500);
    let longest = milliseconds(&beside, 1000) - milliseconds(idle, 500);
    let what = format!("delay of another's single signature by {what}, {}", plan.alg);
    stage.goals.row(&format!("{what}, p99"), "ms", delay, Some(at_most(DELAY)));
    stage.goals.row(&format!("{what}, longest of {OTHERS}"), "ms", longest, None);
    Ok(())
}
