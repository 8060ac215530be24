//! The journal of reads: whom the faces show people is on this machine's disk before it is answered, and in the record a moment later.
//!
//! [`Journal::keep`] puts a frame at the end of a file by one write, so that it outlives the process; one task ([`drain`]) records what
//! waits, in order, many frames in one transaction, which also says up to which frame of which file that is. So each frame is recorded
//! once, whenever a process is killed: what a start finds and the database does not say was recorded is recorded before a face answers.
//! Reads of one caller that are recorded together are one event ([`together`]). The files are exchanged when they are large, and taken away when everything in them is in the record.

mod drain;
mod file;
mod frame;
#[cfg(test)]
mod tests;
mod together;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform::db::Db;
use tokio::sync::Notify;

pub use together::ReadsEvent;

use self::file::{End, Folder, Segment};
use self::frame::{Id, LONGEST};
use crate::error::Error;
use crate::register::Register;
use crate::showing::Record;

/// How long the end of a process waits until everything is recorded. What is not by then is at the next start.
const FINISH: Duration = Duration::from_secs(10);

/// A journal that takes reads. No other process has its folder.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: Arc<Folder>,
    bounds: Bounds,
    /// Held for one write into a file and never while anything else is waited for.
    state: Mutex<State>,
    /// Something waits to be recorded, or a file to be exchanged.
    more: Notify,
    /// Something that waited was recorded.
    recorded: Notify,
}

/// How much there is at most.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Of frames that wait to be recorded.
    frames: usize,
    /// Of octets in them.
    octets: usize,
    /// Of octets in a file, after which it is exchanged for another.
    file: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { frames: 200_000, octets: 64 << 20, file: 16 << 20 }
    }
}

/// What is written next, and what is not recorded yet.
#[derive(Debug)]
struct State {
    end: End,
    /// In the order of their frames, which is that of the files.
    waiting: VecDeque<(Arc<Segment>, Arc<Kept>)>,
    /// Of what waits.
    octets: usize,
    /// Files that take no more, the oldest first.
    full: VecDeque<Arc<Segment>>,
}

/// A read that is in a file.
#[derive(Debug)]
struct Kept {
    number: i64,
    octets: usize,
    record: Record,
}

impl Journal {
    /// Takes the folder, records what a former process left there, and begins a file.
    async fn open(path: &Path, bounds: Bounds, db: &Db) -> Result<Self, Error> {
        let owned = path.to_owned();
        let folder = Arc::new(on_disk(path, move || Folder::take(&owned)).await??);
        drain::catch_up(&folder, path, db).await?;
        let (there, id) = (Arc::clone(&folder), new_id()?);
        let end = on_disk(path, move || there.create(id)).await?;
        let end = end.map_err(|cause| file::unusable(path, &cause))?;
        let state = State { end, waiting: VecDeque::new(), octets: 0, full: VecDeque::new() };
        Ok(Self { folder, bounds, state: Mutex::new(state), more: Notify::new(), recorded: Notify::new() })
    }

    /// Keeps a read. When this returns `Ok` it outlives the process and will be in the record, once.
    ///
    /// The write stays where it is called: it goes into the kernel's memory, which takes some microseconds, less than handing it to
    /// another thread and back. Where a disk holds writes up, whoever asks about people waits, and should.
    pub(crate) fn keep(&self, record: Record) -> Result<(), Error> {
        let body = serde_json::to_vec(&record).map_err(|cause| Error::JournalUnwritten(cause.into()))?;
        let octets = body.len();
        if octets > LONGEST {
            return Err(Error::JournalUnwritten(io::Error::other("a read is longer than a frame")));
        }
        let mut state = self.state();
        if state.waiting.len() >= self.bounds.frames || state.octets + octets > self.bounds.octets {
            metrics::counter!("directory_reads_refused_total").increment(1);
            return Err(Error::Busy {
                sentence: "Too many reads wait to be recorded. Try again in a minute.",
            });
        }
        let number = state.end.number;
        let frame = frame::written(state.end.segment.id, number, &body);
        if let Err(cause) = state.end.append(&frame) {
            drop(state);
            failed("write");
            // The file may have to be exchanged.
            self.more.notify_one();
            return Err(Error::JournalUnwritten(cause));
        }
        let segment = Arc::clone(&state.end.segment);
        state.octets += octets;
        state.waiting.push_back((segment, Arc::new(Kept { number, octets, record })));
        drop(state);
        self.more.notify_one();
        Ok(())
    }

    /// Waits until nothing waits any more.
    async fn all_recorded(&self) {
        loop {
            let recorded = self.recorded.notified();
            if self.state().waiting.is_empty() {
                return;
            }
            recorded.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it is left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    /// Opens the journal of reads where the configuration has one, and records what a former process left in it. Until then faces whose
    /// reads go into it show nobody.
    pub async fn begin_journal(&self) -> Result<(), Error> {
        let Some(path) = &self.config.reads_journal else { return Ok(()) };
        let journal = Journal::open(path, Bounds::default(), &self.db).await?;
        // Had there been one already, its folder could not have been taken.
        let _none = self.journal.set(journal);
        Ok(())
    }

    /// Records what comes into the journal, for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_journal(self) {
        if let Some(journal) = self.journal.get() {
            journal.keep_recording(&self.db).await;
        }
    }

    /// Waits until everything in the journal is recorded, while somebody does so ([`Register::keep_journal`]). Without a database it ends
    /// all the same: what is left is recorded at the next start.
    pub async fn finish_journal(&self) {
        let Some(journal) = self.journal.get() else { return };
        if tokio::time::timeout(FINISH, journal.all_recorded()).await.is_err() {
            let left = journal.state().waiting.len();
            tracing::warn!(left, "{left} reads stay in the journal and are recorded at the next start");
        }
    }
}

/// Does what waits for the disk, where that holds nobody up.
async fn on_disk<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|cause| file::unusable(path, &io::Error::other(cause)))
}

fn new_id() -> Result<Id, Error> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Error::NoRandomness)?;
    Ok(Id::new(random))
}

/// Counts what did not go as it should.
fn failed(step: &'static str) {
    metrics::counter!("directory_reads_journal_failures_total", "step" => step).increment(1);
}
