//! How many requests one client may make.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::Request;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use serde::Deserialize;

use super::around::{Answer, Onward, Step, refused};
use super::listener::PeerAddress;
use crate::caller::{Caller, CallerKind};
use crate::id::ClientId;
use crate::problem::Problem;

/// So many requests a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many requests a second in the long run.
    pub per_second: NonZeroU32,
    /// How many requests at once after a pause.
    pub burst: NonZeroU32,
}

/// Counts requests by key and refuses what is too much.
pub struct Limiter<K: Hash + Eq + Clone> {
    keys: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    checks: AtomicU32,
}

/// After so many requests the keys that have not been seen for a while are forgotten.
const FORGET_EVERY: u32 = 4096;

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Counts from now on.
    pub fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let checks = AtomicU32::new(0);
        Self { keys: DefaultKeyedRateLimiter::keyed(quota), clock: DefaultClock::default(), checks }
    }

    /// Counts one request more. `Err`: it is too much, and for how long to wait.
    pub fn count(&self, key: &K) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.keys.retain_recent();
        }
        self.keys.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    pub(super) fn check(&self, key: &K) -> Result<(), Problem> {
        self.count(key).map_err(|wait| {
            metrics::counter!("http_requests_rate_limited_total").increment(1);
            Problem::too_many("rate-limited", "Too many requests. Wait as long as retry-after says.", wait)
        })
    }
}

/// What one client's address is: on IPv6 whoever has one address has its whole /64.
pub(super) fn key(address: PeerAddress) -> IpAddr {
    match address.0.ip().to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl PeerAddress {
    /// Under what address this client is counted.
    pub fn counted(self) -> IpAddr {
        key(self)
    }
}

/// How many requests each address may make, for whoever has to count them by himself.
pub struct PerAddress(Limiter<IpAddr>);

impl PerAddress {
    /// Counts from now on.
    pub fn new(rate: Rate) -> Self {
        Self(Limiter::new(rate))
    }

    /// Counts one request more, or refuses it. What came over no network is not counted.
    pub fn check(&self, address: Option<PeerAddress>) -> Result<(), Problem> {
        address.map_or(Ok(()), |address| self.0.check(&key(address)))
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    /// A system's or a module's.
    Client(ClientId),
    /// A person's, whatever program is between: people with a certificate of their own share one client id.
    Person(String),
}

impl Counted {
    fn of(caller: &Caller) -> Self {
        match caller.kind {
            CallerKind::Person => Self::Person(caller.subject.clone()),
            CallerKind::System | CallerKind::Module => Self::Client(caller.client.clone()),
        }
    }
}

/// Limits each client and each person. Put it inside what makes the [`Caller`]; requests without one are not counted here.
pub struct CallerLimit(Limiter<Counted>);

impl CallerLimit {
    /// Counts from now on.
    pub fn new(rate: Rate) -> Self {
        Self(Limiter::new(rate))
    }
}

impl Step for CallerLimit {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        let caller = request.extensions().get::<Caller>();
        match caller.map_or(Ok(()), |caller| self.0.check(&Counted::of(caller))) {
            Ok(()) => onward.run(request),
            Err(problem) => refused(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neighbours in a /64 are one client, also behind a mapped address; others are not.
    #[test]
    fn a_client_is_its_network() {
        let key = |text: &str| key(PeerAddress(text.parse().unwrap()));
        assert_eq!(key("[2001:db8::1]:1"), key("[2001:db8::ffff:2]:2"));
        assert_ne!(key("[2001:db8::1]:1"), key("[2001:db8:0:1::1]:1"));
        assert_eq!(key("[::ffff:192.0.2.1]:1"), key("192.0.2.1:9"));
    }
}
