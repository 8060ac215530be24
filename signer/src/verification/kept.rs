//! The authority's own certificates and newest revocation lists, kept for a few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{Certificate, Crl};
use platform::clock::{Millis, TOLERANCE};
use platform::problem::{Kind, Problem};
use tokio::sync::Mutex;

use crate::error::Error;

/// For how long what was read is used again: so late is a revocation seen here, at most.
const FRESH: Duration = Duration::from_secs(2);
/// How many lists of shards are kept.
const MOST_SHARDS: usize = 4096;

/// What is trusted by itself. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Trusted(Arc<Mutex<Option<Arc<Kept>>>>);

/// What was read at one time.
pub(crate) struct Kept {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) authorities: Vec<Certificate>,
    crls: Vec<Crl>,
    read_at: Millis,
    /// The lists of shards that certificates have named since. Held while one is read, so that it is read once.
    shards: Mutex<HashMap<(String, u32), Option<Crl>>>,
    /// Those of the reading before: one that has not changed is not read again.
    earlier_shards: Vec<Crl>,
}

impl Trusted {
    /// What the authority says now, or said just now. The lock is held while it is asked: it is asked once for all who wait.
    pub(crate) async fn newest(&self, authority: &ca::api::Client, now: Millis) -> Result<Arc<Kept>, Error> {
        let mut kept = self.0.lock().await;
        if let Some(found) = &*kept
            && now.since(found.read_at) < FRESH
            && found.read_at <= now
        {
            return Ok(Arc::clone(found));
        }
        let before = kept.clone();
        let read = Kept::read(authority, now, before.as_deref()).await.map_err(Error::Authority)?;
        let read = Arc::new(read);
        *kept = Some(Arc::clone(&read));
        Ok(read)
    }
}

impl Kept {
    /// Asks for everything. What is as it was before is taken from there: a list may have a million entries, and what was seen to verify is
    /// remembered with it.
    async fn read(authority: &ca::api::Client, now: Millis, before: Option<&Self>) -> Result<Self, Problem> {
        let (mut anchors, mut authorities, mut crls) = (Vec::new(), Vec::new(), Vec::new());
        let known_crls: &[Crl] = before.map_or(&[], |before| before.crls.as_slice());
        let known = |der: &[u8]| {
            let mut known = before.iter().flat_map(|before| before.anchors.iter().chain(&before.authorities));
            known.find(|certificate| certificate.der() == der).cloned()
        };
        for issuer in authority.issuers().await? {
            let der = decoded(&issuer.certificate).ok_or_else(|| unreadable("a certificate"))?;
            let certificate = known(&der).or_else(|| Certificate::from_der(&der).ok());
            let certificate = certificate.ok_or_else(|| unreadable("a certificate"))?;
            let list = if issuer.chain.is_empty() { &mut anchors } else { &mut authorities };
            list.push(certificate);
            match authority.crl(&issuer.id).await {
                Ok(list) => crls.push(crl(&list.crl, known_crls)?),
                // One that is just being made, or has ended: the certificates below it are then of unknown status.
                Err(problem) if problem.kind == Kind::NotFound => {}
                Err(problem) => return Err(problem),
            }
        }
        // Whoever reads one at this moment is not waited for.
        let earlier = before.and_then(|before| before.shards.try_lock().ok());
        let earlier_shards = earlier.map_or_else(Vec::new, |all| all.values().flatten().cloned().collect());
        Ok(Self { anchors, authorities, crls, read_at: now, shards: Mutex::default(), earlier_shards })
    }

    /// The lists that cover these certificates, those of their shards among them.
    pub(crate) async fn lists(
        &self,
        authority: &ca::api::Client,
        signers: &[Certificate],
    ) -> Result<Vec<Crl>, Error> {
        let mut found = self.crls.clone();
        for shard in signers.iter().filter_map(shard_of) {
            found.extend(self.shard(authority, shard).await?);
        }
        Ok(found)
    }

    async fn shard(&self, authority: &ca::api::Client, shard: (String, u32)) -> Result<Option<Crl>, Error> {
        let mut kept = self.shards.lock().await;
        if let Some(known) = kept.get(&shard) {
            return Ok(known.clone());
        }
        let found = match authority.shard_crl(&shard.0, shard.1).await {
            Ok(list) => Some(crl(&list.crl, &self.earlier_shards).map_err(Error::Authority)?),
            // A stranger's certificate may name anything; then its status is unknown.
            Err(problem) if matches!(problem.kind, Kind::NotFound | Kind::Invalid) => None,
            Err(problem) => return Err(Error::Authority(problem)),
        };
        if kept.len() < MOST_SHARDS {
            kept.insert(shard, found.clone());
        }
        Ok(found)
    }

    /// Now, or when the newest list was made: the clock of the machine that made it may be a little ahead of this one.
    pub(crate) fn judged_at(crls: &[Crl], now: Millis) -> Millis {
        let near =
            crls.iter().map(|crl| Millis(crl.this_update_ms())).filter(|at| *at <= now.plus(TOLERANCE));
        near.max().map_or(now, |newest| newest.max(now))
    }
}

/// The shard that a certificate names, with its issuer's id.
fn shard_of(certificate: &Certificate) -> Option<(String, u32)> {
    let mut places = certificate.crl_distribution_points().iter().flat_map(pki::DistributionPoint::uris);
    places.find_map(|place| {
        let (before, shard) = place.strip_suffix(".crl")?.rsplit_once('/')?;
        let (_, issuer) = before.rsplit_once("/crl/")?;
        let named = issuer.len() <= 64 && issuer.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        Some((issuer.to_owned(), shard.parse().ok().filter(|_| named)?))
    })
}

/// A list, which is perhaps one of those that were read before.
fn crl(text: &str, known: &[Crl]) -> Result<Crl, Problem> {
    let der = decoded(text).ok_or_else(|| unreadable("a revocation list"))?;
    let known = known.iter().find(|crl| crl.der() == der).cloned();
    known.or_else(|| Crl::from_der(&der).ok()).ok_or_else(|| unreadable("a revocation list"))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn unreadable(what: &str) -> Problem {
    Problem::internal(format!("the authority answered {what} that does not read"))
}
