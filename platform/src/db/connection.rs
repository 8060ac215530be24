//! Opening connections, and what each engine needs to be told.

use std::sync::Once;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, Connection as _, raw_sql};
use sqlx_core::any::driver::AnyDriver;

use super::{Config, Error, Tx, sqlite};

/// The two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, one machine.
    Sqlite,
    /// PostgreSQL, or an engine that speaks its protocol.
    Postgres,
}

impl Engine {
    pub(super) fn of(url: &str) -> Result<Self, Error> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::Postgres);
        }
        let path = url.strip_prefix("sqlite:").ok_or_else(|| Error::Setting {
            reason: "the url must be sqlite:PATH or postgres://…".to_owned(),
        })?;
        if path.is_empty() || path.contains(":memory:") || path.contains('?') {
            // Each connection would see a database of its own, and nothing would be durable.
            let reason = "an SQLite url is sqlite:PATH with the path of a file and no options".to_owned();
            return Err(Error::Setting { reason });
        }
        Ok(Self::Sqlite)
    }
}

const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);

/// WAL with FULL: a COMMIT that has been answered survives the loss of power. What is deleted, a destroyed key or an
/// erased entry, is overwritten. `cache_size` is in KiB.
const SQLITE_WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
     PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 1000";

const SQLITE_READER: &str = "PRAGMA foreign_keys = ON; PRAGMA query_only = ON";

/// Asks for a durable COMMIT where the server's default would answer before it, and lets no lock outlive its holder. Each
/// statement sees what was committed before it, whatever the server's default: a job that looks whether something still
/// holds must not see the beginning of its group.
const POSTGRES_WRITER: &str = "SELECT set_config('synchronous_commit', 'on', false) \
       WHERE current_setting('synchronous_commit') = 'off'; \
     SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET lock_timeout = '5s'; SET statement_timeout = '30s'; \
     SET idle_in_transaction_session_timeout = '60s'";

const POSTGRES_READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '30s'";

/// Opens one connection for writing and makes the SQLite file where there is none.
pub(super) async fn open_writer(engine: Engine, url: &str) -> Result<Tx, Error> {
    open_for_writing(engine, url, "sqlite").await
}

/// The same for the writer's own thread, where nobody else is held up by a statement.
pub(super) async fn open_working(engine: Engine, url: &str) -> Result<Tx, Error> {
    open_for_writing(engine, url, sqlite::WRITER).await
}

async fn open_for_writing(engine: Engine, url: &str, scheme: &str) -> Result<Tx, Error> {
    let file = url.trim_start_matches("sqlite:");
    let (url, settings) = match engine {
        Engine::Sqlite => (format!("{scheme}:{file}?mode=rwc"), SQLITE_WRITER),
        Engine::Postgres => (url.to_owned(), POSTGRES_WRITER),
    };
    install_drivers();
    if engine == Engine::Sqlite {
        make_private(file)?;
    }
    let opening = async {
        let mut connection = Tx::connect(&url).await?;
        raw_sql(settings).execute(&mut connection).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    match tokio::time::timeout(CONNECT_TIME_OUT, opening).await {
        Ok(opened) => opened.map_err(|error| Error::unavailable(&error)),
        Err(_) => Err(Error::Unavailable { reason: "connecting took too long".to_owned() }),
    }
}

/// Makes the file where there is none, for its owner alone; what SQLite puts beside it gets the same permissions.
fn make_private(path: &str) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::Unavailable { reason: format!("{path}: {error}") })
        }
        _ => Ok(()),
    }
}

pub(super) async fn open_readers(engine: Engine, config: &Config) -> Result<AnyPool, Error> {
    let (url, settings) = match engine {
        Engine::Sqlite => {
            let file = config.url.trim_start_matches("sqlite:");
            (format!("{}:{file}?mode=ro", sqlite::READER), SQLITE_READER)
        }
        Engine::Postgres => (config.url.clone(), POSTGRES_READER),
    };
    install_drivers();
    AnyPoolOptions::new()
        .max_connections(config.readers.max(1))
        .acquire_timeout(CONNECT_TIME_OUT)
        // A file does not go away while it is open.
        .test_before_acquire(engine == Engine::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move { raw_sql(settings).execute(connection).await.map(drop) })
        })
        .connect(&url)
        .await
        .map_err(|error| Error::unavailable(&error))
}

/// Opens one connection for reading whose statements take as long as they take, as a copy of everything does.
pub(super) async fn open_unhurried(engine: Engine, url: &str) -> Result<Tx, Error> {
    let (url, settings) = match engine {
        // Drivers of SQLite wait five seconds for a file that is held, unless they are told otherwise.
        Engine::Sqlite => (format!("{url}?mode=ro"), SQLITE_READER),
        Engine::Postgres => (url.to_owned(), POSTGRES_READER),
    };
    install_drivers();
    let opening = async {
        let mut connection = Tx::connect(&url).await?;
        raw_sql(settings).execute(&mut connection).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    opening.await.map_err(|error| Error::unavailable(&error))
}

/// Makes the drivers known to `sqlx::Any`, once in a process. [`Db::connect`](super::Db::connect) does it by itself; it is here for what
/// opens connections of its own.
///
/// # Panics
///
/// If others were made known before.
pub fn install_drivers() {
    static DRIVERS: [AnyDriver; 3] = [sqlx::postgres::any::DRIVER, sqlx::sqlite::any::DRIVER, sqlite::DRIVER];
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        crate::tls::install_crypto_provider();
        sqlx::any::install_drivers(&DRIVERS).expect("nobody else makes drivers known");
    });
}
