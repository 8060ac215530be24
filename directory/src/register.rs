//! The register: what every request shares.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use platform::clock::{Clock, Millis};
use platform::db::Db;
use platform::db::together::Together;
use tokio::sync::Semaphore;

use crate::assignment::Assigning;
use crate::config::Config;
use crate::day::Day;
use crate::error::Error;
use crate::fhir::grants::Grants;
use crate::journal::Journal;
use crate::model::Model;
use crate::person::DocumentKey;
use crate::rbac::Shelf;
use crate::showing::Record;
use crate::store::changes;

/// How long to wait before looking again whether something has ended.
const SWEEP_PAUSE: Duration = Duration::from_mins(1);

/// How many consumers of the feed are read at once.
const CONSUMERS: u32 = 500;
/// How many reports are written as files at the same time.
const REPORTS: usize = 4;

/// What the register is made of.
pub struct Parts {
    /// Its section of the configuration.
    pub config: Config,
    /// The database, migrated.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// The key under which numbers of documents are hashed.
    pub document_key: DocumentKey,
}

/// The register, ready for requests. Clones share everything.
#[derive(Clone)]
pub struct Register(Arc<Shared>);

/// What the clones share.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    /// The national roles in force.
    pub(crate) shelf: Shelf,
    pub(crate) document_key: DocumentKey,
    /// What the faces are asked for most, in memory.
    pub(crate) model: Model,
    /// Places for reports that are written as files at the same time.
    pub(crate) reports: Arc<Semaphore>,
    /// Where what the faces show waits to be recorded; begun by the first.
    records: OnceLock<Together<Record>>,
    /// The journal into which what the faces show goes where that was set; begun by the server.
    pub(crate) journal: OnceLock<Arc<Journal>>,
    /// Where assignments of requests that come together wait for each other; begun by the first.
    assigning: OnceLock<Together<Assigning>>,
    /// Who says what programs are granted.
    pub(crate) grants: OnceLock<Grants>,
}

impl std::ops::Deref for Register {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Register {
    /// Takes requests from then on.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let Parts { config, db, clock, document_key } = parts;
        config.check()?;
        let reports = Arc::new(Semaphore::new(REPORTS));
        Ok(Self(Arc::new(Shared {
            config,
            db,
            clock,
            shelf: Shelf::default(),
            document_key,
            model: Model::default(),
            reports,
            records: OnceLock::new(),
            journal: OnceLock::new(),
            assigning: OnceLock::new(),
            grants: OnceLock::new(),
        })))
    }

    /// Where it is recorded what the faces show, with few statements.
    pub(crate) fn records(&self) -> &Together<Record> {
        self.records.get_or_init(|| Together::start(&self.db))
    }

    /// The journal of reads. Without it nobody is shown.
    pub(crate) fn journal(&self) -> Result<&Arc<Journal>, Error> {
        self.journal.get().ok_or(Error::JournalClosed)
    }

    /// Where assignments are written, those that come together in one transaction.
    pub(crate) fn assigning(&self) -> &Together<Assigning> {
        self.assigning.get_or_init(|| Together::start(&self.db))
    }

    /// Ends what has ended and erases what is due, for as long as it is polled. Stopping it anywhere loses nothing, and several
    /// machines that do it do no harm.
    pub async fn keep_sweeping(self) {
        loop {
            if let Err(error) = self.settle_ranks().await {
                tracing::warn!(%error, "the ranks of positions were not settled: {error}");
            }
            if let Err(error) = self.watch_consumers().await {
                tracing::warn!(%error, "how far the consumers of the feed are could not be read: {error}");
            }
            let swept = match self.sweep(self.now()).await {
                Ok(swept) => !swept.is_nothing(),
                Err(error) => {
                    tracing::warn!(%error, "what has ended in the register was not swept: {error}");
                    false
                }
            };
            let erased = match self.sweep_people().await {
                Ok(erased) => erased > 0,
                Err(error) => {
                    tracing::warn!(%error, "what is due for erasure in the register was not erased: {error}");
                    false
                }
            };
            let forgotten = match self.sweep_feed().await {
                Ok(forgotten) => forgotten > 0,
                Err(error) => {
                    tracing::warn!(%error, "settled events of personnel systems were not erased: {error}");
                    false
                }
            };
            let settled = match self.sweep_requests().await {
                Ok(settled) => settled > 0,
                Err(error) => {
                    tracing::warn!(%error, "requests whose time is over were not erased: {error}");
                    false
                }
            };
            let passed = match self.sweep_changes().await {
                Ok(passed) => passed > 0,
                Err(error) => {
                    tracing::warn!(%error, "changes that everybody has applied were not erased: {error}");
                    false
                }
            };
            let exported = match self.sweep_exports().await {
                Ok(exported) => exported,
                Err(error) => {
                    tracing::warn!(%error, "exports could not be gone on with: {error}");
                    false
                }
            };
            if !swept && !erased && !forgotten && !settled && !passed && !exported {
                tokio::time::sleep(SWEEP_PAUSE).await;
            }
        }
    }

    /// Shows since when each consumer of the feed has something to apply.
    pub async fn watch_consumers(&self) -> Result<(), Error> {
        let now = self.now();
        let mut after = String::new();
        loop {
            let page = changes::consumers(self.db.read(), &after, CONSUMERS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.name);
            for consumer in page {
                let behind = consumer.waiting_since.map_or(Duration::ZERO, |since| now.since(since));
                metrics::gauge!("directory_consumer_behind_seconds", "consumer" => consumer.name)
                    .set(behind.as_secs_f64());
            }
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What day it is.
    pub(crate) fn today(&self) -> Day {
        Day::of(self.now())
    }
}
