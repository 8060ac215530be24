//! How many changes there were and where serials stand, read from the database for many questions at once.
//!
//! Each question is read for after it came, never from memory; those that come while a read is under way share the next
//! one. That is one statement for up to [`MOST`] questions, where each cost a hand-over to the database.

use platform::db::{self, Db};
use tokio::sync::{mpsc, oneshot};

use crate::serial::Serial;
use crate::store::standings::{self, Row};

/// How many questions one statement answers.
const MOST: usize = 64;
/// How many questions may wait; who finds no place is told to come later.
const WAITING: usize = 4_096;

/// The way to the task that reads. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Reader {
    questions: mpsc::Sender<Asked>,
}

struct Asked {
    /// Absent when only the count of changes is asked for.
    serial: Option<Serial>,
    reply: oneshot::Sender<Result<Found, db::Error>>,
}

/// What a question found.
struct Found {
    changes: i64,
    row: Option<Row>,
}

impl Reader {
    /// Starts to read from this database.
    pub(super) fn start(db: &Db) -> Reader {
        let (questions, asked) = mpsc::channel(WAITING);
        tokio::spawn(read(db.clone(), asked));
        Reader { questions }
    }

    /// The count of changes now: every one that was answered before this was called is in it.
    pub(super) async fn changes(&self) -> Result<i64, db::Error> {
        Ok(self.ask(None).await?.changes)
    }

    /// The row of a serial as it is now, if there is one.
    pub(super) async fn row(&self, serial: Serial) -> Result<Option<Row>, db::Error> {
        Ok(self.ask(Some(serial)).await?.row)
    }

    async fn ask(&self, serial: Option<Serial>) -> Result<Found, db::Error> {
        let (reply, answer) = oneshot::channel();
        self.questions.try_send(Asked { serial, reply }).map_err(|error| full(&error))?;
        // The task drops what it could not answer, and has logged why.
        answer.await.unwrap_or_else(|_| Err(unread()))
    }
}

/// Why a queue in front of the database took no more.
pub(super) fn full<T>(error: &mpsc::error::TrySendError<T>) -> db::Error {
    match error {
        mpsc::error::TrySendError::Full(_) => db::Error::Busy,
        mpsc::error::TrySendError::Closed(_) => db::Error::Closed,
    }
}

fn unread() -> db::Error {
    db::Error::Unavailable { reason: "the status could not be read".to_owned() }
}

async fn read(db: Db, mut asked: mpsc::Receiver<Asked>) {
    let mut group = Vec::with_capacity(MOST);
    while asked.recv_many(&mut group, MOST).await > 0 {
        let serials: Vec<Serial> = group.iter().filter_map(|one: &Asked| one.serial).collect();
        match standings::look(db.read(), &serials).await {
            Ok(seen) => {
                for Asked { serial, reply } in group.drain(..) {
                    let row = serial.map_or(Ok(None), |serial| seen.row(&serial).map(Option::<&Row>::cloned));
                    // Whoever has gone does not mind.
                    let _gone = reply.send(row.map(|row| Found { changes: seen.changes, row }));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the status of certificates could not be read: {error}");
                group.clear();
            }
        }
    }
}
