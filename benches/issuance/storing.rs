//! What storing costs: the writer's time, which is shared by the rows that come together, and the disk's.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, SqliteConnection, raw_sql};

use super::grown;

/// How many transactions are timed.
const COMMITS: usize = 300;
/// About as much as a certificate's row and its audit row take.
const ROW: usize = 2_000;

/// What the writer did for each certificate, in microseconds. It does one transaction at a time: what a certificate costs
/// is the time the writer was busy by the number of certificates, however long each of them waited.
pub(crate) struct Storing {
    transactions: f64,
    busy: f64,
    commit: f64,
}

impl Storing {
    /// From the server's metrics before and after so many certificates.
    pub(crate) fn between(before: &str, after: &str, certificates: f64) -> anyhow::Result<Storing> {
        let each = |name| anyhow::Ok(grown(before, after, name)? / certificates);
        Ok(Storing {
            transactions: each("db_group_seconds_count")?,
            busy: each("db_group_seconds_sum")? * 1e6,
            commit: each("db_commit_seconds_sum")? * 1e6,
        })
    }
}

impl fmt::Display for Storing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "    the writer was busy {:.0} us for each certificate: {:.0} us of statements and {:.0} us of COMMIT, in {:.2} transactions",
            self.busy,
            self.busy - self.commit,
            self.commit,
            self.transactions,
        )
    }
}

/// What the disk below a folder takes to make something durable, by itself.
pub(crate) struct Disk {
    commit: Duration,
    sync: Duration,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\nthis disk alone: {} us for a COMMIT of SQLite with one row (WAL, synchronous = FULL), {} us for fdatasync of 4 KB",
            self.commit.as_micros(),
            self.sync.as_micros(),
        )
    }
}

/// The middle of many COMMITs, and of many fdatasyncs of what was appended.
pub(crate) async fn commits(folder: &Path) -> anyhow::Result<Disk> {
    let url = format!("sqlite:{}?mode=rwc", folder.join("commits.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    // As the server's own writer.
    raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; CREATE TABLE one (row BLOB)")
        .execute(&mut database)
        .await?;
    let mut took = Vec::with_capacity(COMMITS);
    for _ in 0..COMMITS {
        raw_sql("BEGIN IMMEDIATE").execute(&mut database).await?;
        sqlx::query("INSERT INTO one VALUES ($1)").bind(vec![7_u8; ROW]).execute(&mut database).await?;
        let begun = Instant::now();
        raw_sql("COMMIT").execute(&mut database).await?;
        took.push(begun.elapsed());
    }
    database.close().await?;
    let mut synced = Vec::with_capacity(COMMITS);
    let mut file = std::fs::File::create(folder.join("synced"))?;
    for _ in 0..COMMITS {
        file.write_all(&[7; 4_096])?;
        let begun = Instant::now();
        file.sync_data()?;
        synced.push(begun.elapsed());
    }
    Ok(Disk { commit: middle(took), sync: middle(synced) })
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
