//! Rows of several requests in one transaction with few statements: what comes while one group is being written
//! goes into the next. Whoever is alone waits for nothing. A group that is small waits a moment for those who have said that they are coming,
//! [`Together::coming`], since a COMMIT costs what many rows cost.
//!
//! A group is written as if nothing in it were out of the ordinary. When something is, a request that came before or a
//! key that is known, the whole of it is undone and each row is written by itself. So one row never fails another.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Db, Error, Tx};

/// How many rows a group holds at most.
const MOST: usize = 64;
/// A group of so many rows waits for no more, and one of fewer so long at most.
const ENOUGH: usize = 16;
const A_MOMENT: Duration = Duration::from_millis(10);
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
    expected: Arc<Expected>,
}

/// Who has said that they are coming. The last one who comes, or goes without a row, wakes the writer: it waits for nobody then.
#[derive(Default)]
struct Expected {
    count: AtomicUsize,
    nobody: Notify,
}

impl Expected {
    fn one_more(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn one_less(&self) {
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Kept where the writer does not wait just now, which looks at the count again.
            self.nobody.notify_one();
        }
    }

    fn is_anybody(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }
}

/// Somebody who is about to write a row; dropped, they are not.
pub struct Coming<'t, R: Row> {
    together: &'t Together<R>,
}

impl<R: Row> Coming<'_, R> {
    /// Writes the row. When this returns `Ok` it is durable.
    pub async fn write(self, row: R) -> Result<R::Answer, R::Error> {
        let written = self.together.begin(row)?;
        // There: nobody waits for them any more.
        drop(self);
        written.await
    }
}

impl<R: Row> Drop for Coming<'_, R> {
    fn drop(&mut self) {
        self.together.expected.one_less();
    }
}

struct Waiting<R: Row> {
    row: Arc<R>,
    reply: oneshot::Sender<Result<R::Answer, R::Error>>,
}

impl<R: Row> Together<R> {
    /// Starts to write into this database.
    pub fn start(db: &Db) -> Together<R> {
        let (rows, waiting) = mpsc::channel(WAITING);
        let expected = Arc::new(Expected::default());
        tokio::spawn(work(db.clone(), waiting, Arc::clone(&expected)));
        Together { rows, expected }
    }

    /// Says that a row is coming, before what it needs is there: a group that is small waits for it a moment.
    pub fn coming(&self) -> Coming<'_, R> {
        self.expected.one_more();
        Coming { together: self }
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

async fn work<R: Row>(db: Db, mut waiting: mpsc::Receiver<Waiting<R>>, expected: Arc<Expected>) {
    let mut group = Vec::with_capacity(MOST);
    while gathered(&mut waiting, &mut group, &expected, A_MOMENT).await {
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

/// Takes what waits and, where that is little, what comes within a moment; false when nothing comes any more.
async fn gathered<R: Row>(
    waiting: &mut mpsc::Receiver<Waiting<R>>,
    group: &mut Vec<Waiting<R>>,
    expected: &Expected,
    a_moment: Duration,
) -> bool {
    if waiting.recv_many(group, MOST).await == 0 {
        return false;
    }
    let until = Instant::now() + a_moment;
    while group.len() < ENOUGH && expected.is_anybody() {
        let room = MOST - group.len();
        tokio::select! {
            biased;
            // Nothing is lost where the other is first: rows that were not taken stay.
            more = timeout_at(until, waiting.recv_many(group, room)) => {
                if !matches!(more, Ok(1..)) {
                    break;
                }
            }
            () = expected.nobody.notified() => {}
        }
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;

    const NO_END: Duration = Duration::from_mins(1);

    /// Nothing is written of it here.
    struct Nothing;

    impl Row for Nothing {
        type Answer = ();
        type Error = Error;

        async fn write(&self, _: &mut Tx) -> Result<(), Error> {
            Ok(())
        }

        async fn write_all(rows: &[Arc<Self>], _: &mut Tx) -> Result<Vec<()>, Undone> {
            Ok(vec![(); rows.len()])
        }
    }

    fn row() -> Waiting<Nothing> {
        Waiting { row: Arc::new(Nothing), reply: oneshot::channel().0 }
    }

    /// How many rows a group holds when so many wait and so many are said to be coming.
    async fn group_of(waits: usize, coming: usize, a_moment: Duration) -> usize {
        let (rows, mut waiting) = mpsc::channel(WAITING);
        for _ in 0..waits {
            assert!(rows.send(row()).await.is_ok());
        }
        let mut group = Vec::new();
        let expected = Expected { count: AtomicUsize::new(coming), nobody: Notify::new() };
        assert!(gathered(&mut waiting, &mut group, &expected, a_moment).await);
        group.len()
    }

    /// Whoever is alone is written at once, and so is a group that is large, whoever else is coming; nobody is waited for longer than a moment.
    #[tokio::test]
    async fn nobody_waits_for_nothing() {
        assert_eq!(group_of(1, 0, NO_END).await, 1);
        assert_eq!(group_of(3, 0, NO_END).await, 3);
        assert_eq!(group_of(ENOUGH, 9, NO_END).await, ENOUGH);
        assert_eq!(group_of(2 * MOST, 9, NO_END).await, MOST);
        assert_eq!(group_of(1, 1, Duration::from_millis(1)).await, 1);
    }

    /// Whoever said that they are coming is waited for, and nobody after them.
    #[tokio::test]
    async fn a_small_group_waits_for_whoever_is_coming() {
        let (rows, mut waiting) = mpsc::channel(WAITING);
        let expected = Expected { count: AtomicUsize::new(2), nobody: Notify::new() };
        let mut group = Vec::new();
        let come = async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
                assert!(rows.send(row()).await.is_ok());
                expected.one_less();
            }
            assert!(rows.send(row()).await.is_ok());
        };
        assert!(rows.send(row()).await.is_ok());
        let (more, ()) = tokio::join!(gathered(&mut waiting, &mut group, &expected, NO_END), come);
        assert!(more && group.len() >= 3, "{}", group.len());
        drop(rows);
        while gathered(&mut waiting, &mut group, &expected, NO_END).await {}
        assert_eq!(group.len(), 4);
    }

    /// Nobody is waited for who said that they are coming and went without a row, however they went; others who are coming still are.
    #[tokio::test]
    async fn whoever_goes_without_a_row_is_not_waited_for() {
        let (rows, mut waiting) = mpsc::channel(WAITING);
        let together = Together::<Nothing> { rows, expected: Arc::default() };
        let mut group = Vec::new();
        for others in 0..2 {
            let goes = together.coming();
            let comes: Vec<_> = (0..others).map(|_| together.coming()).collect();
            assert!(together.rows.send(row()).await.is_ok());
            let go = async {
                tokio::task::yield_now().await;
                drop(goes);
                for one in comes {
                    tokio::task::yield_now().await;
                    assert!(together.rows.send(row()).await.is_ok());
                    drop(one);
                }
            };
            let gathering = gathered(&mut waiting, &mut group, &together.expected, NO_END);
            let both = async { tokio::join!(gathering, go).0 };
            assert!(matches!(tokio::time::timeout(NO_END / 6, both).await, Ok(true)), "{others}");
            assert_eq!(group.drain(..).count(), 1 + others);
        }
    }
}
