//! The one writer: many jobs in one transaction, each with a way back, answers after the COMMIT.
//!
//! The writer alone owns its connection, so no lock is held. A group is what is waiting when the group runs: the
//! first job starts at once, those that arrive meanwhile join, and nobody waits for a timer.
//!
//! The first job of a group needs no savepoint, because undoing it undoes nothing else. For the others
//! `RELEASE` and the next `SAVEPOINT` travel together, so that a job costs one round trip beside its own statements.

use std::time::Duration;

use sqlx::raw_sql;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::error::has_no_room;
use super::job::{Job, Ran};
use super::outcome::{self, Marker, Outcome};
use super::sqlite::Deadline;
use super::{Engine, Error, Tx, connection};
use crate::clock::{Clock, Millis};

/// How much goes into one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) group: usize,
    pub(super) job_time_out: Duration,
}

type Queue = mpsc::Receiver<Box<dyn Job>>;

pub(super) struct Writer {
    engine: Engine,
    url: String,
    connection: Option<Tx>,
    limits: Limits,
    clock: Clock,
    pruned_at: Option<Millis>,
}

/// What came of the jobs of one group before its COMMIT.
struct Group {
    /// Jobs whose rows stand in the open transaction.
    kept: Vec<Box<dyn Job>>,
    savepoint: Savepoint,
}

/// Whether the newest kept job lies above a savepoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    None,
    Held,
}

impl Writer {
    pub(super) fn new(engine: Engine, url: String, connection: Tx, limits: Limits, clock: Clock) -> Self {
        Self { engine, url, connection: Some(connection), limits, clock, pruned_at: None }
    }

    /// Works until the queue has ended, or until told to stop and the queue is empty.
    ///
    /// Then the readers are closed, and its own connection last: only one that writes can bring SQLite's log into the file.
    pub(super) async fn run(
        mut self,
        mut queue: Queue,
        mut stopped: watch::Receiver<bool>,
        readers: sqlx::AnyPool,
    ) {
        loop {
            let job = tokio::select! {
                biased;
                job = queue.recv() => Some(job),
                _ = stopped.wait_for(|stop| *stop) => None,
            };
            match job {
                Some(Some(job)) => self.group(job, &mut queue).await,
                Some(None) => break,
                // What was accepted is still worked off: a closed queue gives what it holds, then ends.
                None => {
                    queue.close();
                    while let Some(job) = queue.recv().await {
                        self.group(job, &mut queue).await;
                    }
                    break;
                }
            }
        }
        readers.close().await;
        if let Some(connection) = self.connection.take() {
            use sqlx::Connection as _;
            // Every answered row is durable already.
            let _closed = connection.close().await;
        }
    }

    /// Runs one group and answers each of its jobs exactly once.
    async fn group(&mut self, first: Box<dyn Job>, queue: &mut Queue) {
        let started = Instant::now();
        let mut tx = match self.open().await {
            Ok(tx) => tx,
            Err(reason) => {
                // Those waiting would only wait for the same refusal.
                let reason = || Error::Unavailable { reason: reason.clone() };
                fail_all(std::iter::once(first).chain(waiting(queue)), reason);
                return;
            }
        };
        let mut group = Group { kept: Vec::new(), savepoint: Savepoint::None };
        let filled = self.fill(&mut tx, &mut group, first, queue).await;
        let jobs = group.kept.len();
        match filled {
            Ok(()) if jobs == 0 => {
                if raw_sql("ROLLBACK").execute(&mut tx).await.is_ok() {
                    self.connection = Some(tx);
                }
            }
            Ok(()) => self.commit(tx, group).await,
            Err(error) => {
                tracing::warn!(%error, jobs, "a group of {jobs} writes was lost before COMMIT: {error}");
                fail_all(group.kept, || Error::unavailable(&error));
            }
        }
        metrics::histogram!("db_group_jobs").record(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
        metrics::histogram!("db_group_seconds").record(started.elapsed());
    }

    /// The connection with an open transaction.
    async fn open(&mut self) -> Result<Tx, String> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        // A kept connection may have been cut since its last use; nothing is lost by asking once more on a new one.
        if let Some(mut tx) = self.connection.take() {
            match raw_sql(begin).execute(&mut tx).await {
                Ok(_) => return Ok(tx),
                Err(error) => tracing::warn!(%error, "the writer connects again: {error}"),
            }
        }
        let mut tx = connection::open_working(self.engine, &self.url).await.map_err(|e| e.to_string())?;
        raw_sql(begin).execute(&mut tx).await.map_err(|e| e.to_string())?;
        Ok(tx)
    }

    /// Runs jobs until the queue is empty or the group is full. An error means that the transaction is lost.
    async fn fill(
        &mut self,
        tx: &mut Tx,
        group: &mut Group,
        first: Box<dyn Job>,
        queue: &mut Queue,
    ) -> Result<(), sqlx::Error> {
        let mut next = Some(first);
        while let Some(job) = next {
            if !job.abandoned() {
                self.run_job(tx, group, job).await?;
            }
            next = if group.kept.len() < self.limits.group { queue.try_recv().ok() } else { None };
        }
        Ok(())
    }

    async fn run_job(
        &mut self,
        tx: &mut Tx,
        group: &mut Group,
        mut job: Box<dyn Job>,
    ) -> Result<(), sqlx::Error> {
        if let Err(error) = self.begin_job(tx, group).await {
            job.fail(Error::unavailable(&error));
            return Err(error);
        }
        let limit = self.limits.job_time_out;
        let began = Instant::now();
        let deadline = (self.engine == Engine::Sqlite).then(|| Deadline::after(limit));
        let ran = timeout(limit, job.run(tx)).await;
        drop(deadline);
        match ran {
            // Its statements were ended when its time was over, whatever it made of that.
            Ok(_) if self.engine == Engine::Sqlite && began.elapsed() >= limit => {
                job.fail(Error::JobTimedOut { limit });
                Err(sqlx::Error::Protocol("a job ran too long".to_owned()))
            }
            Ok(Ran::Keep) => {
                group.kept.push(job);
                Ok(())
            }
            Ok(Ran::Undo) => {
                let undone = self.undo_job(tx, group).await;
                job.answer();
                undone
            }
            Err(_) => {
                job.fail(Error::JobTimedOut { limit });
                Err(sqlx::Error::Protocol("a job ran too long".to_owned()))
            }
        }
    }

    /// Makes the way back for the next job.
    async fn begin_job(&mut self, tx: &mut Tx, group: &mut Group) -> Result<(), sqlx::Error> {
        while !group.kept.is_empty() {
            let step = match group.savepoint {
                Savepoint::None => "SAVEPOINT job",
                Savepoint::Held => "RELEASE SAVEPOINT job; SAVEPOINT job",
            };
            match raw_sql(step).execute(&mut *tx).await {
                Ok(_) => {
                    group.savepoint = Savepoint::Held;
                    return Ok(());
                }
                Err(error) => self.blame_newest(tx, group, error).await?,
            }
        }
        Ok(())
    }

    /// The newest kept job swallowed an error that PostgreSQL does not forget: it is undone, its neighbours stay.
    async fn blame_newest(
        &mut self,
        tx: &mut Tx,
        group: &mut Group,
        error: sqlx::Error,
    ) -> Result<(), sqlx::Error> {
        if !matches!(error, sqlx::Error::Database(_)) {
            return Err(error);
        }
        let Some(job) = group.kept.pop() else { return Err(error) };
        let undone = self.undo_job(tx, group).await;
        job.fail(Error::Query(error));
        undone
    }

    /// Undoes what stands above the savepoint, or the whole transaction where the undone job was its first.
    async fn undo_job(&mut self, tx: &mut Tx, group: &mut Group) -> Result<(), sqlx::Error> {
        let undo = match (group.savepoint, self.engine) {
            (Savepoint::Held, _) => "ROLLBACK TO SAVEPOINT job",
            (Savepoint::None, Engine::Sqlite) => "ROLLBACK; BEGIN IMMEDIATE",
            (Savepoint::None, Engine::Postgres) => "ROLLBACK; BEGIN",
        };
        raw_sql(undo).execute(tx).await.map(drop)
    }

    /// Commits and answers. Nobody hears `Ok` before the database has said so.
    async fn commit(&mut self, mut tx: Tx, mut group: Group) {
        let (marker, started) = (Marker::new(self.engine, self.clock.now()), Instant::now());
        loop {
            match outcome::commit(&mut tx, &marker).await {
                Ok(()) => break,
                Err(error) if outcome::refused_before_commit(&error) && self.engine == Engine::Postgres => {
                    if let Err(error) = self.blame_newest(&mut tx, &mut group, error).await {
                        return fail_all(group.kept, || Error::unavailable(&error));
                    }
                    if group.kept.is_empty() {
                        return; // The connection, in a transaction with nothing in it, is dropped.
                    }
                }
                Err(error) => {
                    drop(tx);
                    return self.answer_failed(group, &marker, &error).await;
                }
            }
        }
        metrics::histogram!("db_commit_seconds").record(started.elapsed());
        for job in group.kept {
            job.answer();
        }
        self.connection = Some(tx);
        self.prune().await;
    }

    /// Answers a group whose COMMIT did not succeed.
    async fn answer_failed(&mut self, group: Group, marker: &Marker, error: &sqlx::Error) {
        let jobs = group.kept.len();
        if has_no_room(error) {
            metrics::counter!("db_groups_refused_total").increment(1);
            tracing::error!(%error, jobs, "{jobs} writes were refused: the disk of the database takes no more: {error}");
            return fail_all(group.kept, || Error::unavailable(error));
        }
        tracing::warn!(%error, jobs, "the connection was lost during COMMIT: {error}");
        let outcome = outcome::resolve(self.engine, &self.url, marker).await;
        answer_resolved(group.kept, outcome, error);
    }

    /// Deletes old markers now and then. A failure costs nothing but rows.
    async fn prune(&mut self) {
        let now = self.clock.now();
        let due = self.pruned_at.is_none_or(|at| now.0 - at.0 > outcome::PRUNE_EVERY_MS);
        if self.engine == Engine::Postgres && due {
            self.pruned_at = Some(now);
            if let Some(tx) = &mut self.connection
                && let Err(error) = outcome::prune(tx, now).await
            {
                tracing::warn!(%error, "old commit markers could not be deleted: {error}");
            }
        }
    }
}

fn waiting(queue: &mut Queue) -> impl Iterator<Item = Box<dyn Job>> {
    std::iter::from_fn(|| queue.try_recv().ok())
}

fn fail_all(jobs: impl IntoIterator<Item = Box<dyn Job>>, error: impl Fn() -> Error) {
    for job in jobs {
        job.fail(error());
    }
}

fn answer_resolved(jobs: Vec<Box<dyn Job>>, outcome: Outcome, error: &sqlx::Error) {
    for job in jobs {
        match outcome {
            Outcome::Committed => job.answer(),
            Outcome::NotCommitted => job.fail(Error::unavailable(error)),
            Outcome::Unknown => job.fail(Error::OutcomeUnknown { reason: error.to_string() }),
        }
    }
}
