//! The authority's own certificates and newest revocation lists, kept for a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::ProfileHistory;
use pki::{Certificate, Crl, ObjectIdentifier};
use platform::clock::{Millis, TOLERANCE};
use platform::problem::{Kind, Problem};
use tokio::sync::{Mutex, OnceCell};

use crate::error::Error;

/// For how long what was read is used again: so late is a revocation seen here, at most.
const FRESH: Duration = Duration::from_secs(2);
/// How many lists of shards are kept.
pub(crate) const MOST_SHARDS: usize = 4096;
/// How many certificates that nobody here issued are looked at before the rest is left: each can cost the verification of a signature.
const MOST_STRANGERS: usize = 64;

/// A shard: the id of its issuer, and its number.
type Shard = (String, u32);
/// Its list, read by the first who needs it; nothing where there is none.
type Cell = Arc<OnceCell<Option<Crl>>>;

/// What is trusted by itself. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Trusted(Arc<Mutex<Option<Arc<Kept>>>>);

/// What was read at one time.
pub(crate) struct Kept {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) authorities: Vec<Certificate>,
    crls: Vec<Crl>,
    /// The policies of profiles, read by the first who needs them.
    policies: OnceCell<Vec<ObjectIdentifier>>,
    read_at: Millis,
    /// The lists of shards that certificates have named since. The lock is held for no longer than a cell is looked up; while its list is read, only
    /// those wait who need the same one.
    shards: std::sync::Mutex<HashMap<Shard, Cell>>,
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
        let earlier_shards = before.map_or_else(Vec::new, Self::shard_crls);
        let (shards, policies) = (std::sync::Mutex::default(), OnceCell::new());
        Ok(Self { anchors, authorities, crls, policies, read_at: now, shards, earlier_shards })
    }

    /// The lists that cover these certificates, those of their shards among them, of which so many are asked for at most.
    pub(crate) async fn lists(
        &self,
        authority: &ca::api::Client,
        signers: &[Certificate],
        most: usize,
    ) -> Result<Vec<Crl>, Error> {
        let mut found = self.crls.clone();
        for shard in self.shards_of(signers, most) {
            found.extend(self.shard(authority, &shard).await?);
        }
        Ok(found)
    }

    /// The shards of those certificates that an authority here issued. Whoever makes one up writes any name and any place into it, and has nothing
    /// asked for that. What is left out for its number is of unknown status.
    fn shards_of(&self, certificates: &[Certificate], most: usize) -> Vec<Shard> {
        let (mut shards, mut strangers) = (Vec::new(), 0);
        for certificate in certificates {
            let Some(shard) = shard_of(certificate).filter(|shard| !shards.contains(shard)) else { continue };
            if shards.len() == most || strangers == MOST_STRANGERS {
                break;
            }
            if self.issued(certificate) {
                shards.push(shard);
            } else {
                strangers += 1;
            }
        }
        shards
    }

    fn issued(&self, certificate: &Certificate) -> bool {
        let mut all = self.authorities.iter().chain(&self.anchors);
        all.any(|authority| certificate.verify_signed_by(authority).is_ok())
    }

    async fn shard(&self, authority: &ca::api::Client, shard: &Shard) -> Result<Option<Crl>, Error> {
        let read = || async {
            match authority.shard_crl(&shard.0, shard.1).await {
                Ok(list) => crl(&list.crl, &self.earlier_shards).map(Some).map_err(Error::Authority),
                // One that has not been made yet; then the status is unknown.
                Err(problem) if matches!(problem.kind, Kind::NotFound | Kind::Invalid) => Ok(None),
                Err(problem) => Err(Error::Authority(problem)),
            }
        };
        let cell = self.cell(shard);
        cell.get_or_try_init(read).await.cloned()
    }

    /// Where the list of a shard is, or will be.
    fn cell(&self, shard: &Shard) -> Cell {
        let mut kept = self.shards();
        if let Some(cell) = kept.get(shard) {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        if kept.len() < MOST_SHARDS {
            kept.insert(shard.clone(), Arc::clone(&cell));
        }
        cell
    }

    /// The lists of shards that were read.
    fn shard_crls(&self) -> Vec<Crl> {
        self.shards().values().filter_map(|cell| cell.get()?.clone()).collect()
    }

    fn shards(&self) -> MutexGuard<'_, HashMap<Shard, Cell>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policies that these profiles assert, or asserted in any version before: what was signed under one of those is not spoilt by another. A signer
    /// asks for the same profiles each time.
    pub(crate) async fn policies_of(
        &self,
        authority: &ca::api::Client,
        names: &[&str],
    ) -> Result<Vec<ObjectIdentifier>, Error> {
        let read = || async {
            let mut policies = Vec::new();
            for name in names {
                match authority.profile(name).await {
                    Ok(history) => policies.extend(identifiers(&history)),
                    // There never was one.
                    Err(problem) if problem.kind == Kind::NotFound => {}
                    Err(problem) => return Err(Error::Authority(problem)),
                }
            }
            Ok(policies)
        };
        self.policies.get_or_try_init(read).await.cloned()
    }

    /// Now, or when the newest list was made: the clock of the machine that made it may be a little ahead of this one.
    pub(crate) fn judged_at(crls: &[Crl], now: Millis) -> Millis {
        let near =
            crls.iter().map(|crl| Millis(crl.this_update_ms())).filter(|at| *at <= now.plus(TOLERANCE));
        near.max().map_or(now, |newest| newest.max(now))
    }
}

fn identifiers(history: &ProfileHistory) -> Vec<ObjectIdentifier> {
    history.policies().into_iter().filter_map(|text| ObjectIdentifier::new(text).ok()).collect()
}

/// The shard that a certificate names, with its issuer's id.
fn shard_of(certificate: &Certificate) -> Option<Shard> {
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

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, IsCa, Issuer, KeyPair,
        KeyUsagePurpose,
    };

    use super::*;

    fn named(name: &str) -> CertificateParams {
        let mut made = CertificateParams::default();
        made.distinguished_name.push(DnType::CommonName, name);
        made
    }

    /// An authority of this name, and its certificate.
    fn authority(name: &str) -> (Issuer<'static, KeyPair>, Certificate) {
        let key = KeyPair::generate().unwrap();
        let mut made = named(name);
        made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        made.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = Certificate::from_der(made.self_signed(&key).unwrap().der()).unwrap();
        (Issuer::new(made, key), certificate)
    }

    /// A certificate that names a shard.
    fn of_shard(issuer: &Issuer<'_, KeyPair>, shard: u32) -> Certificate {
        let mut made = named("Signer");
        let uris = vec![format!("http://pki.example.org/crl/root/{shard}.crl")];
        made.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        let made = made.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap();
        Certificate::from_der(made.der()).unwrap()
    }

    /// What was read of an authority that has nothing else.
    fn kept(anchor: Certificate) -> Kept {
        Kept {
            anchors: vec![anchor],
            authorities: Vec::new(),
            crls: Vec::new(),
            policies: OnceCell::new(),
            read_at: Millis(0),
            shards: std::sync::Mutex::default(),
            earlier_shards: Vec::new(),
        }
    }

    /// Of what came the shards of certificates alone are looked up that an authority here issued, each once, and so many at most; who names one
    /// of ours without having its key has nothing looked up, and too many of them nothing more. Who waits for one shard keeps nobody from another.
    #[test]
    fn only_our_own_shards_are_looked_up() {
        let (ours, anchor) = authority("Root");
        let (forger, _) = authority("Root");
        let (stranger, _) = authority("Elsewhere");
        let kept = kept(anchor);
        let root =
            |shards: &[u32]| shards.iter().map(|shard| ("root".to_owned(), *shard)).collect::<Vec<Shard>>();
        let came = [
            of_shard(&forger, 1),
            of_shard(&ours, 2),
            of_shard(&stranger, 3),
            of_shard(&ours, 2),
            of_shard(&ours, 4),
        ];
        assert_eq!(kept.shards_of(&came, MOST_SHARDS), root(&[2, 4]));
        assert_eq!(kept.shards_of(&came, 1), root(&[2]));
        let mut many = vec![of_shard(&forger, 1); MOST_STRANGERS];
        many.push(of_shard(&ours, 2));
        assert!(kept.shards_of(&many, MOST_SHARDS).is_empty());
        assert_eq!(kept.shards_of(&many[1..], MOST_SHARDS), root(&[2]));
        let [two, four] = [2, 4].map(|shard| kept.cell(&("root".to_owned(), shard)));
        assert!(Arc::ptr_eq(&two, &kept.cell(&("root".to_owned(), 2))) && !Arc::ptr_eq(&two, &four));
        assert!(kept.shards.try_lock().is_ok(), "the map is not held while a list is waited for");
    }
}
