//! The journal of reads: whom the faces show people is on this machine's disk before it is answered, and in the record a moment later.
//!
//! [`Journal::keep`] puts a frame at the end of a file by one write, so that it outlives the process; one task ([`drain`]) records what
//! waits, in order, many frames in one transaction, which also says up to which frame of which file that is. So each frame is recorded
//! once, whenever a process is killed: what a start finds and the database does not say was recorded is recorded before a face answers.
//! Reads of one caller that are recorded together are one event ([`together`]). The files are exchanged when they are large, and taken away when everything in them is in the record.

mod drain;
mod file;
mod frame;
mod recording;
mod together;

use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use platform::db::Db;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

pub use together::ReadsEvent;

use self::file::{End, Folder, Segment};
use self::frame::{Id, LONGEST};
use crate::error::Error;
use crate::register::Register;
use crate::showing::{ReadsRecorded, Record};

/// How long the end of a process waits until everything is recorded. What is not by then is at the next start.
const FINISH: Duration = Duration::from_secs(10);
/// A write that took longer was held up by the disk.
const SLOW: Duration = Duration::from_millis(50);
/// How long writes go to threads that may wait after one that was held up.
const SLOW_FOR: Duration = Duration::from_secs(5);
/// How long is waited in place for a write that is under way.
const BRIEF: Duration = Duration::from_millis(1);

/// A journal that takes reads. No other process has its folder.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: Arc<Folder>,
    bounds: Bounds,
    /// Held for one write into a file, which the disk may hold up: no task waits for this, only threads that may. Taken before `state`.
    end: Mutex<End>,
    /// Never held while anything is waited for.
    state: Mutex<State>,
    /// Room for writes that wait for a thread, or on one.
    queue: Semaphore,
    /// Places on threads for writes that may be held up.
    places: Arc<Semaphore>,
    /// What the disk was told last to take, while it does.
    turn: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    /// Something waits to be recorded.
    more: Notify,
    /// The file is to be exchanged.
    grown: Notify,
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
    /// Of octets in a file, after which it is exchanged for another; one of more than twice as many takes nothing.
    file: u64,
    /// Of writes that wait for a thread, or on one.
    queue: usize,
    /// Of those on threads.
    places: usize,
    /// Of the time that one of those waits.
    held: Duration,
    /// Of the time that recording waits until the disk has taken what is recorded.
    patience: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            frames: 200_000,
            octets: 64 << 20,
            file: 16 << 20,
            queue: 2_000,
            places: 64,
            held: Duration::from_secs(5),
            patience: Duration::from_secs(2),
        }
    }
}

/// What is written next, and what is not recorded yet.
#[derive(Debug)]
struct State {
    /// The file that frames are put into.
    segment: Arc<Segment>,
    /// In the order of their frames, which is that of the files.
    waiting: VecDeque<(Arc<Segment>, Arc<Kept>)>,
    /// Of what waits.
    octets: usize,
    /// Files that take no more, the oldest first.
    full: VecDeque<Arc<Segment>>,
    /// Until when the disk is taken for one that holds writes up.
    slow_until: Option<Instant>,
    /// Since when a write is under way.
    writing_since: Option<Instant>,
    /// Until when no file is begun, since one could not be.
    pause_until: Option<Instant>,
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
    async fn open(path: &Path, bounds: Bounds, db: &Db) -> Result<Arc<Self>, Error> {
        let owned = path.to_owned();
        let folder = Arc::new(on_disk(path, move || Folder::take(&owned)).await??);
        drain::catch_up(&folder, path, db).await?;
        let (there, id) = (Arc::clone(&folder), new_id()?);
        let end = on_disk(path, move || there.create(id)).await?;
        let end = end.map_err(|cause| file::unusable(path, &cause))?;
        let segment = Arc::clone(&end.segment);
        let (waiting, full) = (VecDeque::new(), VecDeque::new());
        let state = State {
            segment,
            waiting,
            octets: 0,
            full,
            slow_until: None,
            writing_since: None,
            pause_until: None,
        };
        Ok(Arc::new(Self {
            folder,
            bounds,
            end: Mutex::new(end),
            state: Mutex::new(state),
            queue: Semaphore::new(bounds.queue),
            places: Arc::new(Semaphore::new(bounds.places)),
            turn: tokio::sync::Mutex::new(None),
            more: Notify::new(),
            grown: Notify::new(),
            recorded: Notify::new(),
        }))
    }

    /// Records what a former process left in a folder, where there is one, and begins nothing in it.
    async fn record_left(path: &Path, db: &Db) -> Result<(), Error> {
        let owned = path.to_owned();
        let there = on_disk(path, move || owned.try_exists()).await?;
        if !there.map_err(|cause| file::unusable(path, &cause))? {
            return Ok(());
        }
        let owned = path.to_owned();
        let folder = Arc::new(on_disk(path, move || Folder::take(&owned)).await??);
        drain::catch_up(&folder, path, db).await
    }

    /// Keeps a read. When this returns `Ok` it outlives the process and will be in the record, once.
    ///
    /// The write stays where it is called: it goes into the kernel's memory, which takes some microseconds, less than handing it to
    /// another thread and back. Where the disk holds a write up, or has done so lately, it goes to a thread that may wait: whoever asks
    /// about people waits then, and should, but nobody else does.
    pub(crate) async fn keep(self: &Arc<Self>, record: Record) -> Result<(), Error> {
        let mut frame = frame::begun();
        let written = serde_json::to_writer(&mut frame, &record);
        written.map_err(|cause| Error::JournalUnwritten(cause.into()))?;
        if frame::held(&frame) > LONGEST {
            return Err(Error::JournalUnwritten(io::Error::other("a read is longer than a frame")));
        }
        if let Some(end) = self.end_at_once() {
            return self.put(end, record, &mut frame);
        }
        let Ok(_waits) = self.queue.try_acquire() else { return Err(held_up()) };
        match tokio::time::timeout(self.bounds.held, self.put_on_a_thread(record, frame)).await {
            Ok(put) => put,
            // Where a thread has it, it is recorded when the disk takes it, although nobody was shown.
            Err(_elapsed) => Err(held_up()),
        }
    }

    async fn put_on_a_thread(self: &Arc<Self>, record: Record, mut frame: Vec<u8>) -> Result<(), Error> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|closed| Error::JournalUnwritten(io::Error::other(closed)))?;
        let journal = Arc::clone(self);
        let putting = tokio::task::spawn_blocking(move || {
            let _place = place;
            journal.put(journal.end(), record, &mut frame)
        });
        putting.await.unwrap_or_else(|cause| Err(Error::JournalUnwritten(io::Error::other(cause))))
    }

    /// Puts a read, with a frame that holds it, at the end of the file, and among those that wait.
    fn put(&self, mut end: MutexGuard<'_, End>, record: Record, frame: &mut [u8]) -> Result<(), Error> {
        let (segment, number) = (Arc::clone(&end.segment), end.number);
        if segment.octets() > self.bounds.file {
            self.grown.notify_one();
        }
        if segment.octets() > self.bounds.file.saturating_mul(2) {
            return Err(refused("No more can be kept of what this shows for now. Try again in a minute."));
        }
        frame::seal(segment.id, number, segment.synced(), frame);
        let (octets, begun) = (frame::held(frame), Instant::now());
        if !self.state().begin(self.bounds, octets, begun) {
            return Err(refused("Too many reads wait to be recorded. Try again in a minute."));
        }
        let written = end.append(frame);
        let mut state = self.state();
        state.took(begun.elapsed());
        if let Err(cause) = written {
            drop(state);
            failed("write");
            // The file may have to be exchanged.
            self.grown.notify_one();
            return Err(Error::JournalUnwritten(cause));
        }
        state.octets += octets;
        state.waiting.push_back((segment, Arc::new(Kept { number, octets, record })));
        drop(state);
        drop(end);
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

    /// The end of the file, where the disk holds nothing up.
    fn end_at_once(&self) -> Option<MutexGuard<'_, End>> {
        if self.state().is_slow() {
            return None;
        }
        let mut until = None;
        loop {
            match self.end.try_lock() {
                Ok(end) => return Some(end),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
            let now = Instant::now();
            if now > *until.get_or_insert(now + BRIEF) {
                return None;
            }
            std::thread::yield_now();
        }
    }

    /// The end of the file, once the writes before are done. For threads that may wait.
    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it is left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes that a write of so many octets begins; false, and nothing begins, where they are too many.
    fn begin(&mut self, bounds: Bounds, octets: usize, now: Instant) -> bool {
        let fits = self.waiting.len() < bounds.frames && self.octets + octets <= bounds.octets;
        self.writing_since = fits.then_some(now);
        fits
    }

    /// Whether the disk holds a write up, or has done so lately.
    fn is_slow(&self) -> bool {
        self.slow_until.is_some_and(|until| Instant::now() < until)
            || self.writing_since.is_some_and(|since| since.elapsed() > SLOW)
    }

    /// Whether a file could not be begun a moment ago.
    fn pauses(&self) -> bool {
        self.pause_until.is_some_and(|until| Instant::now() < until)
    }

    /// Lets no file be begun for a moment.
    fn pause(&mut self) {
        self.pause_until = Some(Instant::now() + drain::RETRY);
    }

    /// Notes how long a write took.
    fn took(&mut self, time: Duration) {
        self.writing_since = None;
        if time > SLOW {
            self.slow_until = Some(Instant::now() + SLOW_FOR);
        }
    }
}

impl Register {
    /// Opens the journal of reads where the configuration has one, and records what a former process left in it. Until then faces whose
    /// reads go into it show nobody. Where reads are recorded in another way now, its folder is named so that what is left is recorded.
    pub async fn begin_journal(&self) -> Result<(), Error> {
        let Some(path) = &self.config.reads_journal else { return Ok(()) };
        if self.config.reads_recorded != ReadsRecorded::Journal {
            return Journal::record_left(path, &self.db).await;
        }
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

/// An error with its causes.
fn whole(error: &Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Says that a read is not kept for now.
fn refused(sentence: &'static str) -> Error {
    metrics::counter!("directory_reads_refused_total").increment(1);
    Error::Busy { sentence }
}

fn held_up() -> Error {
    refused("The disk holds up what must be kept before this is shown. Try again in a minute.")
}

/// Counts what did not go as it should.
fn failed(step: &'static str) {
    metrics::counter!("directory_reads_journal_failures_total", "step" => step).increment(1);
}

#[cfg(test)]
mod tests;
