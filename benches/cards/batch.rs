//! Cards that are issued together: at one workstation and at several, each of which takes the next card as soon as it has done with one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::desk::{Begun, Desk};
use crate::rig::{line, number, percent, waits};
use crate::wire::{card_time, commands};
use crate::workstation::Workstation;
use crate::{Stage, at_least};

/// How many cards there are in a batch.
const CARDS: u32 = 50;

/// Cards whose turn has not come.
struct Queue {
    desk: Desk,
    cards: Vec<(Begun, PathBuf)>,
    next: AtomicUsize,
}

impl Queue {
    /// The next card, its chip and a ticket for it; none when all are taken.
    async fn take(&self) -> anyhow::Result<Option<(PathBuf, Value)>> {
        let Some((begun, chip)) = self.cards.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(None);
        };
        Ok(Some((chip.clone(), self.desk.ticket(begun).await?)))
    }
}

/// What came of a batch, or of one workstation's part of it.
#[derive(Default)]
struct Worked {
    /// In which cards were changed: the hands of whoever does it, and the service for readers, which looks now and then.
    changing: Duration,
    /// From giving a ticket to the agent until the errand was done.
    errands: Duration,
    /// What of that the cards were at work.
    cards: Duration,
    commands: usize,
}

/// Issues a batch at so many workstations, of cards with serial numbers from this one on.
pub(crate) async fn measure(stage: &mut Stage, workstations: u32, first: u32) -> anyhow::Result<()> {
    line(format_args!("\n{CARDS} cards in a batch, {workstations} at once"));
    let stations = (0..workstations).map(|number| stage.workstation(&format!("batch-{first}-{number}")));
    let stations = stations.collect::<anyhow::Result<Vec<_>>>()?;
    let stocked = stage.desk.stocked(first, CARDS).await?;
    let before = stage.place.metrics().await?;
    let (slept, begun) = (waits(stage.server.id())?, Instant::now());
    let (batch, cards) = stage.desk.batch(&stocked).await?;
    let chip = |begun: Begun| {
        let chip = stage.place.chip(&begun.card.serial)?;
        anyhow::Ok((begun, chip))
    };
    let cards = cards.into_iter().map(chip).collect::<Result<Vec<_>, _>>()?;
    let queue = Arc::new(Queue { desk: stage.desk.clone(), cards, next: AtomicUsize::new(0) });
    let mut working = JoinSet::new();
    for station in stations {
        working.spawn(work(station, Arc::clone(&queue)));
    }
    let mut all = Worked::default();
    while let Some(part) = working.join_next().await {
        let part = part??;
        all.changing += part.changing;
        all.errands += part.errands;
        all.cards += part.cards;
        all.commands += part.commands;
    }
    let whole = begun.elapsed();
    let slept = (waits(stage.server.id())? - slept) / f64::from(CARDS);
    let done = stage.desk.done(&batch).await?;
    ensure!(done == u64::from(CARDS), "{done} cards are issued");
    let certificates = Certificates::between(&before, &stage.place.metrics().await?)?;
    told(stage, workstations, whole, slept, (&all, &certificates));
    Ok(())
}

/// One workstation, until no card is left. The ticket of the next card is there before the one in the reader is done.
async fn work(station: Workstation, queue: Arc<Queue>) -> anyhow::Result<Worked> {
    let mut worked = Worked::default();
    let mut next = queue.take().await?;
    while let Some((chip, ticket)) = next {
        let changing = Instant::now();
        let wire = station.insert(&chip).await?;
        worked.changing += changing.elapsed();
        let _before = wire.taken();
        let begun = Instant::now();
        let (done, after) = tokio::join!(station.relay(&ticket), queue.take());
        done?;
        worked.errands += begun.elapsed();
        let seen = wire.taken();
        worked.cards += card_time(&seen);
        worked.commands += commands(&seen);
        next = after?;
    }
    Ok(worked)
}

/// What the authority took over the certificates of cards, and for how much of it cards had nothing to do.
struct Certificates {
    made: f64,
    waited: f64,
}

impl Certificates {
    fn between(before: &str, after: &str) -> anyhow::Result<Self> {
        let part = |part| {
            let name = format!("ca_card_certificate_seconds_sum{{part=\"{part}\"}}");
            let value = |metrics: &str| {
                let rest = metrics.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '));
                rest.and_then(|value| value.parse::<f64>().ok())
            };
            let grown = value(after).map(|after| after - value(before).unwrap_or(0.0));
            grown.with_context(|| format!("no metric {name}"))
        };
        Ok(Self { made: part("made")?, waited: part("waited")? })
    }

    /// What was made while the card was at work, in seconds.
    fn beside(&self) -> f64 {
        (self.made - self.waited).max(0.0)
    }
}

fn told(
    stage: &mut Stage,
    workstations: u32,
    whole: Duration,
    slept: f64,
    (all, certificates): (&Worked, &Certificates),
) {
    let (errands, cards) = (all.errands.as_secs_f64(), all.cards.as_secs_f64());
    let changing = all.changing.as_secs_f64() / f64::from(workstations);
    let busy = whole.as_secs_f64() - changing;
    // One after the other, with nothing beside anything: each errand, and what the authority did in it while the card was at work.
    let in_turn = errands + certificates.beside();
    line(format_args!(
        "in all {:.1} s, of which cards were changed for {changing:.1} s at each; errands {errands:.1} s, of which the cards {cards:.1} s \
         and all that is ours {:.1} s; {:.0} commands and {slept:.0} waits a card",
        whole.as_secs_f64(),
        errands - cards,
        number(all.commands) / f64::from(CARDS),
    ));
    line(format_args!(
        "certificates {:.2} s, {} of it while their card was at work; one after the other all would be {in_turn:.1} s, which took {busy:.1} s",
        certificates.made,
        percent(certificates.beside(), certificates.made),
    ));
    let name = format!("{CARDS} cards, {workstations} at once");
    let beside = 100.0 * certificates.beside() / certificates.made;
    stage.goals.row(
        &format!("{name}: certificates made while their card was at work"),
        "%",
        beside,
        Some(at_least(50.0)),
    );
    let goal = if workstations > 1 { Some(at_least(110.0)) } else { None };
    let what = format!("{name}: one after the other, against the time it took");
    stage.goals.row(&what, "%", 100.0 * in_turn / busy, goal);
}
