//! Many who do the same thing at the same time, each again as soon as it is done: whole sign-ins by a client that follows and reads, single
//! requests by connections that cost little, since the load generator shares the cores with the server.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::rig::load::{Done, Measured, Meter, ask_all};
use crate::rig::secure::Target;
use crate::rig::web::Web;
use crate::rig::{number, waits};

/// How long each case is measured.
const TIME: Duration = Duration::from_secs(5);

/// What was measured, and how often a thread of the server went to sleep for each thing.
pub(crate) struct Driven {
    pub(crate) measured: Measured,
    pub(crate) waits: f64,
}

/// What is done in a turn, by its number.
pub(crate) type Act =
    Arc<dyn Fn(usize) -> Pin<Box<dyn Future<Output = anyhow::Result<Done>> + Send>> + Send + Sync>;

/// Does it for a while, so many at a time. What fails ends the measurement.
pub(crate) async fn drive(server: u32, at_once: usize, act: Act) -> anyhow::Result<Driven> {
    let (turns, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let before = waits(server)?;
    let meter = Meter::start(server)?;
    let begun = Instant::now();
    for _ in 0..at_once {
        let (turns, act) = (Arc::clone(&turns), Arc::clone(&act));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < TIME {
                let sent = Instant::now();
                if act(turns.fetch_add(1, Ordering::Relaxed)).await? == Done::NothingLeft {
                    break;
                }
                latencies.push(sent.elapsed());
            }
            Ok((latencies.len(), latencies))
        });
    }
    let measured = meter.stop(tasks).await?;
    let waits = (waits(server)? - before) / number(measured.latencies.len());
    Ok(Driven { measured, waits })
}

/// The same over so many connections that cost little.
pub(crate) fn ask(
    target: &Target,
    at_once: usize,
    turn: impl Fn(&mut Web, usize) -> anyhow::Result<Done> + Sync,
) -> anyhow::Result<Driven> {
    let before = waits(target.process)?;
    let meter = Meter::start(target.process)?;
    let begun = Instant::now();
    let latencies = ask_all(target, at_once, |connection, number| {
        if begun.elapsed() < TIME { turn(connection, number) } else { Ok(Done::NothingLeft) }
    })?;
    let measured = meter.measured(latencies.len(), latencies)?;
    let waits = (waits(target.process)? - before) / number(measured.latencies.len());
    Ok(Driven { measured, waits })
}
