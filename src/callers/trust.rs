//! The authority's own certificates and newest revocation lists, and the path check against them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::path::{self, Policy, Revocation};
use pki::{Certificate, Crl, Reason};
use platform::clock::{Millis, TOLERANCE};
use platform::problem::{Kind, Problem};

use super::refusal::Refusal;

/// The authorities whose certificates may call, below the root.
pub(super) const SYSTEMS: &str = "systems";
pub(super) const SIGN_IN: &str = "sign-in";
/// That of smartcards: of what it issues, only what is for signing in calls.
pub(super) const CARD: &str = "card";
const ROOT: &str = "root";

/// Whether an issuer is one of these authorities, of whatever generation.
fn is_of(id: &str, authorities: &[&str]) -> bool {
    id.parse::<ca::IssuerId>().is_ok_and(|id| authorities.contains(&id.line().as_str()))
}

/// What a chain is checked against.
pub(super) struct Trust {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    crls: Vec<Crl>,
    until: Millis,
    /// The count of changes before it was read.
    generation: u64,
    /// Until when it need not be read again.
    fresh_until: Millis,
    /// The lists of shards that certificates have named since. Held while one is read, so that it is read once.
    shards: tokio::sync::Mutex<HashMap<(String, u32), ShardList>>,
}

/// The newest list of a shard, and until when it holds.
#[derive(Clone)]
pub(super) struct ShardList {
    crl: Crl,
    until: Millis,
}

/// Evidence that a chain held.
pub(super) struct Checked {
    /// Until when that is so at most.
    pub(super) until: Millis,
}

impl Trust {
    /// Asks the authority for its certificates and newest lists, which count as fresh until then.
    pub(super) async fn fetch(
        authority: &ca::api::Client,
        generation: u64,
        fresh_until: Millis,
        now: Millis,
    ) -> Result<Self, Problem> {
        let mut trust = Self {
            anchors: Vec::new(),
            intermediates: Vec::new(),
            crls: Vec::new(),
            until: Millis(i64::MAX),
            generation,
            fresh_until,
            shards: tokio::sync::Mutex::default(),
        };
        let issuers = authority.issuers().await?;
        for issuer in issuers.iter().filter(|issuer| is_of(&issuer.id, &[ROOT, SYSTEMS, SIGN_IN, CARD])) {
            let certificate = certificate(&issuer.certificate)?;
            let ends = Millis(certificate.not_after_ms());
            // One that has ended makes no lists, and nothing below it is in force.
            if ends < now {
                continue;
            }
            let list = if is_of(&issuer.id, &[ROOT]) { &mut trust.anchors } else { &mut trust.intermediates };
            list.push(certificate);
            match authority.crl(&issuer.id).await {
                Ok(crl) => {
                    trust.until = trust.until.min(crl.next_update).min(ends);
                    trust.crls.push(crl_from(&crl.crl)?);
                }
                // A generation that is just being made: nothing is below it yet.
                Err(problem) if problem.kind == Kind::NotFound && !issuer.signing => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(trust)
    }

    /// Whether nothing has changed since, here, and no list has ended.
    pub(super) fn is_fresh(&self, generation: u64, now: Millis) -> bool {
        self.generation == generation && now < self.fresh_until.min(self.until)
    }

    /// The list of the shard that this certificate names, if it names one.
    pub(super) async fn shard_list(
        &self,
        authority: &ca::api::Client,
        leaf: &Certificate,
    ) -> Result<Option<ShardList>, Problem> {
        let Some((issuer, shard)) = shard_of(leaf) else { return Ok(None) };
        let mut kept = self.shards.lock().await;
        if let Some(list) = kept.get(&(issuer.clone(), shard)) {
            return Ok(Some(list.clone()));
        }
        let newest = authority.shard_crl(&issuer, shard).await.map_err(unknown_list)?;
        let list = ShardList { crl: crl_from(&newest.crl)?, until: newest.next_update };
        // As many as there are shards at most: one that is not there was refused.
        kept.insert((issuer, shard), list.clone());
        Ok(Some(list))
    }

    /// Checks the path, the purpose and revocation at `now`. Lists that are not of this certificate's shard say nothing
    /// of it.
    pub(super) fn check(
        &self,
        leaf: &Certificate,
        sent: &[Vec<u8>],
        list: Option<&ShardList>,
        now: Millis,
    ) -> Result<Checked, Refusal> {
        let policy = Policy {
            purpose: Some(pki::eku::CLIENT_AUTH),
            revocation: Revocation::Required,
            ..Policy::default()
        };
        let mut extra = self.intermediates.clone();
        extra.extend(sent.iter().filter_map(|der| Certificate::from_der(der).ok()));
        let mut crls = self.crls.clone();
        crls.extend(list.map(|list| list.crl.clone()));
        let at = judged_at(&crls, now);
        path::check(leaf, &extra, &self.anchors, &crls, at.0, &policy).map_err(|error| refusal(&error))?;
        let until = list.map_or(self.until, |list| self.until.min(list.until));
        Ok(Checked { until: until.min(Millis(leaf.not_after_ms())) })
    }
}

/// Now, or when the newest list was made: the clock of the machine that made it may be a little ahead of this one.
fn judged_at(crls: &[Crl], now: Millis) -> Millis {
    let newest = crls.iter().map(|crl| Millis(crl.this_update_ms())).max().unwrap_or(now);
    if newest <= now.plus(TOLERANCE) { newest.max(now) } else { now }
}

/// The shard that the certificate names, and its issuer's id. Where it names another list, or lies, the list that is read
/// does not cover it and the check refuses it.
fn shard_of(leaf: &Certificate) -> Option<(String, u32)> {
    let mut places = leaf.crl_distribution_points().iter().flat_map(pki::DistributionPoint::uris);
    places.find_map(|place| {
        let (before, shard) = place.strip_suffix(".crl")?.rsplit_once('/')?;
        let (_, issuer) =
            before.rsplit_once("/crl/").filter(|(_, id)| is_of(id, &[SYSTEMS, SIGN_IN, CARD]))?;
        Some((issuer.to_owned(), shard.parse().ok()?))
    })
}

/// A shard that is not there: the certificate is none of ours, or has no list yet.
fn unknown_list(problem: Problem) -> Problem {
    if problem.kind == Kind::NotFound { Refusal::RevocationUnknown.into() } else { problem }
}

fn refusal(error: &path::Error) -> Refusal {
    match error {
        path::Error::Revoked { reason: Some(Reason::CertificateHold), .. } => Refusal::Held,
        path::Error::Expired { .. } => Refusal::Expired,
        path::Error::NotYetValid { .. } => Refusal::NotYetValid,
        path::Error::Revoked { .. } | path::Error::NeverIssued { .. } => Refusal::Revoked,
        path::Error::RevocationUnknown { .. } => Refusal::RevocationUnknown,
        path::Error::PurposeNotAllowed { .. } => Refusal::NotForClients,
        _ => Refusal::Unknown,
    }
}

fn certificate(base64: &str) -> Result<Certificate, Problem> {
    decode(base64)
        .and_then(|der| Certificate::from_der(&der).ok())
        .ok_or_else(|| Problem::internal("the authority answered a certificate that does not read"))
}

fn crl_from(base64: &str) -> Result<Crl, Problem> {
    decode(base64)
        .and_then(|der| Crl::from_der(&der).ok())
        .ok_or_else(|| Problem::internal("the authority answered a revocation list that does not read"))
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok()
}
