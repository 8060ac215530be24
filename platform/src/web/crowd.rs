//! How many bodies one address may be sending at the same time.
//!
//! A request has its place among those in flight from its head on, so that nobody fills memory before the server knows who
//! it is. Whoever sends slowly holds that place for as long as a body may take; a crowd from one address must not hold
//! them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::problem::Problem;

/// Counts bodies that are on their way, by address.
pub(super) struct Crowd {
    most: usize,
    senders: Arc<Senders>,
}

/// The counts; no address stays with none. Held for a look-up only.
#[derive(Default)]
struct Senders(Mutex<HashMap<IpAddr, usize>>);

/// One body on its way; dropped when it has arrived or was given up.
pub(super) struct Sending {
    senders: Arc<Senders>,
    address: IpAddr,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self { most, senders: Arc::default() }
    }

    /// Counts one body more, or refuses it.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Sending, Problem> {
        let mut senders = self.senders.lock();
        let count = senders.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            metrics::counter!("http_bodies_refused_total").increment(1);
            let detail =
                "Too many bodies from this address are still on their way. Send fewer at the same time.";
            return Err(Problem::too_many("too-many-bodies", detail, Duration::from_secs(1)));
        }
        senders.insert(address, count + 1);
        Ok(Sending { senders: Arc::clone(&self.senders), address })
    }
}

impl Senders {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut senders = self.senders.lock();
        match senders.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(senders.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each address has its own count, an ended body makes room for the next, and nothing is kept of who has gone.
    #[test]
    fn addresses_are_counted_apart() {
        let crowd = Crowd::new(2);
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let held = [crowd.enter(one).unwrap(), crowd.enter(one).unwrap()];
        assert_eq!(crowd.enter(one).map(drop).unwrap_err().code, "too-many-bodies");
        let neighbour = crowd.enter(other).unwrap();
        let [first, second] = held;
        drop(first);
        let third = crowd.enter(one).unwrap();
        assert!(crowd.enter(one).is_err());
        drop((second, third, neighbour));
        assert!(crowd.senders.lock().is_empty());
    }
}
