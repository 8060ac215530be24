//! How many status changes there were, as of a moment after the question came: one read for all that wait.

use std::sync::atomic::{AtomicU64, Ordering};

use platform::db::{self, Db};
use tokio::sync::{Mutex, MutexGuard, watch};

use crate::store::standings;

/// The counter of changes, read from the database for every answer, and for many answers at once.
///
/// A read that began before a question came may miss a change that was answered before the question was sent, so a
/// question waits for a read that begins after it. Whoever finds no read under way makes the next.
pub(super) struct Changes {
    /// How many reads have begun.
    begun: AtomicU64,
    /// Held by who reads.
    turn: Mutex<()>,
    said: watch::Sender<Said>,
}

/// What a read found; `None` when the database failed.
#[derive(Clone, Copy)]
struct Said {
    number: u64,
    changes: Option<i64>,
}

/// The right to read. Whoever gives it up wakes those who wait, whether he has read or went away.
struct Turn<'a> {
    guard: Option<MutexGuard<'a, ()>>,
    said: &'a watch::Sender<Said>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // First the turn, then the word: who is woken must find it free.
        drop(self.guard.take());
        self.said.send_modify(|_| {});
    }
}

impl Changes {
    pub(super) fn new() -> Changes {
        let said = watch::Sender::new(Said { number: 0, changes: None });
        Changes { begun: AtomicU64::new(0), turn: Mutex::new(()), said }
    }

    /// The count now: every change that was answered before this was called is in it.
    pub(super) async fn now(&self, db: &Db) -> Result<i64, db::Error> {
        let came_after = self.begun.load(Ordering::SeqCst);
        let mut hears = self.said.subscribe();
        loop {
            let Said { number, changes } = *hears.borrow_and_update();
            if number > came_after {
                return changes.ok_or_else(failed);
            }
            match self.turn.try_lock() {
                Ok(guard) => {
                    let _turn = Turn { guard: Some(guard), said: &self.said };
                    return self.read(db).await;
                }
                // The sender lives as long as we do.
                Err(_) => drop(hears.changed().await),
            }
        }
    }

    async fn read(&self, db: &Db) -> Result<i64, db::Error> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let found = standings::changes(db.read()).await;
        self.said.send_modify(|said| *said = Said { number, changes: found.as_ref().ok().copied() });
        found
    }
}

fn failed() -> db::Error {
    db::Error::Unavailable { reason: "the changes could not be read".to_owned() }
}
