//! Many connections that ask at the same time, each from a thread of its own and each again as soon as it is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::rig::load::{Measured, cpu};
use crate::rig::secure::Target;
use crate::rig::{line, number, waits};

/// What part of the time is spent on questions that are not counted yet.
const WARM_UP: u32 = 5;

/// What was measured, and how often a thread of the server went to sleep for each answer.
pub(crate) struct Driven {
    pub(crate) measured: Measured,
    pub(crate) waits: f64,
}

/// Asks a server for a while over so many connections. `ask` is given a connection and the number of the question; what fails
/// ends the measurement.
pub(crate) fn drive<C: Send>(
    target: &Target,
    at_once: usize,
    time: Duration,
    open: impl Fn(&Target) -> anyhow::Result<C>,
    ask: impl Fn(&mut C, usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Driven> {
    let turns = AtomicUsize::new(0);
    let mut connections = (0..at_once).map(|_| open(target)).collect::<anyhow::Result<Vec<C>>>()?;
    ask_all(&mut connections, time / WARM_UP, &turns, &ask)?;
    let (asleep, server_cpu, client_cpu) =
        (waits(target.process)?, cpu(target.process)?, cpu(std::process::id())?);
    let begun = Instant::now();
    let mut latencies = ask_all(&mut connections, time, &turns, &ask)?;
    let seconds = begun.elapsed().as_secs_f64();
    let answers = number(latencies.len());
    latencies.sort_unstable();
    let measured = Measured {
        rate: answers / seconds,
        server_cpu: (cpu(target.process)? - server_cpu) / answers * 1e6,
        client_cpu: (cpu(std::process::id())? - client_cpu) / answers * 1e6,
        latencies,
    };
    Ok(Driven { measured, waits: (waits(target.process)? - asleep) / answers })
}

/// Asks over all of these until the time is over; gives how long each answer took.
fn ask_all<C: Send>(
    connections: &mut [C],
    time: Duration,
    turns: &AtomicUsize,
    ask: &(impl Fn(&mut C, usize) -> anyhow::Result<()> + Sync),
) -> anyhow::Result<Vec<Duration>> {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for connection in connections {
            threads.push(scope.spawn(move || {
                let mut latencies = Vec::new();
                while begun.elapsed() < time {
                    let sent = Instant::now();
                    ask(connection, turns.fetch_add(1, Ordering::Relaxed))?;
                    latencies.push(sent.elapsed());
                }
                anyhow::Ok(latencies)
            }));
        }
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a thread of the load generator broke off"))??);
        }
        Ok(all)
    })
}

impl Driven {
    /// How many milliseconds this part of the answers took at most.
    pub(crate) fn milliseconds(&self, per_mille: usize) -> f64 {
        self.measured.quantile(per_mille).as_secs_f64() * 1e3
    }

    /// Tells it.
    pub(crate) fn report(&self, what: &str) {
        line(format_args!(
            "{what:<58}{:>8.0}/s  processor {:.0} us server, {:.0} us client; {:.2} waits each; p50 {:.2} ms, p99 {:.2} ms",
            self.measured.rate,
            self.measured.server_cpu,
            self.measured.client_cpu,
            self.waits,
            self.milliseconds(500),
            self.milliseconds(990),
        ));
    }
}
