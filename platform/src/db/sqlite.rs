//! SQLite in place: a statement runs where it is asked for, and only what takes longer goes to a thread of its own.
//!
//! A row is found by its key in some microseconds. To hand that over to another thread and to be woken with the answer costs several
//! times as much, and most of it in the kernel. A reader therefore runs each statement at once for [`AT_ONCE`]; one that
//! needs more is begun anew on a thread where it keeps nobody waiting. The writer has a thread of its own anyway.
//!
//! No statement outlives whoever waits for it: SQLite asks every few instructions whether it goes on. It does not when its answer
//! was given up, nor when it has taken as long as any statement may, as on PostgreSQL by `statement_timeout`.

mod driver;
mod error;
mod statement;
mod watch;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _, TryFutureExt as _, stream};
use rusqlite::{Connection, OpenFlags};
use sqlx::{Either, Error, SqlSafeStr as _, SqlStr};
use sqlx_core::any::{AnyArguments, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx_core::transaction::{
    begin_ansi_transaction_sql, commit_ansi_transaction_sql, rollback_ansi_transaction_sql,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(super) use driver::{DRIVER, READER, WRITER};
use error::{is_in_the_way, refused};
use statement::{Handle, Question};
use watch::{Running, Watch};

/// How many turns of [`EVERY`] instructions a statement of a reader has where it is asked for: some two milliseconds. They are counted and
/// not timed, so that a machine with much to do sends no more statements to threads.
const AT_ONCE: u64 = 20;
/// How long any statement may take, of the writer's those outside of a job.
const LIMIT: Duration = Duration::from_secs(30);
/// After about how many instructions of SQLite's machine a statement is asked whether it goes on: some ten thousand times a second.
const EVERY: i32 = 1_000;
/// How long a statement waits for another process that holds the file.
const HELD: Duration = Duration::from_secs(5);
/// How many prepared statements are kept.
const PREPARED: usize = 100;
/// How many rows wait for whoever asked, once a statement has a thread of its own.
const AHEAD: usize = 64;

/// What is done with a connection, some day.
type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;
/// A row, or that a statement is done.
type Found = Either<AnyQueryResult, AnyRow>;
/// The results and rows of a statement.
type Rows<'c> = Pin<Box<dyn Stream<Item = Result<Found, Error>> + Send + 'c>>;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Asked from where nothing may be held up.
    Reading,
    /// Asked from a thread that does nothing else.
    Writing,
}

/// The connection.
#[derive(Debug)]
pub(super) struct InPlace {
    place: Place,
    watch: Arc<Watch>,
    used_for: Use,
    limit: Duration,
    /// How many transactions are open, one in another.
    depth: usize,
    /// How many of them were dropped while their statement was away.
    dropped: usize,
    /// SQLite has undone a whole transaction of the writer by itself, in the midst of a statement.
    is_undone: bool,
}

thread_local! {
    /// Until when the job may work that the writer's thread does.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Ends the statements of the writer's thread at a time, until it is dropped: a statement in place never waits, so that no timer is looked
/// at while it works.
#[derive(Debug)]
pub(super) struct Deadline(());

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        UNTIL.set(Instant::now().checked_add(limit));
        Self(())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        UNTIL.set(None);
    }
}

/// Where the connection is.
#[derive(Debug)]
enum Place {
    Here(Box<Handle>),
    /// On a thread of its own, with a statement that takes long.
    Away(JoinHandle<Box<Handle>>),
    /// It came to harm there.
    Lost,
}

impl InPlace {
    fn open(path: &Path, used_for: Use, limit: Duration) -> Result<Self, Error> {
        let flags = match used_for {
            Use::Reading => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Use::Writing => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(refused)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        // A statement in place waits for nobody: one that finds the file held goes to a thread, and waits there.
        let patience = if used_for == Use::Reading { Duration::ZERO } else { HELD };
        connection.busy_timeout(patience).map_err(refused)?;
        let watch = Arc::new(Watch::new());
        let asked = Arc::clone(&watch);
        connection.progress_handler(EVERY, Some(move || !asked.goes_on())).map_err(refused)?;
        Ok(Self {
            place: Place::Here(Box::new(Handle::new(connection))),
            watch,
            used_for,
            limit,
            depth: 0,
            dropped: 0,
            is_undone: false,
        })
    }

    /// The connection, once a statement that was left has ended: what is begun before that would be taken for it.
    async fn settled(&mut self) -> Result<&Handle, Error> {
        if let Place::Away(thread) = &mut self.place {
            let back = thread.await;
            self.place = back.map_or(Place::Lost, Place::Here);
            self.watch.rest();
        }
        for _ in 0..std::mem::take(&mut self.dropped) {
            self.roll_back_here();
        }
        match &self.place {
            Place::Here(handle) => Ok(handle),
            Place::Away(_) | Place::Lost => Err(Error::WorkerCrashed),
        }
    }

    fn roll_back_here(&mut self) {
        let Place::Here(handle) = &self.place else { return };
        let connection = &handle.connection;
        if self.depth == 0 {
            return;
        }
        let undo = rollback_ansi_transaction_sql(self.depth);
        // Where it fails, SQLite has undone everything by itself, or the connection is of no use and says so by its next answer.
        if connection.execute_batch(undo.as_str()).is_ok() || connection.is_autocommit() {
            self.depth -= 1;
        }
    }

    /// Runs a statement of a transaction, and says afterwards how many are open.
    async fn transact(&mut self, statement: SqlStr, depth: usize) -> Result<(), Error> {
        let mut ended = self.ask(Question::of(statement, false, None), None).await?;
        while let Some(found) = ended.next().await {
            found?;
        }
        self.depth = depth;
        Ok(())
    }

    /// Asks, at once or on a thread. `rows`: after how many nothing more is wanted.
    async fn ask(&mut self, question: Question, rows: Option<usize>) -> Result<Rows<'static>, Error> {
        // Statements in place never wait: whoever asks one after the other lets others have their turn.
        tokio::task::coop::consume_budget().await;
        let (used_for, watch) = (self.used_for, Arc::clone(&self.watch));
        let limit = match (used_for, UNTIL.get()) {
            (Use::Reading, _) | (Use::Writing, None) => self.limit,
            (Use::Writing, Some(until)) => until.saturating_duration_since(Instant::now()),
        };
        if self.is_undone && !question.begins() {
            return Err(Error::Protocol("SQLite has undone the transaction".to_owned()));
        }
        let handle = self.settled().await?;
        let was_within = !handle.connection.is_autocommit();
        let turns = if used_for == Use::Reading { AT_ONCE } else { u64::MAX };
        let running = watch.begin_with(limit, turns);
        let (mut found, mut many) = (Vec::new(), 0);
        let outcome = question.run(handle, |item| {
            many += usize::from(item.is_right());
            found.push(Ok(item));
            let is_enough = rows.is_some_and(|rows| many >= rows);
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        running.end();
        // A disk that is full, or a statement that is ended, can cost the whole transaction: what follows would stand by itself.
        self.is_undone = outcome.is_err() && was_within && handle.connection.is_autocommit();
        match outcome {
            Err(error) if used_for == Use::Reading && is_in_the_way(&error) => self.send_away(question),
            Err(error) => Err(error),
            Ok(()) => Ok(stream::iter(found).boxed()),
        }
    }

    /// Begins anew on a thread.
    fn send_away(&mut self, question: Question) -> Result<Rows<'static>, Error> {
        let Place::Here(handle) = std::mem::replace(&mut self.place, Place::Lost) else {
            return Err(Error::WorkerCrashed);
        };
        let running = self.watch.begin(self.limit);
        let (wanted, found) = mpsc::channel(AHEAD);
        self.place = Place::Away(tokio::task::spawn_blocking(move || {
            let _held = handle.connection.busy_timeout(HELD);
            let outcome = question.run(&handle, |item| match wanted.blocking_send(Ok(item)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_nobody_waits) => ControlFlow::Break(()),
            });
            if let Err(error) = outcome {
                let _nobody_waits = wanted.blocking_send(Err(error));
            }
            let _here = handle.connection.busy_timeout(Duration::ZERO);
            handle
        }));
        Ok(Box::pin(Watched { found, running: Some(running) }))
    }
}

/// The rows of a statement that has a thread.
struct Watched {
    found: mpsc::Receiver<Result<Found, Error>>,
    running: Option<Running>,
}

impl Stream for Watched {
    type Item = Result<Found, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.found.poll_recv(context);
        if matches!(polled, Poll::Ready(None))
            && let Some(running) = self.running.take()
        {
            running.end();
        }
        polled
    }
}

impl AnyConnectionBackend for InPlace {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn close(self: Box<Self>) -> Work<'static, ()> {
        Box::pin(async move {
            let mut this = *self;
            let _is_whole = this.settled().await.is_ok();
            // The last to close a file may have to bring its log into it.
            tokio::task::spawn_blocking(move || drop(this)).await.map_err(|_| Error::WorkerCrashed)
        })
    }

    fn close_hard(self: Box<Self>) -> Work<'static, ()> {
        self.close()
    }

    fn ping(&mut self) -> Work<'_, ()> {
        Box::pin(async move {
            let is_free = self.settled().await?.connection.is_autocommit();
            // Back in the pool it would show everybody what was there when the transaction began.
            if is_free || self.depth > 0 { Ok(()) } else { Err(Error::WorkerCrashed) }
        })
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> Work<'_, ()> {
        Box::pin(async move {
            self.settled().await?;
            let depth = self.depth;
            let statement = match statement {
                Some(_) if depth > 0 => return Err(Error::InvalidSavePointStatement),
                Some(statement) => statement,
                None => begin_ansi_transaction_sql(depth),
            };
            self.transact(statement, depth + 1).await
        })
    }

    fn commit(&mut self) -> Work<'_, ()> {
        Box::pin(async move {
            self.settled().await?;
            match self.depth {
                0 => Ok(()),
                depth => self.transact(commit_ansi_transaction_sql(depth), depth - 1).await,
            }
        })
    }

    fn rollback(&mut self) -> Work<'_, ()> {
        Box::pin(async move {
            self.settled().await?;
            match self.depth {
                0 => Ok(()),
                depth => self.transact(rollback_ansi_transaction_sql(depth), depth - 1).await,
            }
        })
    }

    fn start_rollback(&mut self) {
        match &self.place {
            Place::Here(_) => self.roll_back_here(),
            Place::Away(_) | Place::Lost => self.dropped += 1,
        }
    }

    fn get_transaction_depth(&self) -> usize {
        self.depth
    }

    fn shrink_buffers(&mut self) {}

    fn flush(&mut self) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn fetch_many(&mut self, query: SqlStr, persistent: bool, arguments: Option<AnyArguments>) -> Rows<'_> {
        let question = Question::of(query, persistent, arguments);
        Box::pin(async move { self.ask(question, None).await }.try_flatten_stream())
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> Work<'_, Option<AnyRow>> {
        let question = Question::of(query, persistent, arguments);
        Box::pin(async move {
            let mut found = self.ask(question, Some(1)).await?;
            while let Some(item) = found.next().await {
                if let Either::Right(row) = item? {
                    return Ok(Some(row));
                }
            }
            Ok(None)
        })
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        _parameters: &[AnyTypeInfo],
    ) -> Work<'c, AnyStatement> {
        Box::pin(async move {
            let handle = self.settled().await?;
            statement::described(&handle.connection, sql.into_sql_str())
        })
    }
}

#[cfg(test)]
mod tests;
