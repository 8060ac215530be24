//! Proofs of the ledger: that each signature was there while its certificate was good, for as long as the ledger is kept.
//!
//! A worker takes the signatures that have no proof, in the order in which they were stored, some thousands at a time, and gets one evidence record
//! (RFC 4998) for all of them: one time-stamp over a tree, beside the way of a signature and not in it. What is proved of each is its value, the
//! digest by which it was authorised, its certificate, and the revocation lists of that moment, which are kept, each once ([`object`]).
//! The row of the records is one of those that renew themselves (`kept_records`), so that years later every time-stamp was good when the next was
//! given, and the last one is good.
//!
//! A crash before the one transaction that stores the row and says of each signature that it is in it loses a time-stamp that nobody has: the
//! signatures have no proof then, and the next pass finds them. Two processes at once come to the same end, since a signature that is in one row
//! is put into no other.

use std::collections::HashSet;
use std::time::Duration;

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{Certificate, Crl};
use platform::clock::Millis;
use platform::db::{self, Tx, lease};
use platform::id::uuid_text;
use platform::problem::Problem;

use crate::cades;
use crate::error::Error;
use crate::events::Event;
use crate::evidence_record::Tree;
use crate::kept_records;
use crate::offload::off_thread_if;
use crate::signer::Signer;
use crate::store::certificates;
use crate::store::kept_records::RecordsRow;
use crate::store::proofs::{self, Unproven};
use crate::suite::Hash;
use crate::time_stamp::{Asker, Request};

/// The lease row of the worker.
const LEASE: &str = "signer-proofs";
/// How many requests share a time-stamp at most, and how many signatures; one request has fewer.
const SIGNINGS: i64 = 1_024;
const SIGNATURES: usize = 4_096;
/// How many time-stamps a pass gets.
const IN_A_PASS: usize = 128;
/// What was signed in so long comes before all that is older, as that of an earlier release: its certificate may end soon.
const RECENT_MS: i64 = 1_200_000;
/// How long it is waited for a revocation list that is just being made: short beside ten minutes.
const WAITS_MS: i64 = 120_000;

/// What is proved of a signature.
pub(crate) struct Proved<'a> {
    pub(crate) signature: &'a [u8],
    /// By which it was authorised.
    pub(crate) digest: &'a [u8],
    pub(crate) certificate: &'a [u8],
}

impl Proved<'_> {
    /// What a chain of its evidence record is of, in the hash of that: the digest of value, authorised digest, certificate and, one behind the
    /// other, revocation lists, each of these by its digest. So nothing hangs on an older hash in a newer chain. The lists are digests in this
    /// hash already: many signatures share them.
    pub(crate) fn digest(&self, hash: Hash, lists: &[Vec<u8>]) -> Vec<u8> {
        let lists = lists.concat();
        let parts: [&[u8]; 4] = [self.signature, self.digest, self.certificate, &lists];
        let object: Vec<u8> = parts.iter().flat_map(|part| hash.digest(part)).collect();
        hash.digest(&object)
    }
}

/// The digests of revocation lists.
pub(crate) fn each(hash: Hash, lists: &[Vec<u8>]) -> Vec<Vec<u8>> {
    lists.iter().map(|list| hash.digest(list)).collect()
}

impl Signer {
    /// Proves for as long as it is polled. Stopping it anywhere loses nothing.
    pub(crate) async fn keep_proving(&self) {
        if self.config.time_stamps.is_none() {
            return;
        }
        let pause = Duration::from_secs(u64::from(self.config.proof_interval_s));
        let holder = uuid_text(self.clock.now());
        loop {
            match lease::acquire(&self.db, LEASE, &holder, self.clock.now(), pause * 2).await {
                Ok(Some(_)) => {
                    if let Err(error) = self.prove_signatures().await {
                        metrics::counter!("signer_proof_failures_total").increment(1);
                        tracing::warn!(%error, "signatures could not be proved: {error}");
                    }
                }
                // Another process proves: a number that this one told while it did would stand for ever.
                Ok(None) => {
                    if let Err(error) = self.tell_unproved().await {
                        tracing::warn!(%error, "it could not be read what has no proof: {error}");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the worker of proofs could not take its lease: {error}");
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Gets a proof for the signatures that have none, as many as a pass may; of how many it did. Without a time-stamp authority there are no
    /// proofs.
    pub async fn prove_signatures(&self) -> Result<usize, Error> {
        let done = if self.config.time_stamps.is_some() { self.prove_all().await } else { Ok(0) };
        // Also told when nothing could be proved.
        self.tell_unproved().await?;
        done
    }

    /// Tells the metrics how long the oldest signature without a proof has waited.
    async fn tell_unproved(&self) -> Result<(), Error> {
        let oldest = proofs::oldest_unproven(self.db.read()).await?;
        let behind = oldest.map_or(0, |at| (self.clock.now().0 - at.0).max(0) / 1000);
        metrics::gauge!("signer_unproved_seconds").set(f64::from(u32::try_from(behind).unwrap_or(u32::MAX)));
        Ok(())
    }

    async fn prove_all(&self) -> Result<usize, Error> {
        let mut all = 0;
        for _ in 0..IN_A_PASS {
            let proved = self.prove_some().await?;
            if proved == 0 {
                break;
            }
            all += proved;
            metrics::counter!("signer_proofs_total").increment(proved as u64);
            // After each, since a pass over what an upgrade found takes minutes, and the alert asks whether it becomes less.
            self.tell_unproved().await?;
        }
        Ok(all)
    }

    /// The first of them, with one time-stamp.
    async fn prove_some(&self) -> Result<usize, Error> {
        let since = Millis(self.clock.now().0 - RECENT_MS);
        let recent = proofs::first_since(self.db.read(), since).await?;
        let mut rows = self.unproved(recent).await?;
        if rows.is_empty() {
            rows = self.unproved(0).await?;
        }
        let Some(oldest) = rows.first().map(|row| row.signed_at) else { return Ok(0) };
        let (rows, kinds) = off_thread_if(true, move || {
            let kinds = kinds(&rows);
            (rows, kinds)
        })
        .await;
        let lists = self.lists_for(kinds).await?;
        let now = self.clock.now();
        if let Err(error) = &lists.complete {
            if now.0 - oldest.0 < WAITS_MS {
                tracing::info!(%error, "proofs wait for a revocation list: {error}");
                return Ok(0);
            }
            // The time is proved at least, and with it what others have of the lists.
            tracing::warn!(%error, "signatures are proved without a revocation list: {error}");
        }
        let count = rows.len();
        let (runs, hash) = (runs(&rows), self.config.proof_hash.hash());
        let (digests, lists) = off_thread_if(true, move || {
            let hashes = each(hash, &lists.ders);
            let digests: Vec<Vec<u8>> = rows.iter().map(|row| row.proved().digest(hash, &hashes)).collect();
            let names = each(Hash::Sha256, &lists.ders).into_iter().map(hex::encode);
            let lists = names.zip(lists.ders).collect::<Vec<(String, Vec<u8>)>>();
            (digests, lists)
        })
        .await;
        let tree = Tree::over(hash, &digests);
        let request = Request::of(hash, tree.root());
        let token = self.time_stamp(&Asker::Ourselves, request).await.map_err(Error::TimeStamp)?;
        let names = lists.iter().map(|(sha256, _)| sha256.clone()).collect();
        let row = kept_records::of_ledger((hash, &digests), &token, names, now);
        let signatures = u32::try_from(count).unwrap_or(u32::MAX);
        let kept = self.keep_proof(Proof { row, lists, runs, signatures }, now).await?;
        Ok(if kept { count } else { 0 })
    }

    /// What has no proof from a place in the ledger on, as much as shares a time-stamp.
    async fn unproved(&self, from: i64) -> Result<Vec<Unproven>, Error> {
        let most = i64::try_from(SIGNATURES + 1).unwrap_or(i64::MAX);
        Ok(whole(proofs::unproven(self.db.read(), from, SIGNINGS, most).await?))
    }

    /// The revocation lists for these certificates and for those above them.
    async fn lists_for(&self, kinds: Vec<Kind>) -> Result<Lists, Error> {
        let mut certificates: Vec<Certificate> = Vec::new();
        for Kind { serial, certificate } in kinds {
            for above in self.above(&serial).await? {
                if !certificates.contains(&above) {
                    certificates.push(above);
                }
            }
            certificates.push(certificate);
        }
        let current = cades::current(self, &certificates).await?;
        // A list of a clock that is a little ahead counts when the time-stamp is not older than it.
        let now = self.clock.now();
        let (good, young): (Vec<&Crl>, Vec<&Crl>) = current
            .lists
            .iter()
            .filter(|list| list.is_current(now.0) || list.this_update_ms() > now.0)
            .partition(|list| list.this_update_ms() <= now.0);
        let complete =
            if young.is_empty() { current.complete } else { current.complete.and(Err(too_young())) };
        Ok(Lists { ders: good.iter().map(|list| list.der().to_vec()).collect(), complete })
    }

    /// The certificates above one, but for the root.
    async fn above(&self, serial: &str) -> Result<Vec<Certificate>, Error> {
        let Some(row) = certificates::by_serial(self.db.read(), serial).await? else { return Ok(Vec::new()) };
        let below_root = row.chain.len().saturating_sub(1);
        let read = |text: &String| {
            let der = STANDARD.decode(text).ok()?;
            Certificate::from_der(&der).ok()
        };
        Ok(row.chain.iter().take(below_root).filter_map(read).collect())
    }

    /// Stores a proof, unless another process was first with one of its signatures: then nothing of it is stored.
    async fn keep_proof(&self, proof: Proof, now: Millis) -> Result<bool, Error> {
        let done: Result<(), Unkept> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    match store(tx, &proof, now).await {
                        Ok(true) => Ok(()),
                        Ok(false) => Err(Unkept::OthersFirst),
                        Err(error) => Err(Unkept::Failed(error)),
                    }
                })
            })
            .await;
        match done {
            Ok(()) => Ok(true),
            Err(Unkept::OthersFirst) => Ok(false),
            Err(Unkept::Failed(error)) => Err(error),
        }
    }
}

/// A certificate that stands for all whose status is in the same lists.
struct Kind {
    serial: String,
    certificate: Certificate,
}

/// Revocation lists in DER.
struct Lists {
    ders: Vec<Vec<u8>>,
    complete: Result<(), Error>,
}

/// A proof of signatures, not stored yet.
struct Proof {
    row: RecordsRow,
    /// By their SHA-256 in hexadecimal.
    lists: Vec<(String, Vec<u8>)>,
    runs: Runs,
    /// How many there are.
    signatures: u32,
}

/// Where the requests stand in the ledger whose signatures are proved: runs without a gap, and how many they are.
struct Runs {
    each: Vec<(i64, i64)>,
    signings: u64,
}

/// Why a proof is not stored.
enum Unkept {
    OthersFirst,
    Failed(Error),
}

impl From<db::Error> for Unkept {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

async fn store(tx: &mut Tx, proof: &Proof, now: Millis) -> Result<bool, Error> {
    for (sha256, list) in &proof.lists {
        proofs::keep_list(tx, sha256, list, now).await?;
    }
    crate::store::kept_records::insert(tx, &proof.row).await?;
    let mut marked = 0;
    for run in &proof.runs.each {
        marked += proofs::mark(tx, &proof.row.records_id, *run).await?;
    }
    if marked != proof.runs.signings {
        return Ok(false);
    }
    let event = Event::SignaturesProved {
        records: proof.row.records_id.to_string(),
        requests: marked,
        signatures: proof.signatures,
        lists: proof.row.lists.clone(),
    };
    audit::record(tx, now, &Actor::system("signer"), &event).await?;
    Ok(true)
}

/// The signatures of whole requests: those of the last one wait where there are more than share a time-stamp.
fn whole(mut rows: Vec<Unproven>) -> Vec<Unproven> {
    if rows.len() > SIGNATURES
        && let Some(last) = rows.last().map(|row| row.ordinal)
        && rows.first().is_some_and(|first| first.ordinal != last)
    {
        rows.retain(|row| row.ordinal != last);
    }
    rows
}

/// Runs, so that nothing lies in one that was not read.
fn runs(rows: &[Unproven]) -> Runs {
    let mut each: Vec<(i64, i64)> = Vec::new();
    let mut signings = 0;
    for ordinal in rows.iter().map(|row| row.ordinal) {
        if each.last().is_some_and(|(_, last)| *last == ordinal) {
            continue;
        }
        signings += 1;
        match each.last_mut() {
            Some((_, last)) if *last + 1 == ordinal => *last = ordinal,
            _ => each.push((ordinal, ordinal)),
        }
    }
    Runs { each, signings }
}

/// The certificates of signatures, one for each set of lists.
fn kinds(rows: &[Unproven]) -> Vec<Kind> {
    let (mut serials, mut places, mut found) = (HashSet::new(), HashSet::new(), Vec::new());
    for row in rows {
        let Some(der) = row.certificate.as_deref().filter(|_| serials.insert(row.serial.as_str())) else {
            continue;
        };
        let Ok(certificate) = Certificate::from_der(der) else { continue };
        if places.insert(place(&certificate)) {
            found.push(Kind { serial: row.serial.clone(), certificate });
        }
    }
    found
}

fn too_young() -> Error {
    let sentence = "A revocation list was made a moment ahead of this clock. Try again shortly.";
    Error::Authority(Problem::unavailable("revocation-list-missing", sentence, Duration::from_secs(5)))
}

/// In which lists the status of a certificate is: those of its issuer, at the places that it names.
fn place(certificate: &Certificate) -> (String, Vec<String>) {
    let points = certificate.crl_distribution_points().iter();
    let uris = points.flat_map(pki::DistributionPoint::uris).map(str::to_owned).collect();
    (certificate.issuer().to_string(), uris)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ordinals: &[i64]) -> Vec<Unproven> {
        let row = |ordinal: &i64| Unproven {
            ordinal: *ordinal,
            serial: String::new(),
            signed_at: Millis(0),
            digest: Vec::new(),
            signature: Vec::new(),
            certificate: None,
        };
        ordinals.iter().map(row).collect()
    }

    /// A run has nothing in it but what was read, each request once.
    #[test]
    fn runs_have_no_gap() {
        assert!(runs(&[]).each.is_empty());
        for (ordinals, each, signings) in [
            (&[7][..], &[(7, 7)][..], 1),
            (&[1, 1, 1, 2, 3, 3], &[(1, 3)], 3),
            (&[1, 3, 3, 4, 9], &[(1, 1), (3, 4), (9, 9)], 4),
        ] {
            let found = runs(&rows(ordinals));
            assert_eq!((found.each.as_slice(), found.signings), (each, signings), "{ordinals:?}");
        }
    }

    /// A request is proved whole or not at all; one alone is proved however many signatures it has.
    #[test]
    fn requests_stay_whole() {
        let full = [vec![1; SIGNATURES - 1], vec![2; 2]].concat();
        assert_eq!(whole(rows(&full)).len(), SIGNATURES - 1);
        assert_eq!(whole(rows(&full[..SIGNATURES])).len(), SIGNATURES);
        let one: Vec<i64> = std::iter::repeat_n(1, SIGNATURES + 1).collect();
        assert_eq!(whole(rows(&one)).len(), SIGNATURES + 1);
    }

    /// What is proved differs where any part of it does.
    #[test]
    fn every_part_counts() {
        let lists = [vec![4; 32], vec![5; 32]];
        let of = |parts: [u8; 3], hash, lists: &[Vec<u8>]| {
            let [signature, digest, certificate] = &parts.map(|part| [part]);
            Proved { signature, digest, certificate }.digest(hash, lists)
        };
        let good = of([1, 2, 3], Hash::Sha256, &lists);
        assert_eq!((good.len(), of([1, 2, 3], Hash::Sha512, &lists).len()), (32, 64));
        let swapped = [lists[1].clone(), lists[0].clone()];
        for other in [
            of([9, 2, 3], Hash::Sha256, &lists),
            of([1, 9, 3], Hash::Sha256, &lists),
            of([1, 2, 9], Hash::Sha256, &lists),
            of([1, 2, 3], Hash::Sha256, &swapped),
            of([1, 2, 3], Hash::Sha256, &lists[..1]),
            of([1, 2, 3], Hash::Sha256, &[]),
        ] {
            assert_ne!(good, other);
        }
    }
}
