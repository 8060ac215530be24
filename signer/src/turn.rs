//! One at a time for everybody who shares a key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

use crate::error::Error;
use crate::share::{Sharer, Shares};

type Queues<K> = Arc<Mutex<HashMap<K, Arc<Lock<()>>>>>;

/// Turns taken by those who share a key; other keys do not wait.
///
/// Within one process this makes guesses in parallel pointless (each sees the count of the one before) and lets the
/// duplicate of a request under way wait for its answer instead of using the token again. It is no source of truth:
/// across processes the database decides. The outer lock is held only to look a key up, never while waiting.
///
/// Each client may have so many requests waiting, or one that repeats itself would keep the places of requests under way
/// for itself.
pub(crate) struct Turns<K: Eq + Hash> {
    queues: Queues<K>,
    waiting: Shares,
}

/// How many requests of one client may wait for their turn.
const WAITING: usize = 64;

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Nobody's turn yet.
    pub(crate) fn new() -> Self {
        Self { queues: Queues::default(), waiting: Shares::of(WAITING) }
    }

    /// Waits for this key's turn, first come first served. It lasts until what is returned is dropped.
    pub(crate) async fn take(&self, key: K, who: &Sharer) -> Result<Turn<K>, Error> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(key.clone()).or_default())
        };
        // Made before the wait, so that a caller who gives up waiting also leaves the map as it was.
        let mut turn = Turn { key, queue, guard: None, queues: Arc::clone(&self.queues), waited: false };
        let at_once = Arc::clone(&turn.queue).try_lock_owned();
        turn.guard = Some(if let Ok(guard) = at_once {
            guard
        } else {
            turn.waited = true;
            let _place = self.waiting.take(who)?;
            Arc::clone(&turn.queue).lock_owned().await
        });
        Ok(turn)
    }
}

/// A turn being had.
pub(crate) struct Turn<K: Eq + Hash> {
    key: K,
    queue: Arc<Lock<()>>,
    guard: Option<OwnedMutexGuard<()>>,
    queues: Queues<K>,
    waited: bool,
}

impl<K: Eq + Hash> Turn<K> {
    /// Whether another had its turn before, while this one waited.
    pub(crate) fn waited(&self) -> bool {
        self.waited
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's clone and ours: nobody else waits.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::sharer;

    /// Two of one key wait for each other, another key does not, and nothing stays behind.
    #[tokio::test]
    async fn turns_are_per_key() {
        let (turns, who) = (Turns::new(), sharer("practice-system"));
        let first = turns.take("a", &who).await.unwrap();
        let mut second = Box::pin(turns.take("a", &who));
        assert!(poll(second.as_mut()).is_pending());
        drop(turns.take("b", &who).await);
        drop(first);
        drop(second.await.unwrap());
        let given_up = turns.take("c", &who).await.unwrap();
        drop(Box::pin(turns.take("c", &who)));
        drop(given_up);
        assert!(turns.queues.lock().unwrap().is_empty());
    }

    /// A client that has as many waiting as it may is refused; another one, and one that need not wait, are not.
    #[tokio::test]
    async fn one_client_cannot_fill_the_queue() {
        let (turns, hostile, other) = (Turns::new(), sharer("hostile"), sharer("other"));
        let having = turns.take("a", &hostile).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(turns.take("a", &hostile))).collect();
        assert!(waiting.iter_mut().all(|turn| poll(turn.as_mut()).is_pending()));
        assert!(matches!(turns.take("a", &hostile).await, Err(Error::ShareTaken)));
        drop(turns.take("b", &hostile).await.unwrap());
        let mut second = Box::pin(turns.take("a", &other));
        assert!(poll(second.as_mut()).is_pending());
        drop(waiting);
        drop(having);
        drop(second.await.unwrap());
        assert!(turns.queues.lock().unwrap().is_empty());
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
