//! Load at a given rate, whether or not earlier requests are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::rig::load::{Load, Measured, Meter};
use crate::rig::number;

/// Sends so many requests per second. The latency is counted from the moment at which a request was due, so that one
/// that holds up those after it counts for all of them.
pub(crate) async fn steady(load: Load, per_second: f64, server: u32) -> anyhow::Result<Measured> {
    let load = Arc::new(load);
    let meter = Meter::start(server)?;
    let mut requests = JoinSet::new();
    let begun = Instant::now();
    for index in 0..load.bodies.len() {
        let due = begun + Duration::from_secs_f64(number(index) / per_second);
        tokio::time::sleep_until(due.into()).await;
        let load = load.clone();
        requests.spawn(async move {
            load.send(load.bodies[index].clone()).await?;
            Ok((load.things, vec![due.elapsed()]))
        });
    }
    meter.stop(requests).await
}
