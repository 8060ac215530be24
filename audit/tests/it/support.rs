//! What every test needs: a token with the log's key, a clock that is set by hand, and events to record.

use std::path::Path;
use std::process::Command;

use audit::copy::{Depth, Source, copy};
use audit::{Actor, Config, Event, EventId, GROUP, Log, Sequencer, VerifierKey, record, record_many};
use hsm::testing::TestToken;
use hsm::{Alg, Key};
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::{self, Db};
use serde::Serialize;
use tempfile::TempDir;
use utoipa::ToSchema;

pub(crate) const START: Millis = Millis(1_780_000_000_000);
pub(crate) const ORIGIN: &str = "audit.test/lanyard";

/// What the tests record.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub(crate) enum Noted {
    /// Something was noted.
    Noted { text: String, number: i64 },
    /// Something was weighed, which has no canonical spelling.
    Weighed { kilograms: f64 },
}

impl Event for Noted {
    const MODULE: &'static str = "test";

    fn name(&self) -> &'static str {
        match self {
            Self::Noted { .. } => "noted",
            Self::Weighed { .. } => "weighed",
        }
    }
}

/// A word that must never be seen where entries are not shown.
pub(crate) const SECRET: &str = "nobody-may-see-this";

pub(crate) fn noted(number: i64) -> Noted {
    Noted::Noted { text: format!("{SECRET} Zoë \u{1f600}"), number }
}

/// A token with the log's key, and a clock.
pub(crate) struct Rig {
    pub(crate) token: TestToken,
    pub(crate) key: Key,
    pub(crate) clock: Clock,
    pub(crate) manual: std::sync::Arc<ManualClock>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let token = TestToken::new();
        let key = token.hsm().await.generate("lanyard-audit", Alg::Ed25519).await.unwrap();
        let (clock, manual) = Clock::manual(START);
        Self { token, key, clock, manual: manual.into() }
    }

    pub(crate) async fn log(&self, db: &Db) -> Log {
        self.log_with(db, Config::new(ORIGIN)).await
    }

    pub(crate) async fn log_with(&self, db: &Db, config: Config) -> Log {
        Log::open(db.clone(), self.key.clone(), config, self.clock.clone()).await.unwrap()
    }

    /// Long enough for any lease to be over.
    pub(crate) fn outlive_lease(&self) {
        self.manual.advance(std::time::Duration::from_secs(5));
    }
}

/// Record numbered events, each batch in a transaction of its own.
pub(crate) async fn note(db: &Db, at: Millis, numbers: std::ops::Range<i64>) -> Vec<EventId> {
    let events: Vec<Noted> = numbers.map(noted).collect();
    let recorded: Result<Vec<EventId>, db::Error> = db
        .write(move |tx| Box::pin(async move { record_many(tx, at, &Actor::system("test"), &events).await }))
        .await;
    recorded.unwrap()
}

/// Record one event.
pub(crate) async fn note_one(db: &Db, at: Millis, event: Noted) -> Result<EventId, db::Error> {
    db.write(move |tx| Box::pin(async move { record(tx, at, &Actor::system("test"), &event).await })).await
}

/// Put everything that waits into the tree and sign it.
pub(crate) async fn settle(sequencer: &mut Sequencer) {
    while sequencer.sequence().await.unwrap() == GROUP {}
    sequencer.publish().await.unwrap();
}

/// A log of one node with so many noted events behind its first entry, signed.
pub(crate) async fn settled(rig: &Rig, db: &Db, count: i64) -> (Log, Sequencer) {
    let log = rig.log(db).await;
    for from in (0..count).step_by(500) {
        note(db, START, from..count.min(from + 500)).await;
    }
    let mut sequencer = Sequencer::new(&log);
    settle(&mut sequencer).await;
    (log, sequencer)
}

/// A copy of the log with entries.
pub(crate) async fn copied(log: &Log) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&Source::Database(log), dir.path(), Depth::Entries).await.unwrap();
    dir
}

/// What the independent reader in Python says of a copy.
pub(crate) fn python_reads(dir: &Path, key: &VerifierKey) -> Result<serde_json::Value, String> {
    let python = std::env::var_os("LANYARD_PYTHON").expect("LANYARD_PYTHON is not set: run make setup");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tools/tlog_check.py");
    let output = Command::new(python).arg(script).arg(dir).arg(key.to_string()).output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
