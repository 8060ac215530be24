//! Rows of several requests in one transaction with few statements: what comes while one group is being written
//! goes into the next, and nobody waits for a timer.
//!
//! A group is written as if nothing in it were out of the ordinary. When something is, a request that came before or a
//! key that is known, the whole of it is undone and each row is written by itself. So one row never fails another.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Db, Error, Tx};

/// How many rows a group holds at most.
const MOST: usize = 64;
/// How many rows may wait; who finds no place is told to come later.
const WAITING: usize = 4_096;

/// What is written once for each request.
pub trait Row: Sized + Send + Sync + 'static {
    /// What the writer tells.
    type Answer: Send + 'static;
    /// Why one is not written.
    type Error: From<Error> + Send + 'static;

    /// Writes it by itself.
    fn write(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;

    /// Writes many of which nothing is out of the ordinary, and answers in their order.
    fn write_all(
        rows: &[Arc<Self>],
        tx: &mut Tx,
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Undone>> + Send;
}

/// Why nothing of a group stands.
pub enum Undone {
    /// A row has to be looked at by itself.
    OneByOne,
    /// The database failed.
    Failed(Error),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Undone {
        // A statement was refused, or panicked, for the sake of one row: it did nothing.
        if error.shared().is_none() { Undone::OneByOne } else { Undone::Failed(error) }
    }
}

/// The way to the task that writes. It ends with the last of these.
pub struct Together<R: Row> {
    rows: mpsc::Sender<Waiting<R>>,
}

struct Waiting<R: Row> {
    row: Arc<R>,
    reply: oneshot::Sender<Result<R::Answer, R::Error>>,
}

impl<R: Row> Together<R> {
    /// Starts to write into this database.
    pub fn start(db: &Db) -> Together<R> {
        let (rows, waiting) = mpsc::channel(WAITING);
        tokio::spawn(work(db.clone(), waiting));
        Together { rows }
    }

    /// Writes a row. When this returns `Ok` it is durable.
    pub async fn write(&self, row: R) -> Result<R::Answer, R::Error> {
        self.begin(row)?.await
    }

    /// The same in two steps: when this returns `Ok` the row waits for its turn, and when what it gives is done it is durable.
    pub fn begin(
        &self,
        row: R,
    ) -> Result<impl Future<Output = Result<R::Answer, R::Error>> + Send + use<R>, R::Error> {
        let (reply, answer) = oneshot::channel();
        match self.rows.try_send(Waiting { row: Arc::new(row), reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(Error::Busy.into()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::Closed.into()),
        }
        Ok(async move { answer.await.unwrap_or_else(|_| Err(Error::Closed.into())) })
    }
}

async fn work<R: Row>(db: Db, mut waiting: mpsc::Receiver<Waiting<R>>) {
    let mut group = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut group, MOST).await > 0 {
        if group.len() == 1
            && let Some(Waiting { row, reply }) = group.pop()
        {
            // Waited for, so that what comes meanwhile is a group.
            let _gone = reply.send(alone(&db, row).await);
            continue;
        }
        let rows: Vec<Arc<R>> = group.iter().map(|one| Arc::clone(&one.row)).collect();
        let written =
            db.write(move |tx: &mut Tx| Box::pin(async move { R::write_all(&rows, tx).await })).await;
        match written {
            Ok(answers) => {
                for (Waiting { reply, .. }, answer) in group.drain(..).zip(answers) {
                    // Whoever has gone does not mind: the row stands.
                    let _gone = reply.send(Ok(answer));
                }
            }
            Err(Undone::OneByOne) => one_by_one(&db, &mut group),
            Err(Undone::Failed(error)) => {
                for Waiting { reply, .. } in group.drain(..) {
                    let _gone = reply.send(Err(error.shared().unwrap_or(Error::Panicked).into()));
                }
            }
        }
    }
}

/// Writes each row by itself, all at the same time.
fn one_by_one<R: Row>(db: &Db, group: &mut Vec<Waiting<R>>) {
    for Waiting { row, reply } in group.drain(..) {
        let db = db.clone();
        tokio::spawn(async move {
            // Whoever has gone does not mind: what is written stands.
            let _gone = reply.send(alone(&db, row).await);
        });
    }
}

async fn alone<R: Row>(db: &Db, row: Arc<R>) -> Result<R::Answer, R::Error> {
    db.write(move |tx: &mut Tx| Box::pin(async move { row.write(tx).await })).await
}
