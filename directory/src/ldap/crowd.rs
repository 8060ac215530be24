//! How many connections one address has, and how much one caller asks.
//!
//! A connection takes memory before it is known whose it is. Whoever has one address must not take the places of all others, and
//! whoever has not shown who they are has few, and those not for long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ldap3_proto::proto::LdapResultCode as Code;
use platform::caller::{Caller, CallerKind};
use platform::id::ClientId;
use platform::web::{Limiter, PeerAddress, Rate};

use super::answer::Refusal;
use super::who::Who;

/// Counts connections by address.
pub(super) struct Crowd {
    most: usize,
    here: Arc<Here>,
}

/// The counts; no address stays with none. Held for a look-up only.
#[derive(Default)]
struct Here(Mutex<HashMap<IpAddr, usize>>);

/// A place of an address; dropping it gives it back.
pub(super) struct Seat {
    here: Arc<Here>,
    address: IpAddr,
}

impl Crowd {
    /// With so many places for each address.
    pub(super) fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    /// A place, if the address has one left.
    pub(super) fn seat(&self, address: PeerAddress) -> Option<Seat> {
        let address = address.counted();
        let mut here = self.here.lock();
        let count = here.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { here: Arc::clone(&self.here), address })
    }
}

impl Here {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut here = self.here.lock();
        match here.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(here.remove(&self.address)),
        }
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

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Client(ClientId),
    /// People with a certificate of their own share one client.
    Person(String),
    Account(String),
    Address(IpAddr),
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

    /// Counts one request more, or refuses it.
    pub(super) fn count(&self, who: &Who, address: PeerAddress) -> Result<(), Refusal> {
        let counted = match who {
            Who::Stranger(_) => self.strangers.count(&Counted::Address(address.counted())),
            Who::Transport(caller) | Who::Certified(caller) => self.known.count(&of(caller)),
            Who::Account(account) => self.known.count(&Counted::Account(account.name.clone())),
        };
        counted.map_err(|wait| {
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

    use super::*;

    fn address(text: &str) -> PeerAddress {
        PeerAddress(text.parse().unwrap())
    }

    /// Each address has its own places, one that is given back is there for the next, and nothing is kept of who has gone.
    #[test]
    fn addresses_have_their_own_places() {
        let crowd = Crowd::new(2);
        let (one, other) = (address("192.0.2.1:1"), address("192.0.2.2:1"));
        let first = crowd.seat(one).unwrap();
        let second = crowd.seat(address("192.0.2.1:2")).unwrap();
        assert!(crowd.seat(one).is_none());
        let third = crowd.seat(other).unwrap();
        drop(first);
        let fourth = crowd.seat(one).unwrap();
        assert!(crowd.seat(one).is_none());
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
        assert!(counts.count(&stranger, here).is_ok());
        assert_eq!(counts.count(&stranger, here).unwrap_err().code, Code::Busy);
        assert!(counts.count(&stranger, address("192.0.2.2:1")).is_ok(), "somewhere else");
    }
}
