//! How many connections one address and one caller have, and how much one caller asks.
//!
//! A connection takes memory before it is known whose it is. Whoever has one address must not take the places of all others, and
//! whoever has not shown who they are has few, and those not for long. Whoever is known has as many from all their addresses together.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ldap3_proto::proto::LdapResultCode as Code;
use platform::caller::{Caller, CallerKind};
use platform::id::ClientId;
use platform::web::{Limiter, PeerAddress, Rate};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::answer::Refusal;
use super::who::Who;

/// How much one caller puts in order at the same time, over all their connections.
const SORTS_EACH: usize = 2;

/// Counts connections, by address or by caller.
pub(super) struct Crowd<K> {
    most: usize,
    here: Arc<Here<K>>,
}

/// The counts; nobody stays with none. Held for a look-up only.
struct Here<K>(Mutex<HashMap<K, usize>>);

/// A place of somebody; dropping it gives it back.
pub(super) struct Seat<K: Eq + Hash> {
    here: Arc<Here<K>>,
    whose: K,
}

impl<K: Clone + Eq + Hash> Crowd<K> {
    /// With so many places for each.
    pub(super) fn new(most: usize) -> Self {
        Self { most, here: Arc::new(Here(Mutex::default())) }
    }

    /// A place, if there is one left for whose it is.
    pub(super) fn seat(&self, whose: K) -> Option<Seat<K>> {
        let mut here = self.here.lock();
        let count = here.entry(whose.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { here: Arc::clone(&self.here), whose })
    }
}

impl<K> Here<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Seat<K> {
    /// Whose it is.
    pub(super) fn whose(&self) -> &K {
        &self.whose
    }
}

impl<K: Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut here = self.here.lock();
        match here.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(here.remove(&self.whose)),
        }
    }
}

/// Places for what is put in order: those of the server, and few of each caller, who otherwise would take them all.
pub(super) struct Sorts {
    all: Arc<Semaphore>,
    /// Of those who put something in order, or wait for it. Held for a look-up only.
    own: Mutex<HashMap<Counted, Weak<Semaphore>>>,
}

/// A place to put something in order; dropping it gives it back.
pub(super) struct SortPlace {
    _server: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Sorts {
    /// With so many places in all.
    pub(super) fn new(all: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), own: Mutex::default() }
    }

    /// A place for a caller, as soon as there is one. Whoever has their own share waits for themselves, and not before others.
    pub(super) async fn place(&self, caller: Counted) -> Result<SortPlace, Refusal> {
        let closed =
            |_closed: AcquireError| Refusal::new(Code::Unavailable, "The server stops. Connect again.");
        let own = self.own(caller).acquire_owned().await.map_err(closed)?;
        let server = Arc::clone(&self.all).acquire_owned().await.map_err(closed)?;
        Ok(SortPlace { _server: server, _own: own })
    }

    fn own(&self, caller: Counted) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = own.get(&caller).and_then(Weak::upgrade) {
            return places;
        }
        own.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(SORTS_EACH));
        own.insert(caller, Arc::downgrade(&places));
        places
    }
}

/// How often may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// By each client, each person and each account.
    pub known: Rate,
    /// From each address by those who are not known.
    pub strangers: Rate,
}

/// Whose requests and connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Client(ClientId),
    /// People with a certificate of their own share one client.
    Person(String),
    Account(String),
    Address(IpAddr),
}

impl Counted {
    /// As whom somebody is counted; those who are not known by their address.
    pub(super) fn new(who: &Who, address: PeerAddress) -> Self {
        match who {
            Who::Stranger(_) | Who::Undecided(_) => Self::Address(address.counted()),
            Who::Transport(caller) | Who::Certified(caller) => of(caller),
            Who::Account(account) => Self::Account(account.name.clone()),
        }
    }

    /// Whether somebody is counted so.
    pub(super) fn is(&self, who: &Who, address: PeerAddress) -> bool {
        match (self, who) {
            (Self::Address(own), Who::Stranger(_) | Who::Undecided(_)) => *own == address.counted(),
            (Self::Account(own), Who::Account(account)) => *own == account.name,
            (Self::Person(own), Who::Transport(caller) | Who::Certified(caller)) => {
                caller.kind == CallerKind::Person && *own == caller.subject
            }
            (Self::Client(own), Who::Transport(caller) | Who::Certified(caller)) => {
                caller.kind != CallerKind::Person && *own == caller.client
            }
            _ => false,
        }
    }
}

/// Counts requests.
pub(super) struct Counts {
    known: Limiter<Counted>,
    strangers: Limiter<Counted>,
}

impl Counts {
    /// Counts from now on.
    pub(super) fn new(rates: Rates) -> Self {
        Self { known: Limiter::new(rates.known), strangers: Limiter::new(rates.strangers) }
    }

    /// Counts one request more, or refuses it. Of whom it cannot be found out who they are takes nothing from the strangers of their
    /// address.
    pub(super) fn count(&self, who: &Who, address: PeerAddress) -> Result<(), Refusal> {
        let limiter = if who.is_stranger() { &self.strangers } else { &self.known };
        Self::counted(limiter, &Counted::new(who, address))
    }

    /// The same of somebody who is known.
    pub(super) fn count_known(&self, caller: &Counted) -> Result<(), Refusal> {
        Self::counted(&self.known, caller)
    }

    fn counted(limiter: &Limiter<Counted>, caller: &Counted) -> Result<(), Refusal> {
        limiter.count(caller).map_err(|wait| {
            metrics::counter!("ldap_requests_rate_limited_total").increment(1);
            let seconds = wait.as_secs() + 1;
            Refusal::new(Code::Busy, format!("Too many requests. Ask again in {seconds} s, and less often."))
        })
    }
}

fn of(caller: &Caller) -> Counted {
    match caller.kind {
        CallerKind::Person => Counted::Person(caller.subject.clone()),
        CallerKind::System | CallerKind::Module => Counted::Client(caller.client.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures_util::FutureExt as _;

    use super::*;

    fn address(text: &str) -> PeerAddress {
        PeerAddress(text.parse().unwrap())
    }

    /// Each address has its own places, one that is given back is there for the next, and nothing is kept of who has gone.
    #[test]
    fn addresses_have_their_own_places() {
        let crowd = Crowd::new(2);
        let (one, other) = (address("192.0.2.1:1"), address("192.0.2.2:1"));
        let first = crowd.seat(one.counted()).unwrap();
        let second = crowd.seat(address("192.0.2.1:2").counted()).unwrap();
        assert!(crowd.seat(one.counted()).is_none());
        let third = crowd.seat(other.counted()).unwrap();
        drop(first);
        let fourth = crowd.seat(one.counted()).unwrap();
        assert!(crowd.seat(one.counted()).is_none());
        drop((second, third, fourth));
        assert!(crowd.here.lock().is_empty());
    }

    /// Each caller has a count of their own, and strangers one for their address.
    #[test]
    fn callers_are_counted_apart() {
        let one = |burst| Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(burst).unwrap() };
        let counts = Counts::new(Rates { known: one(2), strangers: one(1) });
        let here = address("192.0.2.1:1");
        let known = |name: &str| {
            let caller = Caller::new(CallerKind::System, name, name.parse().unwrap(), Vec::<String>::new());
            Who::Transport(Box::new(caller))
        };
        let stranger = Who::Stranger(String::new());
        assert!(counts.count(&known("pas"), here).is_ok() && counts.count(&known("pas"), here).is_ok());
        assert_eq!(counts.count(&known("pas"), here).unwrap_err().code, Code::Busy);
        assert!(counts.count(&known("epr"), here).is_ok(), "another one");
        let pas = Counted::new(&known("pas"), here);
        assert!(pas.is(&known("pas"), here) && !pas.is(&known("epr"), here) && !pas.is(&stranger, here));
        assert_eq!(counts.count_known(&pas).unwrap_err().code, Code::Busy, "it is one count");
        assert!(counts.count(&stranger, here).is_ok());
        assert_eq!(counts.count(&stranger, here).unwrap_err().code, Code::Busy);
        assert!(counts.count(&stranger, address("192.0.2.2:1")).is_ok(), "somewhere else");
        let there = address("192.0.2.3:1");
        let undecided = Who::Undecided(Refusal::new(Code::Unavailable, ""));
        assert!(counts.count(&undecided, there).is_ok() && counts.count(&undecided, there).is_ok());
        assert_eq!(counts.count(&undecided, there).unwrap_err().code, Code::Busy);
        assert!(counts.count(&stranger, there).is_ok(), "the strangers there have lost nothing");
    }

    /// Whoever puts much in order waits for themselves, and takes no place that another one could have; nothing is kept of who has gone.
    #[test]
    fn orders_are_shared_out() {
        let sorts = Sorts::new(3);
        let place = |name: &str| sorts.place(Counted::Account(name.to_owned())).now_or_never();
        let first = place("one").unwrap().unwrap();
        let second = place("one").unwrap().unwrap();
        assert!(place("one").is_none());
        let third = place("other").unwrap().unwrap();
        assert!(place("another").is_none(), "all are taken");
        drop(first);
        let fourth = place("one").unwrap().unwrap();
        drop((second, third, fourth));
        drop(place("last").unwrap().unwrap());
        assert_eq!(sorts.own.lock().unwrap().len(), 1);
    }
}
