//! Rows that several requests look for at the same time, found with one statement: what is asked while one group is being looked for
//! goes into the next, and nobody waits for a timer.
//!
//! A statement is handed to a thread of its own on SQLite and goes over a connection on PostgreSQL, and both cost more than finding a
//! row by its key. Whoever asks gets what is there after they asked, as if they had asked alone.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use super::{Db, Error, Tx};
use crate::panics::{Panicked, caught};

/// How many are looked for with one statement at most.
const MOST: usize = 64;
/// How many questions may wait; who finds no place is told to come later.
const WAITING: usize = 4_096;

/// What is looked for by a key.
pub trait Lookup: Sized + Send + Sync + 'static {
    /// What there is.
    type Found: Send + 'static;
    /// Why it could not be looked for.
    type Error: From<Error> + Send + 'static;

    /// Finds each of these, and answers in their order. The same may be there twice.
    fn find_all(
        wanted: &[Self],
        tx: &mut Tx,
    ) -> impl Future<Output = Result<Vec<Self::Found>, Self::Error>> + Send;
}

/// The way to the task that looks. It ends with the last of these.
pub struct Looking<L: Lookup> {
    wanted: mpsc::Sender<Waiting<L>>,
}

struct Waiting<L: Lookup> {
    wanted: L,
    reply: oneshot::Sender<Result<L::Found, L::Error>>,
}

impl<L: Lookup> Looking<L> {
    /// Starts to look in this database.
    pub fn start(db: &Db) -> Self {
        let (wanted, waiting) = mpsc::channel(WAITING);
        tokio::spawn(work(db.clone(), waiting));
        Self { wanted }
    }

    /// What there is now.
    pub async fn find(&self, wanted: L) -> Result<L::Found, L::Error> {
        let (reply, found) = oneshot::channel();
        match self.wanted.try_send(Waiting { wanted, reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(Error::Busy.into()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::Closed.into()),
        }
        found.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }
}

async fn work<L: Lookup>(db: Db, mut waiting: mpsc::Receiver<Waiting<L>>) {
    let mut group = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut group, MOST).await > 0 {
        // Whoever has gone is not looked for.
        let (wanted, replies): (Vec<L>, Vec<_>) = group
            .drain(..)
            .filter(|one: &Waiting<L>| !one.reply.is_closed())
            .map(|Waiting { wanted, reply }| (wanted, reply))
            .unzip();
        match find_all(&db, &wanted).await {
            Ok(found) => {
                for (reply, found) in replies.into_iter().zip(found) {
                    let _gone = reply.send(Ok(found));
                }
            }
            // One that cannot be found by itself is nobody else's failure.
            Err(_) => {
                for (one, reply) in wanted.iter().zip(replies) {
                    let _gone = reply.send(alone(&db, one).await);
                }
            }
        }
    }
}

async fn find_all<L: Lookup>(db: &Db, wanted: &[L]) -> Result<Vec<L::Found>, L::Error> {
    let look = async {
        let mut tx = db.read().acquire().await.map_err(Error::from)?;
        L::find_all(wanted, &mut tx).await
    };
    caught(look).await.unwrap_or_else(|Panicked| Err(Error::Panicked.into()))
}

async fn alone<L: Lookup>(db: &Db, wanted: &L) -> Result<L::Found, L::Error> {
    let found = find_all(db, std::slice::from_ref(wanted)).await?;
    found.into_iter().next().ok_or_else(|| Error::Closed.into())
}
