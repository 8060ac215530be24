//! Rows that several requests look for at the same time, found with one statement: what is asked while one group is being looked for
//! goes into the next, and nobody waits for a timer.
//!
//! A statement takes a connection from the pool and brings it back, and on PostgreSQL goes over the network, which costs more than finding
//! a row by its key. Whoever asks gets what is there after they asked, as if they had asked alone.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Db, Error, Tx};
use crate::panics::{Panicked, caught};

/// How many are looked for with one statement at most.
const MOST: usize = 64;
/// How long a group may take: by then whoever asked is told to come later.
const AT_LONGEST: Duration = Duration::from_secs(10);
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
        // Requests that have come already are read before, and ask in the same group.
        tokio::task::yield_now().await;
        while group.len() < MOST
            && let Ok(one) = waiting.try_recv()
        {
            group.push(one);
        }
        // Whoever has gone is not looked for.
        let (wanted, replies): (Vec<L>, Vec<_>) = group
            .drain(..)
            .filter(|one: &Waiting<L>| !one.reply.is_closed())
            .map(|Waiting { wanted, reply }| (wanted, reply))
            .unzip();
        if wanted.is_empty() {
            continue;
        }
        let until = Instant::now() + AT_LONGEST;
        match find_all(&db, &wanted, until).await {
            Ok(found) => {
                for (reply, found) in replies.into_iter().zip(found) {
                    let _gone = reply.send(Ok(found));
                }
            }
            Err(Failed::All(error)) => {
                for reply in replies {
                    let _gone = reply.send(Err(error.shared().unwrap_or(Error::Busy).into()));
                }
            }
            // One that cannot be found by itself is nobody else's failure.
            Err(Failed::One(error)) => one_by_one(&db, wanted, replies, error, until).await,
        }
    }
}

/// Why a group was not found.
enum Failed<E> {
    /// The database does not answer: nobody of the group has an answer.
    All(Error),
    /// Something was found that cannot be read.
    One(E),
}

/// How somebody is answered.
type Reply<L> = oneshot::Sender<Result<<L as Lookup>::Found, <L as Lookup>::Error>>;

/// Looks for each by itself, within the time of the group.
async fn one_by_one<L: Lookup>(
    db: &Db,
    wanted: Vec<L>,
    replies: Vec<Reply<L>>,
    error: L::Error,
    until: Instant,
) {
    if wanted.len() == 1 {
        if let Some(reply) = replies.into_iter().next() {
            let _gone = reply.send(Err(error));
        }
        return;
    }
    let mut failed = None;
    for (one, reply) in wanted.iter().zip(replies) {
        if let Some(error) = &failed {
            let _gone = reply.send(Err(Error::shared(error).unwrap_or(Error::Busy).into()));
            continue;
        }
        let _gone = match find_all(db, std::slice::from_ref(one), until).await {
            Ok(found) => reply.send(found.into_iter().next().ok_or_else(|| Error::Closed.into())),
            Err(Failed::One(error)) => reply.send(Err(error)),
            Err(Failed::All(error)) => {
                let told = reply.send(Err(error.shared().unwrap_or(Error::Busy).into()));
                failed = Some(error);
                told
            }
        };
    }
}

async fn find_all<L: Lookup>(
    db: &Db,
    wanted: &[L],
    until: Instant,
) -> Result<Vec<L::Found>, Failed<L::Error>> {
    let look = async {
        let mut tx = db.read().acquire().await.map_err(|error| Failed::All(Error::from(error)))?;
        L::find_all(wanted, &mut tx).await.map_err(Failed::One)
    };
    match timeout_at(until, caught(look)).await {
        Ok(Ok(found)) => found,
        Ok(Err(Panicked)) => Err(Failed::One(Error::Panicked.into())),
        Err(_late) => Err(Failed::All(Error::Busy)),
    }
}
