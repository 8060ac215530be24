//! Where serials stand, read from the database for many questions at once.
//!
//! Each question about a serial is read for after it came, never from memory; those that come while a read is under way
//! share the next one. That is one statement for up to [`MOST`] questions, where each cost a hand-over to the database.

use platform::db::{self, Db};
use tokio::sync::{mpsc, oneshot};

use crate::serial::Serial;
use crate::store::standings::{self, Row};

/// About how many serials one statement asks.
const MOST: usize = 64;
/// How many questions may wait; who finds no place is told to come later.
const WAITING: usize = 4_096;

/// The way to the task that reads. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Reader {
    questions: mpsc::Sender<Asked>,
}

struct Asked {
    serial: Serial,
    reply: oneshot::Sender<Option<Row>>,
}

impl Reader {
    /// Starts to read from this database.
    pub(super) fn start(db: &Db) -> Reader {
        let (questions, asked) = mpsc::channel(WAITING);
        tokio::spawn(read(db.clone(), asked));
        Reader { questions }
    }

    /// The row of a serial as it is now, if there is one.
    pub(super) async fn row(&self, serial: Serial) -> Result<Option<Row>, db::Error> {
        let (reply, answer) = oneshot::channel();
        match self.questions.try_send(Asked { serial, reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(db::Error::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(db::Error::Closed),
        }
        // The task drops what it could not answer, and has logged why.
        answer.await.map_err(|_| db::Error::Unavailable { reason: "the status could not be read".to_owned() })
    }
}

async fn read(db: Db, mut asked: mpsc::Receiver<Asked>) {
    let mut group = Vec::with_capacity(MOST);
    while asked.recv_many(&mut group, MOST).await > 0 {
        let serials: Vec<Serial> = group.iter().map(|one| one.serial).collect();
        match standings::rows(db.read(), &serials).await {
            Ok(rows) => {
                for Asked { serial, reply } in group.drain(..) {
                    // Whoever has gone does not mind.
                    let _gone = reply.send(rows.get(&serial).cloned());
                }
            }
            // One row that cannot be read is no reason to leave its neighbours without an answer.
            Err(db::Error::Corrupt { .. }) if group.len() > 1 => {
                for Asked { serial, reply } in group.drain(..) {
                    match standings::rows(db.read(), &[serial]).await {
                        Ok(rows) => drop(reply.send(rows.get(&serial).cloned())),
                        Err(error) => told(&error),
                    }
                }
            }
            Err(error) => {
                told(&error);
                group.clear();
            }
        }
    }
}

fn told(error: &db::Error) {
    tracing::warn!(%error, "the status of certificates could not be read: {error}");
}
