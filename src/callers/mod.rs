//! Who is calling: from the certificate of a TLS connection to a [`Caller`], or to a refusal that says why.
//!
//! The TLS listeners accept any client certificate and check only that the client holds its key; everything
//! else is decided here, in one place: the path to our root, the purpose, revocation, the certificate's state
//! in the authority's own store, and at last the `[clients]` table. Nothing else makes a caller.
//!
//! A verified certificate is remembered for [`REMEMBERED`], never past its own end or that of a revocation
//! list, and forgotten at once when this process revokes anything. The lists it is checked against are read once
//! in as long. Who is not known to have a good certificate is counted by address before any of that work.

mod keys;
mod memories;
mod refusal;
mod rules;
mod trust;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use directory::authority::Assurance;
use platform::caller::{Caller, Certified};
use platform::clock::{Clock, Millis};
use platform::problem::Problem;
use platform::web::{Answer, Chain, Onward, PeerAddress, PerAddress, Rate, Step, TlsPeer};

use crate::config::Clients;
pub use keys::Keys;
pub use memories::forget_after_changes;
use refusal::Refusal;
use trust::Trust;

/// How long a verified certificate is believed without asking again.
pub const REMEMBERED: Duration = Duration::from_secs(3);
/// How many certificates are remembered; beyond that all are forgotten, which costs only time.
const MOST_REMEMBERED: usize = 8192;
/// How many certificates are verified at the same time.
const TURNS: usize = 64;
/// How long a certificate that was good once keeps its holder from being counted as a stranger.
const ACQUAINTED: Duration = Duration::from_hours(1);

/// Makes callers out of certificates. Cheap to clone; clones share what is remembered.
#[derive(Clone)]
pub struct Callers {
    shared: Arc<Shared>,
}

struct Shared {
    authority: ca::api::Client,
    clients: Clients,
    /// What a person's sign-in certificate is worth.
    assurance: Assurance,
    clock: Clock,
    /// Counts revocations seen; what was verified before one is not remembered after it.
    generation: AtomicU64,
    /// Held only for a look-up or an insert, never across an await.
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    /// Certificates that were good within [`ACQUAINTED`]: they say nothing about who calls now. Held as the former.
    acquainted: Mutex<HashMap<[u8; 32], Millis>>,
    /// Counts those who are not acquainted, by address.
    strangers: PerAddress,
    /// Held while a certificate is verified.
    turns: [Arc<tokio::sync::Mutex<()>>; TURNS],
    /// What chains are checked against. Held while it is fetched, so that many who need it fetch it once.
    trust: tokio::sync::Mutex<Option<Arc<Trust>>>,
}

struct Remembered {
    caller: Caller,
    until: Millis,
}

impl Callers {
    /// Callers whose certificates come from this authority; of strangers so many from each address.
    pub fn new(
        authority: ca::api::Client,
        clients: Clients,
        assurance: Assurance,
        clock: Clock,
        strangers: Rate,
    ) -> Self {
        let shared = Shared {
            authority,
            clients,
            assurance,
            clock,
            generation: AtomicU64::new(0),
            remembered: Mutex::default(),
            acquainted: Mutex::default(),
            strangers: PerAddress::new(strangers),
            turns: std::array::from_fn(|_| Arc::default()),
            trust: tokio::sync::Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The caller behind a certificate chain, leaf first, that came from this address; none without a certificate. When
    /// this returns one, its certificate's row was in force at most [`REMEMBERED`] ago, and no revocation by this process
    /// was overlooked.
    async fn identify(
        &self,
        chain: Option<&Chain>,
        address: Option<PeerAddress>,
    ) -> Result<Option<Caller>, Problem> {
        let shown = chain.and_then(|chain| Some((*chain.fingerprint()?, chain.split_first()?)));
        let Some((fingerprint, (leaf, above))) = shown else {
            self.shared.strangers.check(address)?;
            return Ok(None);
        };
        let now = self.shared.clock.now();
        if let Some(caller) = self.recall(&fingerprint, now) {
            return Ok(Some(caller));
        }
        // Many requests of one client find at the same moment that its time is over: one of them looks, the others wait. For
        // strangers nobody waits.
        let _turn = if self.is_acquainted(&fingerprint, now) {
            Some(self.turn(fingerprint).lock_owned().await)
        } else {
            self.shared.strangers.check(address)?;
            None
        };
        if let Some(caller) = self.recall(&fingerprint, now) {
            return Ok(Some(caller));
        }
        let verified = self.verify(leaf, above, now).await;
        self.acquaint(fingerprint, verified.is_ok().then(|| now.plus(ACQUAINTED)));
        let (caller, until, generation) = verified?;
        self.remember(fingerprint, caller.clone(), until, generation);
        Ok(Some(caller))
    }

    /// The caller behind a certificate chain, leaf first, whose key a connection of another protocol than HTTP has shown: the
    /// same promise as for those of HTTP.
    pub async fn of_connection(&self, chain: &Chain, address: SocketAddr) -> Result<Option<Caller>, Problem> {
        self.identify(Some(chain), Some(PeerAddress(address))).await
    }

    /// The same where it is remembered, without waiting for anything.
    pub fn recalled(&self, chain: &Chain) -> Option<Caller> {
        self.recall(chain.fingerprint()?, self.shared.clock.now())
    }

    /// The caller behind the certificates of a signed message, the signer's own first: the same promise as for those of a
    /// connection. Its signature is verified by then; strangers are counted by address where the message comes in.
    pub async fn of_message(&self, chain: &[Vec<u8>]) -> Result<Caller, Problem> {
        let Some((leaf, above)) = chain.split_first() else { return Err(Refusal::Unreadable.into()) };
        let now = self.shared.clock.now();
        let fingerprint = fingerprint(leaf);
        if let Some(caller) = self.recall(&fingerprint, now) {
            return Ok(caller);
        }
        let (caller, until, generation) = self.verify(leaf, above, now).await?;
        self.remember(fingerprint, caller.clone(), until, generation);
        Ok(caller)
    }

    /// The caller, until when that may be believed, and the count of revocations before which it was looked at.
    async fn verify(
        &self,
        leaf: &[u8],
        above: &[Vec<u8>],
        now: Millis,
    ) -> Result<(Caller, Millis, u64), Problem> {
        let leaf = pki::Certificate::from_der(leaf).map_err(|_| Refusal::Unreadable)?;
        let generation = self.shared.generation.load(Ordering::Acquire);
        let trust = self.trust(now).await?;
        let list = trust.shard_list(&self.shared.authority, &leaf).await?;
        let checked = trust.check(&leaf, above, list.as_ref(), now)?;
        let record = self.shared.authority.certificate(&leaf.serial().to_string()).await;
        let record = rules::standing(record, &leaf)?;
        let caller = rules::caller(&leaf, &record, &self.shared.clients, self.shared.assurance)?;
        Ok((caller, checked.until.min(now.plus(REMEMBERED)), generation))
    }

    /// The authorities and their lists, read at most [`REMEMBERED`] ago and since the last change here.
    async fn trust(&self, now: Millis) -> Result<Arc<Trust>, Problem> {
        let mut kept = self.shared.trust.lock().await;
        let generation = self.shared.generation.load(Ordering::Acquire);
        if let Some(trust) = kept.as_ref().filter(|trust| trust.is_fresh(generation, now)) {
            return Ok(Arc::clone(trust));
        }
        let fetched = Trust::fetch(&self.shared.authority, generation, now.plus(REMEMBERED), now).await?;
        Ok(Arc::clone(kept.insert(Arc::new(fetched))))
    }

    /// What those who would verify this certificate wait for, one after the other. Some share it with others, by chance.
    fn turn(&self, fingerprint: [u8; 32]) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.shared.turns[usize::from(fingerprint[0]) % TURNS])
    }

    fn is_acquainted(&self, fingerprint: &[u8; 32], now: Millis) -> bool {
        self.acquainted().get(fingerprint).is_some_and(|until| now < *until)
    }

    fn acquaint(&self, fingerprint: [u8; 32], until: Option<Millis>) {
        let mut acquainted = self.acquainted();
        match until {
            None => drop(acquainted.remove(&fingerprint)),
            Some(until) => {
                if acquainted.len() >= MOST_REMEMBERED {
                    acquainted.clear();
                }
                acquainted.insert(fingerprint, until);
            }
        }
    }

    fn acquainted(&self) -> MutexGuard<'_, HashMap<[u8; 32], Millis>> {
        self.shared.acquainted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every verified certificate. Called after anything that may have revoked one.
    pub fn forget(&self) {
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.remembered().clear();
    }

    fn recall(&self, fingerprint: &[u8; 32], now: Millis) -> Option<Caller> {
        let remembered = self.remembered();
        remembered.get(fingerprint).filter(|found| now < found.until).map(|found| found.caller.clone())
    }

    fn remember(&self, fingerprint: [u8; 32], caller: Caller, until: Millis, generation: u64) {
        let mut remembered = self.remembered();
        // Looked at under the lock that `forget` also takes: a revocation during the check wins.
        if self.shared.generation.load(Ordering::Acquire) != generation {
            return;
        }
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(fingerprint, Remembered { caller, until });
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        self.shared.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the [`Caller`] into each request of a listener that asks for certificates. A request without a
/// certificate goes on without a caller; one with a certificate that is not good is answered here.
impl Step for Callers {
    fn take<'a>(&'a self, mut request: Request, onward: Onward<'a>) -> Answer<'a> {
        let chain = request.extensions().get::<TlsPeer>().map(|peer| peer.chain.clone());
        if let Some(caller) = chain.as_ref().and_then(|chain| self.recalled(chain)) {
            known(&mut request, caller);
            return onward.run(request);
        }
        Box::pin(async move {
            let address = request.extensions().get::<PeerAddress>().copied();
            match self.identify(chain.as_ref(), address).await {
                Ok(Some(caller)) => known(&mut request, caller),
                Ok(None) => {}
                Err(problem) => return problem.into_response(),
            }
            onward.run(request).await
        })
    }
}

/// Says in a request whose certificate its connection has shown.
fn known(request: &mut Request, caller: Caller) {
    request.extensions_mut().insert(Certified(caller.clone()));
    request.extensions_mut().insert(caller);
}

/// SHA-256 of a certificate, or of a key.
fn fingerprint(octets: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets);
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

/// Stands before the routes of ACME, where anybody may ask: only a revocation that was done makes us forget.
pub async fn forget_after_revocation(
    State(callers): State<Callers>,
    request: Request,
    next: Next,
) -> Response {
    let revokes = request.uri().path().ends_with("/revoke-cert");
    let response = next.run(request).await;
    if revokes && response.status().is_success() {
        callers.forget();
    }
    response
}
