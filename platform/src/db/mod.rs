//! The database: SQLite for one machine, PostgreSQL for several, both through `sqlx::Any`.
//!
//! Reads go through [`Db::read`], a pool that cannot write. Every write is a job given to [`Db::write`]: one writer
//! per process puts many jobs into one transaction and answers after the COMMIT (see `writer.rs`).

mod connection;
mod error;
pub mod exclusive;
mod job;
pub mod lease;
pub mod looking;
mod migrations;
mod outcome;
pub mod restored;
mod row;
pub mod rows;
pub mod snapshot;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
pub mod together;
mod writer;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
pub use connection::{Engine, install_drivers};
pub use error::Error;
use exclusive::Exclusive;
use job::{Job, Typed};
use writer::Writer;

/// What a job writes with. Queries run as `sqlx::query(…).execute(&mut *tx)`.
pub type Tx = sqlx::AnyConnection;

/// What a job gives back: a future that borrows the transaction.
pub type JobFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// The `[database]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// How many jobs may wait for the writer; further ones are refused with [`Error::Busy`].
    #[serde(default = "default_queue")]
    pub queue: usize,
    /// How many jobs share one COMMIT at most.
    #[serde(default = "default_group")]
    pub group: usize,
    /// How many connections read at the same time.
    #[serde(default = "default_readers")]
    pub readers: u32,
    /// After how long a job is given up, with its group, because it holds up everybody else.
    #[serde(default = "default_job_time_out_ms")]
    pub job_time_out_ms: u64,
}

impl Config {
    /// The configuration for a URL, with every other value at its default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            queue: default_queue(),
            group: default_group(),
            readers: default_readers(),
            job_time_out_ms: default_job_time_out_ms(),
        }
    }
}

const fn default_queue() -> usize {
    1024
}

const fn default_group() -> usize {
    128
}

const fn default_readers() -> u32 {
    8
}

const fn default_job_time_out_ms() -> u64 {
    10_000
}

/// A handle on the database; clones share the reader pool and the one writer.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    url: String,
    readers: sqlx::AnyPool,
    jobs: mpsc::Sender<Box<dyn Job>>,
    writer_ended: tokio::sync::watch::Receiver<()>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Db {
    /// Opens the writer and the readers. Tables are made by [`Db::migrate`].
    pub async fn connect(config: &Config, clock: Clock) -> Result<Self, Error> {
        let engine = Engine::of(&config.url)?;
        let connection = connection::open_working(engine, &config.url).await?;
        let readers = connection::open_readers(engine, config).await?;
        let (jobs, queue) = mpsc::channel(config.queue.max(1));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (ended, writer_ended) = tokio::sync::watch::channel(());
        let limits = writer::Limits {
            group: config.group.max(1),
            job_time_out: Duration::from_millis(config.job_time_out_ms),
        };
        let writer = Writer::new(engine, config.url.clone(), connection, limits, clock);
        let read = readers.clone();
        let work = async move {
            writer.run(queue, stopped, read).await;
            drop(ended);
        };
        match engine {
            Engine::Sqlite => on_a_thread(work)?,
            Engine::Postgres => drop(tokio::spawn(work)),
        }
        let url = config.url.clone();
        Ok(Self { shared: Arc::new(Shared { engine, url, readers, jobs, writer_ended, stop }) })
    }

    /// Brings the tables to the newest form this program knows. Forward only.
    pub async fn migrate(&self) -> Result<(), Error> {
        migrations::run(self.shared.engine, &self.shared.url).await
    }

    /// Takes the right to do what one process at a time may do to this database, under a name that stands for it; nothing if
    /// another process has it. It ends with what is returned, or with the process.
    pub async fn exclusively(&self, name: &str) -> Result<Option<Exclusive>, Error> {
        exclusive::take(self.shared.engine, &self.shared.url, name).await
    }

    /// How many migrations are missing; none after [`Db::migrate`]. A database that a newer program has migrated is refused.
    pub async fn pending_migrations(&self) -> Result<usize, Error> {
        migrations::pending(self.shared.engine, &self.shared.readers).await
    }

    /// Which engine this is; for the rare statement that cannot be the same on both.
    pub fn engine(&self) -> Engine {
        self.shared.engine
    }

    /// The pool for reading. It refuses to write, on both engines.
    pub fn read(&self) -> &sqlx::AnyPool {
        &self.shared.readers
    }

    /// Runs `job` in the writer's transaction and answers after its COMMIT.
    ///
    /// `Ok` promises that the rows are durable. A job's `Err` undoes that job alone. An expected refusal is not an
    /// error: return `Ok` with a value that says so, and nothing is undone. A caller that goes away before its job
    /// has started takes the job with it; one that has started is committed.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match self.shared.jobs.try_send(Box::new(Typed::new(job, reply))) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("db_jobs_refused_total").increment(1);
                return Err(Error::Busy.into());
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::Closed.into()),
        }
        answer.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Finishes the jobs that were accepted, then closes every connection. Later jobs get [`Error::Closed`].
    pub async fn close(&self) {
        self.shared.stop.send_replace(true);
        let mut ended = self.shared.writer_ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// Runs what works in place on a thread that does nothing else. It ends when the work does.
fn on_a_thread(work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("db-writer".to_owned());
    let started = thread.spawn(move || runtime.block_on(work));
    started
        .map(drop)
        .map_err(|error| Error::Unavailable { reason: format!("no thread for the writer: {error}") })
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("engine", &self.shared.engine).finish_non_exhaustive()
    }
}
