//! Answers that are kept until they age, and one signing at a time for each question.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use platform::clock::Millis;
use tokio::sync::watch;

use super::Standing;

/// A signed answer about one certificate.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) octets: bytes::Bytes,
    /// SHA-256 of the octets in hexadecimal, quoted.
    pub(crate) etag: String,
    pub(crate) this_update: Millis,
    pub(crate) next_update: Millis,
    /// Of the responder that signed it.
    pub(super) generation: i64,
    pub(super) standing: Standing,
    /// The count of changes at which the standing was last seen to be this.
    pub(super) seen: AtomicI64,
}

impl Kept {
    /// Whether nothing has changed since the standing was seen.
    pub(super) fn is_as_of(&self, changes: i64) -> bool {
        self.seen.load(Ordering::Acquire) >= changes
    }

    /// The standing was seen to be the same at this count.
    pub(super) fn seen_at(&self, changes: i64) {
        self.seen.fetch_max(changes, Ordering::AcqRel);
    }
}

/// Where an answer that is being signed will be told.
type Waiting = watch::Receiver<Option<Arc<Kept>>>;

/// The kept answers by question. Bounded: the one not asked for longest goes first.
pub(super) struct Shelf {
    answers: Mutex<LruCache<Box<[u8]>, Arc<Kept>>>,
    /// Who is signing which answer, for others who ask the same.
    flights: Mutex<HashMap<Box<[u8]>, Waiting>>,
}

/// What to do about a question that nothing is kept for.
pub(super) enum Seat {
    /// Sign, and land.
    Pilot(Flight),
    /// Somebody does it already.
    Passenger(Waiting),
}

impl Shelf {
    pub(super) fn new(most: NonZeroUsize) -> Arc<Shelf> {
        Arc::new(Shelf { answers: Mutex::new(LruCache::new(most)), flights: Mutex::default() })
    }

    pub(super) fn find(&self, id: &[u8]) -> Option<Arc<Kept>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn kept(&self) -> usize {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn keep(&self, id: &[u8], kept: Arc<Kept>) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).put(id.into(), kept);
    }

    /// The one who signs this answer, or a place to wait for him.
    pub(super) fn board(self: &Arc<Self>, id: &[u8]) -> Seat {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = flights.get(id) {
            return Seat::Passenger(waiting.clone());
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(id.into(), receiver);
        Seat::Pilot(Flight { shelf: Arc::clone(self), id: id.into(), sender })
    }
}

/// The duty to sign one answer. When it is dropped without having landed, who waits tries himself.
pub(super) struct Flight {
    shelf: Arc<Shelf>,
    id: Box<[u8]>,
    sender: watch::Sender<Option<Arc<Kept>>>,
}

impl Flight {
    /// Gives the answer to everybody who waits.
    pub(super) fn land(self, kept: &Arc<Kept>) {
        self.sender.send_replace(Some(Arc::clone(kept)));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.shelf.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
