//! A connection that reads from an SQLite file, of which no statement outlives whoever waits for it.
//!
//! SQLite works on a thread of its own, which hears of nothing while a statement finds no row: one that is waited for no longer would keep
//! its connection until it has gone through everything. Here it is asked every few instructions whether it goes on. It does not when
//! its answer was given up, nor when it has taken as long as any statement may, as on PostgreSQL by `statement_timeout`.

mod driver;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Stream, TryFutureExt as _};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Either, Error, SqlStr};
use sqlx_core::any::{AnyArguments, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};

pub(super) use driver::{DRIVER, SCHEME};

/// How long a statement may take.
const LIMIT: Duration = Duration::from_secs(30);
/// After about how many instructions of SQLite's machine a statement is asked whether it goes on: some ten thousand times a second.
const EVERY: i32 = 1_000;

/// What is done with a connection, some day.
type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;
/// The results and rows of a statement.
type Rows<'c> = Pin<Box<dyn Stream<Item = Result<Either<AnyQueryResult, AnyRow>, Error>> + Send + 'c>>;

/// The connection.
#[derive(Debug)]
pub(super) struct Reader {
    inner: SqliteConnection,
    watch: Arc<Watch>,
}

impl Reader {
    async fn open(options: &SqliteConnectOptions, limit: Duration) -> Result<Self, Error> {
        use sqlx::ConnectOptions as _;
        let mut inner = options.connect().await?;
        let watch = Arc::new(Watch::new(limit));
        let asked = Arc::clone(&watch);
        let mut handle = inner.lock_handle().await?;
        handle.set_progress_handler(EVERY, move || asked.goes_on());
        drop(handle);
        Ok(Self { inner, watch })
    }
}

/// Until when the statement of a connection goes on. Its connection alone changes it, and runs one statement at a time.
#[derive(Debug)]
struct Watch {
    began: Instant,
    limit: Duration,
    /// In milliseconds since the beginning.
    until: AtomicU64,
}

/// No statement runs.
const RESTS: u64 = u64::MAX;
/// Nobody waits any more for the one that runs.
const LEFT: u64 = 0;

impl Watch {
    fn new(limit: Duration) -> Self {
        Self { began: Instant::now(), limit, until: AtomicU64::new(RESTS) }
    }

    /// Asked on SQLite's thread.
    fn goes_on(&self) -> bool {
        millis(self.began.elapsed()) < self.until.load(Ordering::Acquire)
    }

    fn is_left(&self) -> bool {
        self.until.load(Ordering::Acquire) == LEFT
    }

    fn rest(&self) {
        self.until.store(RESTS, Ordering::Release);
    }

    fn begin(self: &Arc<Self>) -> Running {
        let until = millis(self.began.elapsed().saturating_add(self.limit));
        self.until.store(until, Ordering::Release);
        Running { watch: Arc::clone(self), is_over: false }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(RESTS)
}

/// A statement that runs. Dropped before it is over, it is left.
#[derive(Debug)]
struct Running {
    watch: Arc<Watch>,
    is_over: bool,
}

impl Running {
    fn end(&mut self) {
        self.is_over = true;
        self.watch.rest();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.watch.until.store(LEFT, Ordering::Release);
        }
    }
}

/// Waits until a statement that was left has ended: what is begun before that would be taken for it.
async fn settled(inner: &mut SqliteConnection, watch: &Watch) -> Result<(), Error> {
    if watch.is_left() {
        AnyConnectionBackend::ping(inner).await?;
        watch.rest();
    }
    Ok(())
}

/// The rows of a statement that runs.
struct Watched<'c> {
    rows: Rows<'c>,
    running: Running,
}

impl Stream for Watched<'_> {
    type Item = Result<Either<AnyQueryResult, AnyRow>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.rows.as_mut().poll_next(context);
        // After an error it may still run: it counts as left, and whatever comes next waits for it.
        if matches!(polled, Poll::Ready(None)) {
            self.running.end();
        }
        polled
    }
}

impl AnyConnectionBackend for Reader {
    fn name(&self) -> &str {
        AnyConnectionBackend::name(&self.inner)
    }

    fn close(self: Box<Self>) -> Work<'static, ()> {
        AnyConnectionBackend::close(Box::new(self.inner))
    }

    fn close_hard(self: Box<Self>) -> Work<'static, ()> {
        AnyConnectionBackend::close_hard(Box::new(self.inner))
    }

    fn ping(&mut self) -> Work<'_, ()> {
        let Self { inner, watch } = self;
        Box::pin(async move {
            AnyConnectionBackend::ping(inner).await?;
            // It has answered, so whatever it did is over.
            watch.rest();
            Ok(())
        })
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> Work<'_, ()> {
        let Self { inner, watch } = self;
        Box::pin(async move {
            settled(inner, watch).await?;
            AnyConnectionBackend::begin(inner, statement).await
        })
    }

    fn commit(&mut self) -> Work<'_, ()> {
        let Self { inner, watch } = self;
        Box::pin(async move {
            settled(inner, watch).await?;
            AnyConnectionBackend::commit(inner).await
        })
    }

    fn rollback(&mut self) -> Work<'_, ()> {
        let Self { inner, watch } = self;
        Box::pin(async move {
            settled(inner, watch).await?;
            AnyConnectionBackend::rollback(inner).await
        })
    }

    fn start_rollback(&mut self) {
        AnyConnectionBackend::start_rollback(&mut self.inner);
    }

    fn get_transaction_depth(&self) -> usize {
        AnyConnectionBackend::get_transaction_depth(&self.inner)
    }

    fn shrink_buffers(&mut self) {
        AnyConnectionBackend::shrink_buffers(&mut self.inner);
    }

    fn flush(&mut self) -> Work<'_, ()> {
        AnyConnectionBackend::flush(&mut self.inner)
    }

    fn should_flush(&self) -> bool {
        AnyConnectionBackend::should_flush(&self.inner)
    }

    fn fetch_many(&mut self, query: SqlStr, persistent: bool, arguments: Option<AnyArguments>) -> Rows<'_> {
        let Self { inner, watch } = self;
        let opening = async move {
            settled(inner, watch).await?;
            let running = watch.begin();
            let rows = AnyConnectionBackend::fetch_many(inner, query, persistent, arguments);
            Ok::<_, Error>(Watched { rows, running })
        };
        Box::pin(opening.try_flatten_stream())
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> Work<'_, Option<AnyRow>> {
        let Self { inner, watch } = self;
        Box::pin(async move {
            settled(inner, watch).await?;
            let mut running = watch.begin();
            let found = AnyConnectionBackend::fetch_optional(inner, query, persistent, arguments).await;
            running.end();
            found
        })
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        parameters: &[AnyTypeInfo],
    ) -> Work<'c, AnyStatement> {
        AnyConnectionBackend::prepare_with(&mut self.inner, sql, parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts for ever, and finds nothing.
    const ENDLESS: &str = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) \
                           SELECT CAST(COUNT(*) AS BIGINT) FROM c WHERE n < 0";

    async fn ask(reader: &mut Reader, text: &'static str) -> Result<Option<AnyRow>, Error> {
        AnyConnectionBackend::fetch_optional(reader, SqlStr::from_static(text), false, None).await
    }

    /// A statement that takes longer than any may ends with SQLite's code for it, and its connection goes on.
    #[tokio::test]
    async fn statements_have_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        let mut reader = Reader::open(&options, Duration::from_millis(50)).await.unwrap();
        let late = ask(&mut reader, ENDLESS).await.err().expect("it is interrupted");
        let code = late.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("9"), "{late}");
        assert!(ask(&mut reader, "SELECT 1").await.unwrap().is_some());
    }

    /// One that nobody waits for ends, whatever its limit, and what is asked next is not taken for it.
    #[tokio::test]
    async fn what_is_given_up_ends() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        let mut reader = Reader::open(&options, Duration::from_hours(1)).await.unwrap();
        for _ in 0..3 {
            let given_up = tokio::time::timeout(Duration::from_millis(20), ask(&mut reader, ENDLESS)).await;
            assert!(given_up.is_err() && reader.watch.is_left());
            let next = tokio::time::timeout(Duration::from_secs(30), ask(&mut reader, "SELECT 1")).await;
            assert!(next.expect("the connection is free").unwrap().is_some());
            assert!(!reader.watch.is_left());
        }
    }
}
