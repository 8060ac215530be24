//! Who fetches the keys of a relying party in this process, and who waits for that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform::id::ClientId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use crate::outward::CALL;

/// How many key sets are fetched at the same time.
const FETCHES: usize = 8;
/// How many may wait for one that is under way.
const WAITING: usize = 2;
/// How long whoever wants to fetch waits for a place.
const PATIENCE: Duration = Duration::from_secs(2);

/// Key sets that are being fetched.
pub(crate) struct Fetching {
    places: Semaphore,
    /// Held only for a look-up or a change, never across an await.
    under_way: Mutex<HashMap<ClientId, Flight>>,
}

#[derive(Clone)]
struct Flight {
    done: watch::Receiver<()>,
    waiting: Arc<Semaphore>,
}

/// What somebody who misses a key is to do.
pub(crate) enum Joined<'f> {
    /// Fetch the set: nobody does.
    Turn(Turn<'f>),
    /// Wait for whoever does.
    Wait(Place),
    /// Neither: enough wait already.
    Full,
}

/// The turn to fetch the keys of one client. Whoever waits goes on when it is dropped.
pub(crate) struct Turn<'f> {
    fetching: &'f Fetching,
    client: ClientId,
    _done: watch::Sender<()>,
}

/// A place among those who wait.
pub(crate) struct Place {
    done: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

impl Default for Fetching {
    fn default() -> Self {
        Self { places: Semaphore::new(FETCHES), under_way: Mutex::default() }
    }
}

impl Fetching {
    /// Joins those who miss a key of a client.
    pub(crate) fn join(&self, client: &ClientId) -> Joined<'_> {
        let mut under_way = self.under_way();
        if let Some(flight) = under_way.get(client) {
            return match Arc::clone(&flight.waiting).try_acquire_owned() {
                Ok(permit) => Joined::Wait(Place { done: flight.done.clone(), _permit: permit }),
                Err(_) => Joined::Full,
            };
        }
        let (sender, done) = watch::channel(());
        under_way.insert(client.clone(), Flight { done, waiting: Arc::new(Semaphore::new(WAITING)) });
        Joined::Turn(Turn { fetching: self, client: client.clone(), _done: sender })
    }

    /// A place to fetch in; none if there is none for a while.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(PATIENCE, self.places.acquire()).await.ok()?.ok()
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<ClientId, Flight>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.fetching.under_way().remove(&self.client);
    }
}

impl Place {
    /// Waits until the set was fetched or could not be.
    pub(crate) async fn until_done(mut self) {
        // Either it is done, which the dropped sender says, or it has taken longer than it may.
        let _ = tokio::time::timeout(PATIENCE + CALL, self.done.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One fetches, two wait for it and go on when it is done, and whoever comes beyond is turned away; others are not concerned.
    #[tokio::test]
    async fn few_wait() {
        let fetching = Fetching::default();
        let (slow, other): (ClientId, ClientId) = ("slow".parse().unwrap(), "other".parse().unwrap());
        let Joined::Turn(turn) = fetching.join(&slow) else { panic!("nobody fetches") };
        let Joined::Wait(one) = fetching.join(&slow) else { panic!("nobody waits") };
        let Joined::Wait(two) = fetching.join(&slow) else { panic!("one waits") };
        assert!(matches!(fetching.join(&slow), Joined::Full));
        assert!(matches!(fetching.join(&other), Joined::Turn(_)));
        drop(turn);
        tokio::join!(one.until_done(), two.until_done());
        assert!(matches!(fetching.join(&slow), Joined::Turn(_)));
    }
}
