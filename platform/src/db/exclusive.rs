//! What one process at a time may do to a database: make its tables, hold a ceremony.
//!
//! The lock goes with the process that holds it, however that ends, so nobody waits for one that was killed: on SQLite the
//! lock of a file beside the database, on PostgreSQL an advisory lock of a connection.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use super::{Engine, Error, Tx, connection};

/// Held until it is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock goes when this is dropped"]
pub struct Exclusive {
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held, not used")]
enum Held {
    File(File),
    Connection(Box<Tx>),
}

/// Takes the lock of this name; nothing if another process has it.
pub(super) async fn take(engine: Engine, url: &str, name: &str) -> Result<Option<Exclusive>, Error> {
    let held = match engine {
        Engine::Sqlite => file(url, name)?.map(Held::File),
        Engine::Postgres => {
            advisory(url, name).await?.map(|connection| Held::Connection(Box::new(connection)))
        }
    };
    Ok(held.map(|held| Exclusive { _held: held }))
}

/// The same, waiting for so long at most.
pub(super) async fn wait(
    engine: Engine,
    url: &str,
    name: &str,
    limit: Duration,
) -> Result<Option<Exclusive>, Error> {
    const PAUSE: Duration = Duration::from_millis(50);
    let taking = async {
        loop {
            if let Some(taken) = take(engine, url, name).await? {
                return Ok(taken);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(limit, taking).await.ok().transpose()
}

fn file(url: &str, name: &str) -> Result<Option<File>, Error> {
    let path = format!("{}.{name}.lock", url.trim_start_matches("sqlite:"));
    let unavailable = |error: std::io::Error| Error::Unavailable { reason: format!("{path}: {error}") };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

async fn advisory(url: &str, name: &str) -> Result<Option<Tx>, Error> {
    let mut connection = connection::open_writer(Engine::Postgres, url).await?;
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('lanyard'), hashtext($1))")
        .bind(name)
        .fetch_one(&mut connection)
        .await?;
    Ok(taken.then_some(connection))
}
