//! The log of one installation: which one is current, and with which key it signs.

use std::sync::{Arc, PoisonError, RwLock};

use hsm::Key;
use platform::clock::{Clock, Millis};
use platform::db::{Db, Tx};
use tlog_tiles::Hash;

use crate::acts::{Event, PreviousLog, Reason, SeenOutside};
use crate::checkpoint::{TreeHead, VerifierKey};
use crate::config::Config;
use crate::error::Error;
use crate::event::Actor;
use crate::record::record;
use crate::sequencer::append::{self, Appended};
use crate::store::checkpoints::{cosignatures, newest_signed};
use crate::store::events::{oldest_pending, ordinal_by_id, pending_by_ordinal};
use crate::store::log::{self, Lease, LogRow};
use crate::tree::Edge;

/// The log, shared by everything that reads it. Cloning is cheap.
#[derive(Clone)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) key: Key,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// The name of this run of this node in the lease: a restarted process is another holder.
    pub(crate) node: String,
    /// Which log is current. Written when another node began a new epoch; never held across an await.
    current: RwLock<Current>,
}

/// The current log.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) log_epoch: u64,
    pub(crate) verifier: VerifierKey,
}

/// What is known outside about the log that a new epoch follows.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Why a new log begins.
    pub reason: Reason,
    /// The newest checkpoint that anybody outside holds, as the signed note.
    pub seen_outside: Option<String>,
}

impl Log {
    /// Open the newest log in the database, or begin the first. Refuses when name or key changed, and when the sink
    /// holds a checkpoint that the database cannot explain.
    pub async fn open(db: Db, key: Key, config: Config, clock: Clock) -> Result<Self, Error> {
        let newest = if let Some(newest) = log::newest_log(db.read()).await? {
            newest
        } else {
            let row = first_row(&config, &key, clock.now())?;
            begin(&db, &key, row, Reason::First, None).await?
        };
        if newest.origin != config.origin && !newest.origin.starts_with(&format!("{}/", config.origin)) {
            return Err(Error::OriginChanged { stored: newest.origin, configured: config.origin });
        }
        let log = Self::new(db, key, config, clock, &newest)?;
        crate::sink::check(&log).await?;
        Ok(log)
    }

    /// Begin a new log behind the newest one, after a restore or with a new key. Its first entry names the gap.
    pub async fn begin_epoch(
        db: Db,
        key: Key,
        config: Config,
        clock: Clock,
        gap: &Gap,
    ) -> Result<Self, Error> {
        let now = clock.now();
        let Some(newest) = log::newest_log(db.read()).await? else {
            return Self::open(db, key, config, clock).await;
        };
        let stored_size = log::current_lease(db.read()).await?.map_or(0, |lease| lease.size);
        let seen_outside =
            gap.seen_outside.as_deref().map(|note| seen(&config, &newest, note)).transpose()?;
        if let Some(seen) = &seen_outside {
            hold_against(&db, seen).await?;
        }
        let previous = PreviousLog { origin: newest.origin, stored_size, seen_outside };
        let row = LogRow {
            log_epoch: newest.log_epoch + 1,
            // The time makes the name new even if the same copy is restored twice.
            origin: format!("{}/{}", config.origin, now.0),
            public_key: key.public_key().to_vec(),
            started_at: now.0,
        };
        let row = begin(&db, &key, row, gap.reason, Some(previous)).await?;
        Self::new(db, key, config, clock, &row)
    }

    fn new(db: Db, key: Key, config: Config, clock: Clock, row: &LogRow) -> Result<Self, Error> {
        if row.public_key != key.public_key() {
            return Err(Error::KeyChanged { origin: row.origin.clone() });
        }
        let current = Current { log_epoch: row.log_epoch, verifier: VerifierKey::of(&row.origin, &key)? };
        let node = crate::event::EventId::new(clock.now(), crate::record::random()?).to_string();
        let shared = Shared { db, key, config, clock, node, current: RwLock::new(current) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The verifier key of the current log, to be given to whoever verifies a copy.
    pub fn verifier_key(&self) -> VerifierKey {
        self.current().verifier
    }

    pub(crate) fn current(&self) -> Current {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Look again which log is current. Another node may have begun a new one; with another key it is not ours.
    pub(crate) async fn refresh(&self) -> Result<Current, Error> {
        let newest = log::newest_log(self.shared.db.read()).await?.ok_or(Error::Overtaken)?;
        if newest.public_key != self.shared.key.public_key() {
            return Err(Error::KeyChanged { origin: newest.origin });
        }
        let verifier = VerifierKey::of(&newest.origin, &self.shared.key)?;
        let current = Current { log_epoch: newest.log_epoch, verifier };
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = current.clone();
        Ok(current)
    }

    /// The newest signed checkpoint with the cosignatures that witnesses gave for it; none before the first.
    pub async fn checkpoint(&self) -> Result<Option<String>, Error> {
        self.checkpoint_of(self.current().log_epoch).await
    }

    /// When the oldest event that waits for its place was recorded; nothing when none waits. The sequencer follows
    /// within two seconds, so an older one says that it does not work.
    pub async fn oldest_waiting(&self) -> Result<Option<Millis>, Error> {
        Ok(oldest_pending(self.shared.db.read()).await.map_err(platform::db::Error::from)?.map(Millis))
    }

    pub(crate) async fn checkpoint_of(&self, log_epoch: u64) -> Result<Option<String>, Error> {
        let pool = self.shared.db.read();
        let Some(row) = newest_signed(pool, log_epoch).await? else { return Ok(None) };
        let lines = cosignatures(pool, log_epoch, row.size).await?;
        Ok(row.note.map(|note| note + &lines.concat()))
    }

    /// The newest signed tree head; size 0 before the first.
    pub(crate) async fn signed_head(&self, log_epoch: u64) -> Result<TreeHead, Error> {
        let Some(row) = newest_signed(self.shared.db.read(), log_epoch).await? else {
            return Ok(TreeHead { size: 0, root: tlog_tiles::EMPTY_HASH });
        };
        Ok(TreeHead { size: row.size, root: stored_root(&row.root)? })
    }
}

/// A root as the database keeps it.
pub(crate) fn stored_root(bytes: &[u8]) -> Result<Hash, Error> {
    bytes.try_into().map(Hash).map_err(|_| Error::Corrupt { what: "audit_checkpoint.root" })
}

fn first_row(config: &Config, key: &Key, now: Millis) -> Result<LogRow, Error> {
    VerifierKey::of(&config.origin, key)?;
    let public_key = key.public_key().to_vec();
    Ok(LogRow { log_epoch: 1, origin: config.origin.clone(), public_key, started_at: now.0 })
}

fn seen(config: &Config, newest: &LogRow, note: &str) -> Result<SeenOutside, Error> {
    let origin = note.lines().next().unwrap_or_default();
    if origin != config.origin && !origin.starts_with(&format!("{}/", config.origin)) {
        let (found, wanted) = (origin.to_owned(), config.origin.clone());
        return Err(crate::checkpoint::CheckpointError::OtherLog { found, wanted }.into());
    }
    // The key of the newest stored log: an epoch that only the lost database knew was begun with the same one.
    let head = VerifierKey::of_spki(origin, &newest.public_key)?.open(note)?;
    Ok(SeenOutside { origin: origin.to_owned(), size: head.size, root: head.root.to_string() })
}

/// What is older than the newest checkpoint here says nothing of the time since, and what contradicts one is of another past.
/// One of a log that is not known here was begun after the copy was taken. A log without a signed head was begun by a
/// recovery that broke off, and what was given to that one is given again.
async fn hold_against(db: &Db, seen: &SeenOutside) -> Result<(), Error> {
    let logs = log::all_logs(db.read()).await?;
    let Some(known) = logs.iter().find(|log| log.origin == seen.origin) else { return Ok(()) };
    for log in logs.iter().rev().take_while(|log| log.log_epoch >= known.log_epoch) {
        let Some(ours) = newest_signed(db.read(), log.log_epoch).await? else { continue };
        if log.log_epoch > known.log_epoch {
            return Err(Error::EarlierLog { seen: seen.origin.clone(), ours: log.origin.clone() });
        }
        if seen.size < ours.size {
            return Err(Error::Older { ours: ours.size, seen: seen.size });
        }
        if seen.size == ours.size && seen.root != stored_root(&ours.root)?.to_string() {
            return Err(Error::Forked { size: seen.size });
        }
    }
    Ok(())
}

/// Insert the log and its first entry in one transaction. Two nodes that begin at once end with the same log.
async fn begin(
    db: &Db,
    key: &Key,
    row: LogRow,
    reason: Reason,
    previous: Option<PreviousLog>,
) -> Result<LogRow, Error> {
    VerifierKey::of(&row.origin, key)?;
    let wanted = row.clone();
    let event = Event::LogBegan { origin: row.origin.clone(), reason, previous };
    let done: Result<(), Error> = db
        .write(move |tx: &mut Tx| Box::pin(async move { insert_with_first_entry(tx, &row, &event).await }))
        .await;
    match done {
        Ok(()) => Ok(wanted),
        Err(Error::Overtaken) => log::newest_log(db.read()).await?.ok_or(Error::Overtaken),
        Err(other) => Err(other),
    }
}

async fn insert_with_first_entry(tx: &mut Tx, row: &LogRow, event: &Event) -> Result<(), Error> {
    if !log::insert_log(tx, row).await? {
        return Err(Error::Overtaken);
    }
    log::restart_sequencer(tx, row.log_epoch).await?;
    let id = record(tx, Millis(row.started_at), &Actor::system("audit"), event).await?;
    let what = "audit_event.id";
    let ordinal = ordinal_by_id(tx, id.as_str()).await?.ok_or(Error::Corrupt { what })?;
    let first = pending_by_ordinal(tx, ordinal).await?.ok_or(Error::Corrupt { what })?;
    let seen: Lease = log::current_lease_in(tx).await?.ok_or(Error::Overtaken)?;
    let appended: Appended = append::compute(Edge::default(), &[], &[first])?;
    append::store(tx, &seen, &Lease { size: 1, ..seen.clone() }, &appended).await
}
