//! Messages protected by a shared secret (RFC 9810 5.1.3.1, RFC 9483 4.1.5): whose secret it is, and whether it fits.
//!
//! The work that a message can make us do is bounded: the parameters have an upper bound, few codes are computed at a
//! time and only for secrets that exist, and from one address a reference fails so many times a minute only. Failures
//! are counted for references that do not exist as well, so that the answers do not tell which do; and nobody's count
//! against another's address, so that whoever has the secret is not locked out by those who guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use pki::cmp::{Failure, Message, SecretProtection, SecretRefused};
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::refusal::Refusal;
use crate::api::ENROL;
use crate::enrol::Enrolment;
use crate::enrol::config::Road;
use crate::error::Error;
use crate::store::enrol_secrets;

/// Codes that are computed at the same time.
const AT_ONCE: usize = 2;
/// How often one reference may fail in a minute from one address.
const FAILURES_PER_MINUTE: u32 = 30;
const MINUTE_MS: i64 = 60_000;
/// How many failing pairs are remembered; when these are all of the last minute, they are forgotten.
const REMEMBERED: usize = 10_000;
/// No reference of ours is longer.
const LONGEST_REFERENCE: usize = 64;

/// Evidence that a message was protected by a secret of ours. Only [`verify`] makes one.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) reference: String,
    protection: SecretProtection,
    octets: Arc<Zeroizing<Vec<u8>>>,
}

/// What bounds the work.
pub(crate) struct Macs {
    places: Arc<Semaphore>,
    failures: Arc<Failures>,
}

impl Default for Macs {
    fn default() -> Macs {
        Macs { places: Arc::new(Semaphore::new(AT_ONCE)), failures: Arc::default() }
    }
}

/// Whose failures are counted together: one reference from one address, or from wherever no address is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Trying {
    address: Option<IpAddr>,
    reference: String,
}

/// How often each has failed, and since when that is counted. The lock is held to count and no longer.
#[derive(Default)]
struct Failures(Mutex<HashMap<Trying, (Millis, u32)>>);

impl Failures {
    /// Refuses whoever has failed too often in this minute.
    fn demand_few(&self, trying: &Trying, now: Millis) -> Result<(), Refusal> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let many = failures
            .get(trying)
            .is_some_and(|(since, count)| is_same_minute(*since, now) && *count >= FAILURES_PER_MINUTE);
        if !many {
            return Ok(());
        }
        let sentence =
            "too many messages with this reference came from your address with a wrong code; wait a minute";
        Err(Refusal::new(Failure::SystemUnavailable, sentence))
    }

    fn count(&self, trying: Trying, now: Millis) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED && !failures.contains_key(&trying) {
            failures.retain(|_, (since, _)| is_same_minute(*since, now));
            if failures.len() >= REMEMBERED {
                failures.clear();
            }
        }
        let (since, count) = failures.entry(trying).or_insert((now, 0));
        if !is_same_minute(*since, now) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

fn is_same_minute(since: Millis, now: Millis) -> bool {
    (since.0..since.0 + MINUTE_MS).contains(&now.0)
}

impl Macs {
    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| Error::RequestInProgress)
    }

    /// Does work that takes as long as the rounds of a protection ask for, away from the threads that serve.
    async fn work<T: Send + 'static>(
        place: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let worked = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        worked.await.map_err(|_| Error::RequestInProgress)
    }
}

impl Secret {
    /// The protection of an answer: the same algorithms with a salt of our own.
    pub(super) fn answering(&self, salt: &[u8]) -> Secret {
        Secret { protection: self.protection.salted(salt), ..self.clone() }
    }

    /// The `AlgorithmIdentifier`, in DER.
    pub(super) fn algorithm(&self) -> Vec<u8> {
        self.protection.to_der()
    }

    /// The code of an answer.
    pub(super) async fn code(&self, macs: &Macs, protected_part: Vec<u8>) -> Result<Vec<u8>, Error> {
        let secret = self.clone();
        Macs::work(macs.place().await?, move || secret.protection.code(&secret.octets, &protected_part)).await
    }
}

/// Whose secret protects this message, as a caller that may enrol. Whether the reference is unknown, ended or of another
/// road, or the code is wrong, is not told apart to whoever has no secret.
pub(super) async fn verify(
    enrolment: &Enrolment,
    road: Road<'_>,
    message: &Message,
    protection: SecretProtection,
    (address, now): (Option<IpAddr>, Millis),
) -> Result<(Caller, Secret), Refusal> {
    let wrong = || {
        let sentence =
            "the message authentication code is not right, or this secret is not taken on this road";
        Refusal::new(Failure::BadMessageCheck, sentence)
    };
    // RFC 9483 3.1: senderKID is the reference.
    let named = message.header().sender_key_id.clone().and_then(|octets| String::from_utf8(octets).ok());
    let named = named.filter(|reference| reference.len() <= LONGEST_REFERENCE);
    let (reference, code) = (named.ok_or_else(wrong)?, message.protection().ok_or_else(wrong)?.to_vec());
    let (macs, trying) = (enrolment.macs(), Trying { address, reference: reference.clone() });
    macs.failures.demand_few(&trying, now)?;
    let rows = enrolment.authority().desk().db.read();
    let found = enrol_secrets::by_reference(rows, &reference).await?;
    let usable = found.filter(|(it, _)| it.ended_at.is_none() && it.road == road.name.to_string());
    let Some((stored, sealed)) = usable else {
        macs.failures.count(trying, now);
        return Err(wrong());
    };
    let octets = Arc::new(enrolment.authority().opened_secret(&reference, &sealed).await?);
    let secret = Secret { reference, protection, octets };
    let (tried, content) = (secret.clone(), message.protected_part().to_vec());
    let place = macs.place().await?;
    // Others of the same may have failed while this one waited for its place.
    macs.failures.demand_few(&trying, now)?;
    let failures = Arc::clone(&macs.failures);
    let verified = Macs::work(place, move || {
        let verified = tried.protection.verify(&tried.octets, &content, &code);
        // In here, so that a client that goes away does not escape the count.
        if verified.is_err() {
            failures.count(trying, now);
        }
        verified
    });
    verified.await?.map_err(|_| wrong())?;
    let mut caller =
        Caller::new(CallerKind::System, stored.client.to_string(), stored.client.clone(), [ENROL.0]);
    caller.organisation = stored.organisation;
    Ok((caller, secret))
}

impl From<SecretRefused> for Refusal {
    fn from(refused: SecretRefused) -> Refusal {
        let failure = match refused {
            SecretRefused::Algorithm(_) | SecretRefused::Bounds(_) => Failure::BadAlgorithm,
            SecretRefused::Unreadable(_) => Failure::BadDataFormat,
            _ => Failure::BadMessageCheck,
        };
        Refusal::new(failure, refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trying(address: &str, reference: &str) -> Trying {
        Trying { address: Some(address.parse().unwrap()), reference: reference.to_owned() }
    }

    /// A reference fails so often in a minute from one address, whatever others do, and again in the next.
    #[test]
    fn failures_are_counted() {
        let failures = Failures::default();
        let may = |address: &str, reference: &str, at: i64| {
            failures.demand_few(&trying(address, reference), Millis(at)).is_ok()
        };
        for _ in 0..FAILURES_PER_MINUTE {
            assert!(may("192.0.2.1", "a", 5));
            failures.count(trying("192.0.2.1", "a"), Millis(5));
        }
        assert!(!may("192.0.2.1", "a", MINUTE_MS + 4));
        assert!(may("192.0.2.1", "b", 5) && may("192.0.2.2", "a", 5), "another reference, another address");
        assert!(may("192.0.2.1", "a", MINUTE_MS + 5));
    }

    /// What is remembered has an end, and what is older than a minute goes first.
    #[test]
    fn few_failures_are_remembered() {
        let failures = Failures::default();
        for number in 0..REMEMBERED {
            failures.count(trying("192.0.2.1", &number.to_string()), Millis(5));
        }
        failures.count(trying("192.0.2.1", "later"), Millis(MINUTE_MS + 5));
        assert_eq!(failures.0.lock().unwrap().len(), 1);
    }
}
