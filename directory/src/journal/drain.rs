//! What is in the journal comes into the record: in order, many reads in one transaction, each once.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform::db::{Db, Tx};

use super::file::{self, Folder, Found, Segment};
use super::frame::Id;
use super::together::together;
use super::{Journal, Kept, failed, new_id, on_disk};
use crate::error::Error;
use crate::showing::Record;
use crate::store::reads_journals;

/// How many reads are recorded in one transaction at most.
const TOGETHER: usize = 500;
/// How long is waited for more of them: each transaction costs the disk of the database a turn, which other writes wait for.
const GATHER: Duration = Duration::from_millis(20);
/// How long is waited before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Journal {
    /// Records what waits, and what comes. Stopping it anywhere loses nothing: what is not recorded is in the files.
    pub(super) async fn keep_recording(&self, db: &Db) {
        loop {
            self.more.notified().await;
            tokio::time::sleep(GATHER).await;
            self.work_off(db).await;
        }
    }

    /// Records until nothing waits.
    async fn work_off(&self, db: &Db) {
        loop {
            let done = self.step(db).await;
            let waiting = u32::try_from(self.state().waiting.len()).unwrap_or(u32::MAX);
            metrics::gauge!("directory_reads_waiting").set(f64::from(waiting));
            match done {
                Ok(0) => return,
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
    pub(super) async fn step(&self, db: &Db) -> Result<usize, Error> {
        self.secure().await;
        let Some((segment, group)) = self.oldest() else {
            self.clear(db).await?;
            return Ok(0);
        };
        let many = group.len();
        record(db, segment.id, group).await?;
        self.passed(many);
        self.clear(db).await?;
        Ok(many)
    }

    /// Has the disk take what is written until here, so that a loss of power costs no more than what comes until the next turn, and
    /// exchanges the file when it is time. What fails here stops nobody from being recorded.
    pub(super) async fn secure(&self) {
        let (segment, due) = {
            let state = self.state();
            (Arc::clone(&state.end.segment), state.end.broken || state.end.octets > self.bounds.file)
        };
        if due && let Err(error) = self.exchange(&segment.path).await {
            failed("exchange");
            tracing::error!(%error, "the file of the journal of reads could not be exchanged: {error}");
        }
        let syncing = Arc::clone(&segment);
        let synced = on_disk(&segment.path, move || syncing.sync()).await;
        let synced = synced.and_then(|done| done.map_err(|cause| file::unusable(&segment.path, &cause)));
        if let Err(error) = synced {
            failed("sync");
            tracing::error!(%error, "the disk did not take the journal of reads: {error}");
            let mut state = self.state();
            // What the kernel could not write it may have forgotten: nothing more is entrusted to this file.
            if Arc::ptr_eq(&state.end.segment, &segment) {
                state.end.broken = true;
            }
        }
    }

    /// Begins another file. The one before is taken away when everything in it is recorded.
    async fn exchange(&self, before: &Path) -> Result<(), Error> {
        let (folder, id) = (Arc::clone(&self.folder), new_id()?);
        let end = on_disk(before, move || folder.create(id)).await?;
        let end = end.map_err(|cause| file::unusable(before, &cause))?;
        let mut state = self.state();
        let full = std::mem::replace(&mut state.end, end);
        state.full.push_back(full.segment);
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

/// An error with its causes.
fn whole(error: &Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
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
            recorded += record(db, id, group.to_vec()).await?;
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

/// Records reads of one file that are not in the record yet; how many that were.
///
/// Up to which frame that is stands in the same transaction. So whatever is tried again, by this process or one that comes after it, is
/// recorded once: a process that ends before the COMMIT has recorded nothing, and one that ends after it is told so by the row.
async fn record(db: &Db, id: Id, group: Vec<Arc<Kept>>) -> Result<usize, Error> {
    db.write(move |tx: &mut Tx| {
        Box::pin(async move {
            let journal = id.to_string();
            let recorded_to = reads_journals::recorded_to(tx, &journal).await?;
            let new = group.iter().filter(|kept| kept.number > recorded_to);
            let many = new.clone().count();
            let Some(last) = group.last().filter(|_| many > 0) else { return Ok(0) };
            audit::record_each(tx, &together(new)).await?;
            reads_journals::record_to(tx, &journal, last.number).await?;
            Ok(many)
        })
    })
    .await
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
