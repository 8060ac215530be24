//! Many who do the same thing at the same time, each again as soon as it is done.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::rig::load::{Measured, Meter};
use crate::rig::{number, waits};

/// How long each case is measured.
const TIME: Duration = Duration::from_secs(5);

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// One thing was done.
    One,
    /// There is nothing to do it with any more.
    NothingLeft,
}

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
