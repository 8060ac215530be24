//! The end of the change feed, as every connection of a server that follows it watches it.
//!
//! One task asks the database, and only while somebody follows: changes are written by other nodes too.

use std::sync::Arc;
use std::time::Duration;

use ldap3_proto::proto::LdapResultCode as Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::answer::Refusal;
use crate::register::Register;
use crate::touched::kept;

/// How often it is asked whether there is something new.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The end of the feed, and the places of those who follow it.
pub(super) struct Tail {
    number: watch::Sender<u64>,
    places: Arc<Semaphore>,
}

/// Places of one who follows: one of the server's and one of the connection's. Dropping it gives both back.
pub(super) struct Place {
    _server: OwnedSemaphorePermit,
    _connection: OwnedSemaphorePermit,
}

impl Tail {
    /// With so many places.
    pub(super) fn new(places: usize) -> Self {
        Self { number: watch::Sender::new(0), places: Arc::new(Semaphore::new(places)) }
    }

    /// A place for somebody who follows over a connection that has these places.
    pub(super) fn place(&self, connection: &Arc<Semaphore>) -> Result<Place, Refusal> {
        let of = |places: &Arc<Semaphore>, sentence: &str| {
            Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::new(Code::Busy, sentence))
        };
        let own = of(
            connection,
            "Too much is followed over this connection. Abandon something, or use another one.",
        )?;
        let server = of(
            &self.places,
            "Too many follow the directory over this server. Try again later, or another one.",
        )?;
        Ok(Place { _server: server, _connection: own })
    }

    /// The number of the last change, as it grows.
    pub(super) fn watched(&self) -> watch::Receiver<u64> {
        self.number.subscribe()
    }

    /// Asks for the number while somebody watches it, until the server stops.
    pub(super) async fn keep(&self, register: &Register, mut stopped: watch::Receiver<bool>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _told = stopped.wait_for(|stop| *stop) => return,
                _ = look.tick() => {}
            }
            if self.number.receiver_count() == 0 {
                continue;
            }
            match kept(register.db.read()).await {
                Ok(kept) => {
                    self.number.send_if_modified(|number| std::mem::replace(number, kept.last) != kept.last);
                }
                // Whoever follows asks again at the next look; a question of their own is answered with what is wrong.
                Err(error) => {
                    tracing::debug!(%error, "the end of the change feed could not be read: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places are bounded for a connection and for the server, and come back.
    #[test]
    fn places_are_bounded() {
        let tail = Tail::new(2);
        let connection = || Arc::new(Semaphore::new(1));
        let (one, other) = (connection(), connection());
        let first = tail.place(&one).ok().unwrap();
        assert_eq!(tail.place(&one).err().unwrap().code, Code::Busy);
        let second = tail.place(&other).ok().unwrap();
        assert_eq!(tail.place(&connection()).err().unwrap().code, Code::Busy);
        drop((first, second));
        assert!(tail.place(&one).is_ok());
    }
}
