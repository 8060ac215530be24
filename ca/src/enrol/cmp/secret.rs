//! Messages protected by a shared secret (RFC 9810 5.1.3.1, RFC 9483 4.1.5): whose secret it is, and whether it fits.
//!
//! The work that a message can make us do is bounded: the parameters have an upper bound, few codes are computed at a
//! time and only for secrets that exist, and each secret is tried so many times a minute only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pki::cmp::{Failure, Message, SecretProtection, SecretRefused};
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::refusal::Refusal;
use crate::api::ENROL;
use crate::enrol::Enrolment;
use crate::enrol::config::Road;
use crate::error::Error;
use crate::store::enrol_secrets;

/// Codes that are computed at the same time.
const AT_ONCE: usize = 2;
/// How often one secret is tried in a minute.
const TRIES_PER_MINUTE: u32 = 30;
const MINUTE_MS: i64 = 60_000;
/// Secrets whose tries are remembered; beyond that all are forgotten.
const REMEMBERED: usize = 10_000;

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
    tries: Mutex<HashMap<String, (Millis, u32)>>,
}

impl Default for Macs {
    fn default() -> Macs {
        Macs { places: Arc::new(Semaphore::new(AT_ONCE)), tries: Mutex::new(HashMap::new()) }
    }
}

impl Macs {
    /// Counts one try more of a secret, or refuses it.
    fn count(&self, reference: &str, now: Millis) -> Result<(), Refusal> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED {
            tries.clear();
        }
        let (since, count) = tries.entry(reference.to_owned()).or_insert((now, 0));
        if !(since.0..since.0 + MINUTE_MS).contains(&now.0) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count <= TRIES_PER_MINUTE {
            return Ok(());
        }
        let sentence = "this secret was tried too often; wait a minute";
        Err(Refusal::new(Failure::SystemUnavailable, sentence))
    }

    /// Does work that takes as long as the rounds of a protection ask for, away from the threads that serve.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Error::RequestInProgress)?;
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
        macs.work(move || secret.protection.code(&secret.octets, &protected_part)).await
    }
}

/// Whose secret protects this message, as a caller that may enrol. Whether the reference is unknown, ended or of another
/// road, or the code is wrong, is not told apart to whoever has no secret.
pub(super) async fn verify(
    enrolment: &Enrolment,
    road: Road<'_>,
    message: &Message,
    protection: SecretProtection,
    now: Millis,
) -> Result<(Caller, Secret), Refusal> {
    let wrong = || {
        let sentence =
            "the message authentication code is not right, or this secret is not taken on this road";
        Refusal::new(Failure::BadMessageCheck, sentence)
    };
    // RFC 9483 3.1: senderKID is the reference.
    let named = message.header().sender_key_id.clone().and_then(|octets| String::from_utf8(octets).ok());
    let (reference, code) = (named.ok_or_else(wrong)?, message.protection().ok_or_else(wrong)?.to_vec());
    let rows = enrolment.authority().desk().db.read();
    let found = enrol_secrets::by_reference(rows, &reference).await?;
    let usable = found.filter(|(it, _)| it.ended_at.is_none() && it.road == road.name.to_string());
    let (stored, sealed) = usable.ok_or_else(wrong)?;
    enrolment.macs().count(&reference, now)?;
    let octets = Arc::new(enrolment.authority().opened_secret(&reference, &sealed).await?);
    let secret = Secret { reference, protection, octets };
    let (tried, content) = (secret.clone(), message.protected_part().to_vec());
    let verified =
        enrolment.macs().work(move || tried.protection.verify(&tried.octets, &content, &code)).await?;
    verified.map_err(|_| wrong())?;
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

    /// A secret is tried so often in a minute, whatever others do, and again in the next.
    #[test]
    fn tries_are_counted() {
        let macs = Macs::default();
        for _ in 0..TRIES_PER_MINUTE {
            assert!(macs.count("a", Millis(5)).is_ok());
        }
        assert!(macs.count("a", Millis(MINUTE_MS + 4)).is_err());
        assert!(macs.count("b", Millis(5)).is_ok());
        assert!(macs.count("a", Millis(MINUTE_MS + 5)).is_ok());
    }
}
