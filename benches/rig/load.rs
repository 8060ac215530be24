//! Many requests at a server: as fast as it answers, or at a given rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use axum::body::Bytes;
use axum::http::StatusCode;
use tokio::task::JoinSet;

use super::number;
use super::secure::Target;
use super::site::Loader;
use super::web::Web;

/// Counts what an answer holds.
pub(crate) type Check = fn(&[u8]) -> anyhow::Result<usize>;

/// Requests that are ready to be sent.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) client: Loader,
    pub(crate) url: String,
    /// The media type of the bodies.
    pub(crate) kind: &'static str,
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) check: Check,
    /// How many things each answer has to hold; another number ends the measurement.
    pub(crate) things: usize,
}

/// What was measured.
pub(crate) struct Measured {
    /// Things answered per second.
    pub(crate) rate: f64,
    /// Of the server, in microseconds for each thing.
    pub(crate) server_cpu: f64,
    /// Of the load generator, which shares the cores, in microseconds for each thing.
    pub(crate) client_cpu: f64,
    /// How long each request took, shortest first.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    /// The latency below which this part of the requests stayed.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * per_mille / 1000).copied().unwrap_or_default()
    }
}

impl Load {
    /// Sends every request once, so many at a time, each as soon as the one before on its connection is answered.
    pub(crate) async fn closed(self, connections: usize, server: u32) -> anyhow::Result<Measured> {
        tokio::task::spawn_blocking(move || self.closed_here(connections, server)).await?
    }

    fn closed_here(&self, connections: usize, server: u32) -> anyhow::Result<Measured> {
        let url = reqwest::Url::parse(&self.url)?;
        let port = url.port().context("the address has no port")?;
        let target = Target { process: server, port, tls: Arc::clone(&self.client.tls) };
        let (path, host, kind) = (url.path(), url.authority(), self.kind);
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {kind}\r\ncontent-length: ");
        let meter = Meter::start(target.process)?;
        let latencies = ask_all(&target, connections, |connection, turn| {
            let Some(body) = self.bodies.get(turn) else { return Ok(Done::NothingLeft) };
            let mut question = format!("{head}{}\r\n\r\n", body.len()).into_bytes();
            question.extend_from_slice(body);
            self.holds_all(connection.ask(&question)?)?;
            Ok(Done::One)
        })?;
        meter.measured(latencies.len() * self.things, latencies)
    }

    /// That an answer holds all that it has to.
    fn holds_all(&self, answer: &[u8]) -> anyhow::Result<()> {
        let things = (self.check)(answer)?;
        ensure!(things == self.things, "an answer holds {things} and not {}", self.things);
        Ok(())
    }

    /// One request, and its answer when it is a good one with all it has to hold.
    pub(crate) async fn send(&self, body: Vec<u8>) -> anyhow::Result<Bytes> {
        self.ask(body).await?.context("refused: too many requests at once")
    }

    /// The same; nothing when the server says that too many are at it already (429).
    pub(crate) async fn ask(&self, body: Vec<u8>) -> anyhow::Result<Option<Bytes>> {
        let request = self.client.http.post(&self.url).header("content-type", self.kind).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(None);
        }
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        self.holds_all(&body)?;
        Ok(Some(body))
    }
}

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// One thing was done.
    One,
    /// There is nothing to do it with any more.
    NothingLeft,
}

/// Asks over so many connections, each from a thread of its own and each again as soon as it is answered, with the number of the turn, until
/// nothing is left; gives how long each took.
pub(crate) fn ask_all(
    target: &Target,
    connections: usize,
    turn: impl Fn(&mut Web, usize) -> anyhow::Result<Done> + Sync,
) -> anyhow::Result<Vec<Duration>> {
    let (next, turn) = (AtomicUsize::new(0), &turn);
    let connections = (0..connections).map(|_| Web::open(target)).collect::<anyhow::Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for mut connection in connections {
            let next = &next;
            threads.push(scope.spawn(move || {
                let mut latencies = Vec::new();
                loop {
                    let sent = Instant::now();
                    if turn(&mut connection, next.fetch_add(1, Ordering::Relaxed))? == Done::NothingLeft {
                        return anyhow::Ok(latencies);
                    }
                    latencies.push(sent.elapsed());
                }
            }));
        }
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a thread of the load generator broke off"))??);
        }
        Ok(all)
    })
}

/// The clock and the processor time of both sides.
pub(crate) struct Meter {
    server: u32,
    begun: Instant,
    server_cpu: f64,
    client_cpu: f64,
}

impl Meter {
    /// Starts to measure this server and ourselves.
    pub(crate) fn start(server: u32) -> anyhow::Result<Self> {
        let (server_cpu, client_cpu) = (cpu(server)?, cpu(std::process::id())?);
        Ok(Self { server, begun: Instant::now(), server_cpu, client_cpu })
    }

    /// Waits for the requests and puts together what was measured.
    pub(crate) async fn stop(
        self,
        mut tasks: JoinSet<anyhow::Result<(usize, Vec<Duration>)>>,
    ) -> anyhow::Result<Measured> {
        let (mut things, mut latencies) = (0, Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (more, took) = done??;
            things += more;
            latencies.extend(took);
        }
        self.measured(things, latencies)
    }

    /// What was measured until now: so many things, with requests that took so long.
    pub(crate) fn measured(self, things: usize, mut latencies: Vec<Duration>) -> anyhow::Result<Measured> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let things = number(things);
        latencies.sort_unstable();
        Ok(Measured {
            rate: things / seconds,
            server_cpu: (cpu(self.server)? - self.server_cpu) / things * 1e6,
            client_cpu: (cpu(std::process::id())? - self.client_cpu) / things * 1e6,
            latencies,
        })
    }
}

/// Processor seconds that a process has used, in steps of a hundredth.
pub(crate) fn cpu(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the process has ended")?;
    let fields = stat.rsplit_once(')').context("no fields")?.1.split_whitespace();
    // proc(5): utime and stime are fields 14 and 15; the name, which may hold spaces, is field 2.
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
