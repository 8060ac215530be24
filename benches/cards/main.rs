//! Cards, issued and unlocked by an RA manager over HTTPS: a served installation, the real agent, a real service for card readers and the
//! virtual card of the tests. What the card itself takes is measured between it and its reader, and is no time of ours.
//!
//! `cargo bench --bench cards -- [CASE…]`: all cases without a name. The agent is built before, by
//! `cargo build --release --workspace --bin lanyard-agent`. It ends with 1 when a goal was missed.

mod batch;
mod desk;
#[path = "../rig/goals.rs"]
mod goals;
#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "nothing is loaded here, and no token measured")]
mod rig;
mod wire;
mod workstation;

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use desk::{Desk, Place, Stocked};
use goals::{Goal, Goals};
use rig::site::Running;
use rig::{line, machine, number};
use wire::{Wire, card_time, commands, relayed};
use workstation::Workstation;

/// What can be asked for alone.
const CASES: [&str; 3] = [ONE_BY_ONE, "batch", "batch-of-four"];
const ONE_BY_ONE: &str = "one-by-one";
/// How many cards are issued one by one, each of which is unlocked then.
const CARDS: u32 = 20;
/// How many workstations issue a batch together.
const TOGETHER: u32 = 4;

fn main() -> anyhow::Result<()> {
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

/// Where everything happens, and what comes of it.
pub(crate) struct Stage {
    place: Place,
    server: Running,
    desk: Desk,
    goals: Goals,
}

impl Stage {
    /// A workstation with a name of its own.
    fn workstation(&self, name: &str) -> anyhow::Result<Workstation> {
        let folder = self.place.site.folder().join("workstations").join(name);
        Workstation::start(&folder, &self.place.server()?, &self.place.site.root())
    }
}

async fn run() -> anyhow::Result<()> {
    // Cargo says `--bench` to every bench.
    let named = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let goals = Goals::new(&CASES, named)?;
    line(machine()?);
    let place = Place::make().await?;
    let server = place.serve().await?;
    let desk = place.desk().await?;
    let mut stage = Stage { place, server, desk, goals };
    if stage.goals.want(&[ONE_BY_ONE]) {
        let done = one_by_one(&mut stage).await;
        stage.goals.after("one by one", done);
    }
    // Serial numbers of each case are its own.
    for (case, workstations, first) in [("batch", 1, 2_000), ("batch-of-four", TOGETHER, 3_000)] {
        if stage.goals.want(&[case]) {
            let done = batch::measure(&mut stage, workstations, first).await;
            stage.goals.after(case, done);
        }
    }
    let Stage { server, goals, .. } = stage;
    drop(server);
    goals.tell()
}

/// What one act took, and what of it the card.
struct Took {
    whole: Duration,
    card: Duration,
    commands: usize,
}

/// Cards are kept for their holders, issued, and unlocked by a passcode of the holder's choice.
async fn one_by_one(stage: &mut Stage) -> anyhow::Result<()> {
    line(format_args!("\n{CARDS} cards one by one, P-256"));
    let workstation = stage.workstation("alone")?;
    let (mut issued, mut unlocked, mut relay) = (Vec::new(), Vec::new(), Vec::new());
    let stocked = stage.desk.stocked(1_000, CARDS).await?;
    for (place, card) in stocked.iter().enumerate() {
        let wire = workstation.insert(&stage.place.chip(&card.serial)?).await?;
        let _before = wire.taken();
        let begun = Instant::now();
        stage.desk.reserve(&card.id, place).await?;
        let at = (&stage.desk, &workstation);
        issued.push(act(at, (&wire, card, "issue"), begun, &mut relay).await?);
        unlocked.push(act(at, (&wire, card, "unlock"), Instant::now(), &mut relay).await?);
    }
    report("issued", &issued);
    report("unlocked", &unlocked);
    let (all, p50, p99) = (relay.len(), quantile(&mut relay, 500), quantile(&mut relay, 990));
    line(format_args!("relay of a command and its answer: {all} times, p50 {p50:.2} ms, p99 {p99:.2} ms"));
    let own = longest(&issued, |took| took.whole.saturating_sub(took.card));
    let (whole, unlock) = (longest(&issued, |took| took.whole), longest(&unlocked, |took| took.whole));
    stage.goals.row("a card issued, longest, the card's own time apart", "ms", own, Some(at_most(2_000.0)));
    stage.goals.row("a card issued, longest, the card's time included", "ms", whole, None);
    stage.goals.row(
        "a card unlocked, longest, the card's time included",
        "ms",
        unlock,
        Some(at_most(1_000.0)),
    );
    stage.goals.row("relay of a command and its answer, p50", "ms", p50, Some(at_most(2.0)));
    stage.goals.row("relay of a command and its answer, p99", "ms", p99, Some(at_most(2.0)));
    Ok(())
}

/// Has something done with the card in the reader, from the question of the page to the last word of the agent.
async fn act(
    (desk, workstation): (&Desk, &Workstation),
    (wire, card, act): (&Wire, &Stocked, &str),
    begun: Instant,
    relay: &mut Vec<Duration>,
) -> anyhow::Result<Took> {
    let ticket: Value = desk.begun(card, act).await?;
    workstation.relay(&ticket).await?;
    let whole = begun.elapsed();
    let seen = wire.taken();
    relay.extend(relayed(&seen));
    Ok(Took { whole, card: card_time(&seen), commands: commands(&seen) })
}

fn report(what: &str, acts: &[Took]) {
    let middle = |of: fn(&Took) -> Duration| {
        let mut all: Vec<Duration> = acts.iter().map(of).collect();
        quantile(&mut all, 500)
    };
    let all: usize = acts.iter().map(|took| took.commands).sum();
    line(format_args!(
        "{what:<10} p50 {:.0} ms, of which the card {:.0} ms and ours {:.0} ms; {:.0} commands",
        middle(|took| took.whole),
        middle(|took| took.card),
        middle(|took| took.whole.saturating_sub(took.card)),
        number(all) / number(acts.len()),
    ));
}

/// In milliseconds.
fn longest(acts: &[Took], of: fn(&Took) -> Duration) -> f64 {
    acts.iter().map(of).max().unwrap_or_default().as_secs_f64() * 1e3
}

/// The value below which this part of them stays, in milliseconds; where there is none, no number.
fn quantile(all: &mut [Duration], per_mille: usize) -> f64 {
    all.sort_unstable();
    let last = all.len().saturating_sub(1);
    all.get(last * per_mille / 1000).map_or(f64::NAN, |value| value.as_secs_f64() * 1e3)
}

/// So much, or more.
fn at_least(value: f64) -> Goal {
    (Ordering::Greater, value)
}

/// So much, or less.
fn at_most(value: f64) -> Goal {
    (Ordering::Less, value)
}
