//! What is in the journal comes into the record: in order, many reads in one transaction, each once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform::db::{Db, Tx};

use super::file::{self, Folder, Found, Segment};
use super::frame::Id;
use super::recording::{Source, record};
use super::{Journal, Kept, failed, new_id, on_disk, whole};
use crate::error::Error;
use crate::showing::Record;
use crate::store::reads_journals;

/// How many reads are recorded in one transaction at most.
const TOGETHER: usize = 500;
/// How long is waited for more of them: each transaction costs the disk of the database a turn, which other writes wait for, and each turn of
/// the journal's own disk comes before one.
const GATHER: Duration = Duration::from_millis(50);
/// How long is waited before what failed is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Journal {
    /// Records what waits, and what comes. Stopping it anywhere loses nothing: what is not recorded is in the files.
    pub(super) async fn keep_recording(self: &Arc<Self>, db: &Db) {
        tokio::join!(self.keep_working_off(db), self.keep_exchanging());
    }

    async fn keep_working_off(self: &Arc<Self>, db: &Db) {
        loop {
            self.more.notified().await;
            tokio::time::sleep(GATHER).await;
            self.work_off(db).await;
        }
    }

    /// Files are exchanged too while the database holds recording up.
    async fn keep_exchanging(self: &Arc<Self>) {
        loop {
            self.grown.notified().await;
            self.secure().await;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Records until nothing waits.
    async fn work_off(self: &Arc<Self>, db: &Db) {
        loop {
            let done = self.step(db).await;
            let waiting = u32::try_from(self.state().waiting.len()).unwrap_or(u32::MAX);
            metrics::gauge!("directory_reads_waiting").set(f64::from(waiting));
            match done {
                Ok(0) => return,
                // While many come one after the other, each would else be recorded with the few that came during the one before.
                Ok(many) if many < TOGETHER => tokio::time::sleep(GATHER).await,
                Ok(_) => {}
                Err(error) => {
                    failed("record");
                    let why = whole(&error);
                    tracing::error!(
                        why,
                        waiting,
                        "{waiting} reads wait to be recorded, which failed and is tried again: {why}"
                    );
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Records the oldest that wait; how many they were.
    pub(super) async fn step(self: &Arc<Self>, db: &Db) -> Result<usize, Error> {
        self.secure().await;
        let Some((segment, group)) = self.oldest() else {
            self.tidy(db).await;
            return Ok(0);
        };
        let many = group.len();
        record(&self.folder, db, Source { id: segment.id, path: &segment.path }, group).await?;
        self.passed(many);
        self.tidy(db).await;
        Ok(many)
    }

    /// Has the disk take what is written until here, so that a loss of power costs no more than what comes until the next turn, and
    /// exchanges the file when it is time. What fails here stops nobody from being recorded, and what the disk holds up neither: it goes
    /// on, and no other turn begins until it has ended.
    pub(super) async fn secure(self: &Arc<Self>) {
        let mut turn = self.turn.lock().await;
        if turn.as_ref().is_some_and(|before| !before.is_finished()) {
            return;
        }
        let journal = Arc::clone(self);
        let this = turn.insert(tokio::task::spawn_blocking(move || journal.have_taken()));
        if tokio::time::timeout(self.bounds.patience, this).await.is_err() {
            failed("sync");
            tracing::error!("the disk holds up the journal of reads; what waits is recorded meanwhile");
        }
    }

    /// Waits for the disk.
    fn have_taken(&self) {
        let segment = Arc::clone(&self.state().segment);
        let due = segment.is_broken() || segment.octets() > self.bounds.file;
        let due = due && !self.state().pauses();
        if due && let Err(error) = self.exchange(&segment) {
            self.state().pause();
            failed("exchange");
            tracing::error!(%error, "the file of the journal of reads could not be exchanged: {error}");
        }
        if let Err(cause) = segment.sync() {
            failed("sync");
            let error = file::unusable(&segment.path, &cause);
            tracing::error!(%error, "the disk did not take the journal of reads: {error}");
        }
    }

    /// Begins another file. The one before is taken away when everything in it is recorded.
    fn exchange(&self, before: &Segment) -> Result<(), Error> {
        let next = self.folder.create(new_id()?).map_err(|cause| file::unusable(&before.path, &cause))?;
        let mut end = self.end();
        let mut state = self.state();
        let full = std::mem::replace(&mut state.segment, Arc::clone(&next.segment));
        state.full.push_back(full);
        *end = next;
        Ok(())
    }

    /// The oldest that wait, of one file.
    fn oldest(&self) -> Option<(Arc<Segment>, Vec<Arc<Kept>>)> {
        let state = self.state();
        let (segment, _) = state.waiting.front()?;
        let of_it = state.waiting.iter().take(TOGETHER).take_while(|(of, _)| Arc::ptr_eq(of, segment));
        Some((Arc::clone(segment), of_it.map(|(_, kept)| Arc::clone(kept)).collect()))
    }

    /// The oldest wait no more.
    fn passed(&self, many: usize) {
        let mut state = self.state();
        let octets: usize = state.waiting.drain(..many).map(|(_, kept)| kept.octets).sum();
        state.octets -= octets;
        drop(state);
        self.recorded.notify_waiters();
    }

    /// A file that cannot be taken away stays until the next turn: everything in it is recorded.
    async fn tidy(&self, db: &Db) {
        if let Err(error) = self.clear(db).await {
            failed("clear");
            let why = whole(&error);
            tracing::error!(
                why,
                "a file of the journal of reads could not be taken away, and is at the next turn: {why}"
            );
        }
    }

    /// Takes the files away that are full and of which nothing waits.
    async fn clear(&self, db: &Db) -> Result<(), Error> {
        while let Some(segment) = self.settled() {
            forget(&self.folder, db, &segment.path, segment.id).await?;
            self.state().full.pop_front();
        }
        Ok(())
    }

    fn settled(&self) -> Option<Arc<Segment>> {
        let state = self.state();
        let oldest = state.full.front()?;
        let waits = state.waiting.front().is_some_and(|(of, _)| Arc::ptr_eq(of, oldest));
        (!waits).then(|| Arc::clone(oldest))
    }
}

/// Records what former processes left in a folder, and takes their files away.
pub(super) async fn catch_up(folder: &Arc<Folder>, path: &Path, db: &Db) -> Result<(), Error> {
    let there = Arc::clone(folder);
    let (done, reads) = on_disk(path, move || Ok::<_, Error>((there.done()?, there.reads()?))).await??;
    for aside in done {
        let looked_at = aside.clone();
        let id = on_disk(&aside, move || file::id(&looked_at)).await?;
        if let Some(id) = id.map_err(|cause| file::unusable(&aside, &cause))? {
            forget_row(db, id).await?;
        }
        remove(folder, &aside).await?;
    }
    for path in reads {
        let read = path.clone();
        let Found { id, frames } = on_disk(&path, move || file::read(&read)).await??;
        let kept: Vec<Arc<Kept>> = frames
            .iter()
            .map(|(number, body)| understood(&path, *number, body).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let mut recorded = 0;
        for group in kept.chunks(TOGETHER) {
            recorded += record(folder, db, Source { id, path: &path }, group.to_vec()).await?;
        }
        if recorded > 0 {
            tracing::info!(
                recorded,
                "{recorded} reads that a former process left in the journal are recorded"
            );
        }
        forget(folder, db, &path, id).await?;
    }
    Ok(())
}

/// A frame that was found.
fn understood(path: &Path, number: i64, body: &[u8]) -> Result<Kept, Error> {
    let record: Record = serde_json::from_slice(body).map_err(|cause| Error::Journal {
        place: path.display().to_string(),
        sentence: format!(
            "this version does not understand its frame {number} ({cause}); start the version that wrote it once more, and stop it in order"
        ),
    })?;
    Ok(Kept { number, octets: body.len(), record })
}

/// Takes a file away of which everything is in the record.
///
/// It is renamed before its row goes, and goes after it: were the row gone while the file is read at a start, everything in it would be
/// recorded once more; were the file gone first, the row would stay for ever.
async fn forget(folder: &Arc<Folder>, db: &Db, path: &Path, id: Id) -> Result<(), Error> {
    let (there, moved) = (Arc::clone(folder), path.to_owned());
    let aside = on_disk(path, move || there.set_aside(&moved)).await?;
    let aside = aside.map_err(|cause| file::unusable(path, &cause))?;
    forget_row(db, id).await?;
    remove(folder, &aside).await
}

async fn forget_row(db: &Db, id: Id) -> Result<(), Error> {
    db.write(move |tx: &mut Tx| Box::pin(async move { reads_journals::forget(tx, &id.to_string()).await }))
        .await
}

async fn remove(folder: &Arc<Folder>, aside: &Path) -> Result<(), Error> {
    let (there, gone) = (Arc::clone(folder), aside.to_owned());
    let removed = on_disk(aside, move || there.remove(&gone)).await?;
    removed.map_err(|cause| file::unusable(aside, &cause))
}
