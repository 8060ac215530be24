//! Load at a given rate, whether or not earlier requests are answered.
//!
//! A disk that stands still for a tenth of a second holds back more requests than one client may have at the server, which then
//! refuses more (429). A client that keeps to the protocol comes again after a second; so does this one, and says how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::task::JoinSet;

use crate::rig::load::{Load, Measured, Meter};
use crate::rig::number;

/// The answer to a request that was refused says to wait so long.
const AGAIN: Duration = Duration::from_secs(1);
/// How often a request comes again before the measurement ends.
const TIMES: usize = 10;

/// Sends so many requests per second. The latency is counted from the moment at which a request was due, so that one
/// that holds up those after it counts for all of them, and so does the wait after a refusal. Says also how many refusals
/// there were.
pub(crate) async fn steady(load: Load, per_second: f64, server: u32) -> anyhow::Result<(Measured, usize)> {
    let (load, refusals) = (Arc::new(load), Arc::new(AtomicUsize::new(0)));
    let meter = Meter::start(server)?;
    let mut requests = JoinSet::new();
    let begun = Instant::now();
    for index in 0..load.bodies.len() {
        let due = begun + Duration::from_secs_f64(number(index) / per_second);
        tokio::time::sleep_until(due.into()).await;
        let (load, refusals) = (load.clone(), refusals.clone());
        requests.spawn(async move {
            patiently(&load, index, &refusals).await?;
            Ok((load.things, vec![due.elapsed()]))
        });
    }
    let measured = meter.stop(requests).await?;
    Ok((measured, refusals.load(Ordering::Relaxed)))
}

async fn patiently(load: &Load, index: usize, refusals: &AtomicUsize) -> anyhow::Result<()> {
    for _ in 0..TIMES {
        if load.ask(load.bodies[index].clone()).await?.is_some() {
            return Ok(());
        }
        refusals.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(AGAIN).await;
    }
    bail!("refused {TIMES} times: too many requests at once")
}
