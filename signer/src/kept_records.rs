//! Evidence records that are kept here and renew themselves.
//!
//! The records of one request share their time-stamps, so one row holds all of them: the digests, and one token after the other, each about the one
//! before (RFC 4998 5.2). Well before the certificate of the last token ends, and whenever time-stamps are signed with another algorithm than that
//! token was, a further one is got for the whole row. A pass renews a bounded number, the most urgent first, and says how many are left; a crash in
//! it loses one time-stamp that nobody has, and the next pass goes on. Before a further one is got, what shows that the last one was good is put
//! into it, so that the further one covers that too: years later nothing else says so.
//!
//! The records of the ledger (`proofs`) are rows among them, which nobody has asked for and which are kept for good. When a longer hash is set, they
//! get a new chain in it, for what they are of can be made again from the ledger; what clients have is known by its digest alone.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::clock::Millis;

use crate::api::{KeptRecords, SIGN};
use crate::cades;
use crate::error::Error;
use crate::events::Event;
use crate::evidence_record::{MOST_STAMPS, Record, Tree};
use crate::ids::RecordsId;
use crate::offload::off_thread_if;
use crate::proofs::each;
use crate::signer::Signer;
use crate::store::kept_records::{self, ChainRow, Due, DueBy, RecordsRow};
use crate::store::proofs::{self, Unproven};
use crate::suite::Hash;
use crate::time_stamp::{Asker, Request, Token};
use crate::verification::{Evidence, Verdict, judge_here};

/// How many one client may have kept.
const MOST: i64 = 10_000;
/// How long before the end of its certificate a time-stamp is followed by another.
const AHEAD_MS: i64 = 90 * 86_400_000;
/// How many rows a pass renews.
const IN_A_PASS: usize = 200;
/// How many are read at a time, and how often: so many may be damaged before the others are reached.
const IN_A_PAGE: i64 = 50;
const PAGES: usize = 200;
/// How many rows a pass erases whose time is over.
const ERASED: i64 = 500;

/// Whose the records of the ledger are: no client has this name.
const LEDGER: &str = "module:signer";

/// How long a year is taken to be.
const YEAR_MS: i64 = 365 * 86_400_000 + 21_600_000;

/// When a time-stamp is to be followed by another: ahead of the end of its certificate, or half-way to it where that is sooner.
fn renew_at(token: &Token, now: Millis) -> Millis {
    let half_way = now.0 + (token.ends_at.0 - now.0).max(0) / 2;
    Millis((token.ends_at.0 - AHEAD_MS).max(half_way))
}

/// Keeps the records of a request; the name under which they are found.
pub(crate) async fn keep(
    signer: &Signer,
    caller: &Caller,
    (hash, digests): (Hash, &[Vec<u8>]),
    token: &Token,
    years: u32,
) -> Result<RecordsId, Error> {
    let now = signer.clock.now();
    let row = RecordsRow {
        records_id: RecordsId::new(now),
        client: caller.client.to_string(),
        hash: hash.oid().to_owned(),
        digests: digests.concat(),
        tokens: vec![STANDARD.encode(&token.der)],
        algorithm: token.alg.to_string(),
        chains: Vec::new(),
        lists: Vec::new(),
        renew_at: renew_at(token, now),
        created_at: now,
        expires_at: Millis(now.0 + i64::from(years) * YEAR_MS),
    };
    let event = Event::EvidenceRecordsKept {
        records: row.records_id.to_string(),
        client: row.client.clone(),
        digests: u32::try_from(digests.len()).unwrap_or(u32::MAX),
        expires_at: row.expires_at.0,
    };
    let (id, actor) = (row.records_id.clone(), Actor::from(caller));
    let done: Result<bool, Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                if kept_records::count(tx, &row.client).await? >= MOST {
                    return Ok(false);
                }
                kept_records::insert(tx, &row).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(true)
            })
        })
        .await;
    if done? { Ok(id) } else { Err(Error::RecordsFull) }
}

/// Kept records as they are now, for the client whose they are.
pub(crate) async fn show(signer: &Signer, caller: &Caller, id: &RecordsId) -> Result<KeptRecords, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let found = kept_records::by_id(signer.db.read(), id, signer.clock.now()).await?;
    let row = found.filter(|row| row.client == caller.client.as_str()).ok_or(Error::RecordsUnknown)?;
    let all = Records::read(&row)?;
    let records: Result<Vec<_>, Error> =
        (0..all.count).map(|place| all.record(place).map(|record| STANDARD.encode(record))).collect();
    Ok(KeptRecords {
        records: row.records_id.to_string(),
        evidence_records: records?,
        renewals: row.renewals(),
        renew_at: row.renew_at.0,
        kept_until: row.expires_at.0,
    })
}

/// The row of the records over digests of the ledger; `lists` are the revocation lists that belong to them.
pub(crate) fn of_ledger(
    (hash, digests): (Hash, &[Vec<u8>]),
    token: &Token,
    lists: Vec<String>,
    now: Millis,
) -> RecordsRow {
    RecordsRow {
        records_id: RecordsId::new(now),
        client: LEDGER.to_owned(),
        hash: hash.oid().to_owned(),
        digests: digests.concat(),
        tokens: vec![STANDARD.encode(&token.der)],
        algorithm: token.alg.to_string(),
        chains: Vec::new(),
        lists,
        renew_at: renew_at(token, now),
        created_at: now,
        expires_at: Millis(i64::MAX),
    }
}

/// The record of this digest; nothing where it is of none in the row.
pub(crate) fn record_of(row: &RecordsRow, digest: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let all = Records::read(row)?;
    let place = row.digests.chunks(all.first.hash.len()).position(|one| one == digest);
    place.map(|place| all.record(place)).transpose()
}

/// What the records of a row are made of.
struct Records {
    /// How many there are.
    count: usize,
    first: Chain,
    later: Vec<Chain>,
}

/// Time-stamps of one hash, the first over a tree and each other about the one before.
struct Chain {
    hash: Hash,
    tree: Tree,
    first: Vec<u8>,
    later: Vec<Vec<u8>>,
}

impl Records {
    fn read(row: &RecordsRow) -> Result<Self, Error> {
        let first = Chain::read(&row.hash, &row.digests, &row.tokens)?;
        let count = row.digests.len() / first.hash.len();
        let later = row.chains.iter().map(|chain| {
            let leaves = STANDARD.decode(&chain.leaves).map_err(|_| unreadable())?;
            let read = Chain::read(&chain.hash, &leaves, &chain.tokens)?;
            // Each record of the first has its place in every later one.
            if leaves.len() / read.hash.len() == count { Ok(read) } else { Err(unreadable()) }
        });
        let later = later.collect::<Result<_, _>>()?;
        Ok(Self { count, first, later })
    }

    /// The record of the digest at this place.
    fn record(&self, place: usize) -> Result<Vec<u8>, Error> {
        let made = self.first.renewed(self.first.tree.record(place, &self.first.first));
        self.later.iter().try_fold(made?, |record, chain| {
            let stamp = chain.tree.stamp(place, &chain.first);
            let record = Record::read(&record).ok_or_else(unreadable)?.chained(chain.hash, &stamp);
            chain.renewed(record)
        })
    }
}

impl Chain {
    /// Of digests, one after the other, and time-stamps in base64.
    fn read(hash: &str, digests: &[u8], tokens: &[String]) -> Result<Self, Error> {
        let hash = Hash::called(hash).ok_or_else(unreadable)?;
        let tokens: Result<Vec<Vec<u8>>, _> = tokens.iter().map(|token| STANDARD.decode(token)).collect();
        let mut tokens = tokens.map_err(|_| unreadable())?.into_iter();
        let first = tokens.next().ok_or_else(unreadable)?;
        if digests.is_empty() || !digests.len().is_multiple_of(hash.len()) {
            return Err(unreadable());
        }
        let digests: Vec<Vec<u8>> = digests.chunks(hash.len()).map(<[u8]>::to_vec).collect();
        let tree = Tree::over(hash, &digests);
        // A record of one hash has no tree that could be held against its time-stamp.
        if Evidence::imprint(&first).as_deref() != Some(tree.root()) {
            return Err(unreadable());
        }
        Ok(Self { hash, tree, first, later: tokens.collect() })
    }

    /// A record with the further time-stamps of its last chain, which is this.
    fn renewed(&self, record: Vec<u8>) -> Result<Vec<u8>, Error> {
        let renewed =
            self.later.iter().try_fold(record, |record, token| Record::read(&record)?.renewed(token));
        renewed.ok_or_else(unreadable)
    }

    /// The time-stamp that nothing is about yet.
    fn last(&self) -> &[u8] {
        self.later.last().unwrap_or(&self.first)
    }
}

fn unreadable() -> Error {
    Error::StoredRow { what: "evidence record" }
}

impl Signer {
    /// Renews so many of the records that are due as a pass may, and erases those whose time is over; how many were renewed.
    pub async fn renew_records(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        self.db.write(move |tx| Box::pin(async move { kept_records::erase(tx, now, ERASED).await })).await?;
        let Some(alg) = self.time_stamping_algorithm() else { return Ok(0) };
        let mut aged = self.config.proof_hash.hash().shorter().map(Hash::oid);
        let aged = [aged.next().unwrap_or(""), aged.next().unwrap_or("")];
        let by = DueBy { now, algorithm: alg.to_string(), rehashed: LEDGER, aged };
        let due = kept_records::due_count(self.db.read(), &by).await?;
        metrics::gauge!("signer_evidence_renewals_due")
            .set(f64::from(u32::try_from(due).unwrap_or(u32::MAX)));
        if due == 0 {
            metrics::gauge!("signer_evidence_records_left_out").set(0.0);
            return Ok(0);
        }
        let Pass { renewed, left_out } = self.renew_due(&by).await?;
        metrics::counter!("signer_evidence_records_renewed_total").increment(renewed as u64);
        metrics::gauge!("signer_evidence_records_left_out")
            .set(f64::from(u32::try_from(left_out).unwrap_or(u32::MAX)));
        tracing::info!(renewed, due, left_out, "renewed {renewed} of {due} evidence records that are due");
        Ok(renewed)
    }

    /// One that is damaged, or does not verify, is left out and told of, and stands in the way of no other. What else fails ends the pass: the clock
    /// or the token may be what is away, and all is looked at again in a minute.
    async fn renew_due(&self, by: &DueBy) -> Result<Pass, Error> {
        let mut pass = Pass { renewed: 0, left_out: 0 };
        let mut place = (Millis(0), String::new());
        for _ in 0..PAGES {
            let page = kept_records::due(self.db.read(), by, &place, IN_A_PAGE).await?;
            let Some(last) = page.last() else { break };
            place = last.place.clone();
            for Due { place: (_, records), row } in page {
                let done = match row {
                    Ok(row) => self.renew_one(row, by.now).await,
                    Err(error) => Err(error),
                };
                match done {
                    Ok(Ok(())) => pass.renewed += 1,
                    Ok(Err(why)) => pass.leave_out(&records, &why),
                    Err(error @ Error::StoredRow { .. }) => pass.leave_out(&records, &error.to_string()),
                    Err(error) => {
                        metrics::counter!("signer_evidence_renewal_failures_total").increment(1);
                        tracing::error!(%error, records, "an evidence record could not be renewed: {error}");
                        return Ok(pass);
                    }
                }
                if pass.renewed >= IN_A_PASS {
                    return Ok(pass);
                }
            }
        }
        Ok(pass)
    }

    /// Renews one that holds; why it does not, otherwise.
    async fn renew_one(&self, mut row: RecordsRow, now: Millis) -> Result<Result<(), String>, Error> {
        // All of them share the time-stamps and the trees.
        let (first, hash, last) = {
            let all = Records::read(&row)?;
            let last = all.later.last().unwrap_or(&all.first);
            (all.record(0)?, last.hash, last.last().to_vec())
        };
        if Record::read(&first).is_some_and(|record| record.is_full()) {
            return Ok(Err(format!("it has {MOST_STAMPS} time-stamps, as many as a record may have")));
        }
        let report = judge_here(self, Evidence::record(&first, None)).await?;
        if report.verdict != Verdict::Valid {
            return Ok(Err(report.reason().map(|reason| reason.sentence.clone()).unwrap_or_default()));
        }
        let before = row.clone();
        let last = cades::with_lists(self, &last).await?;
        row.last_tokens().pop();
        row.last_tokens().push(STANDARD.encode(&last));
        let wanted = self.config.proof_hash.hash();
        let token = if row.client == LEDGER && hash.len() < wanted.len() {
            let leaves = match self.leaves(&row, wanted).await? {
                Ok(leaves) => leaves,
                Err(why) => return Ok(Err(why)),
            };
            let (root, leaves) = off_thread_if(true, move || {
                (Tree::over(wanted, &leaves).root().to_vec(), STANDARD.encode(leaves.concat()))
            })
            .await;
            let token = self
                .time_stamp(&Asker::Ourselves, Request::of(wanted, &root))
                .await
                .map_err(Error::TimeStamp)?;
            let tokens = vec![STANDARD.encode(&token.der)];
            row.chains.push(ChainRow { hash: wanted.oid().to_owned(), leaves, tokens });
            token
        } else {
            let request = Request::of(hash, &hash.digest(&last));
            let token = self.time_stamp(&Asker::Ourselves, request).await.map_err(Error::TimeStamp)?;
            row.last_tokens().push(STANDARD.encode(&token.der));
            token
        };
        (row.algorithm, row.renew_at) = (token.alg.to_string(), renew_at(&token, now));
        self.keep_renewed(row, before, now).await
    }

    /// What a new chain of the records of the ledger is about, in the order of the row: each of the signature, as the ledger has it, in the hash of
    /// that chain and of the chains before (RFC 4998 5.3). Why there is none, where the ledger has something else than what is proved.
    async fn leaves(&self, row: &RecordsRow, hash: Hash) -> Result<Result<Vec<Vec<u8>>, String>, Error> {
        let signatures = proofs::of_records(self.db.read(), &row.records_id).await?;
        let mut lists = Vec::new();
        for sha256 in &row.lists {
            match proofs::kept_list(self.db.read(), sha256).await? {
                Some(list) => lists.push(list),
                None => return Ok(Err(format!("the revocation list {sha256} is missing"))),
            }
        }
        let row = row.clone();
        off_thread_if(true, move || leaves(&row, &signatures, &lists, hash)).await
    }

    async fn keep_renewed(
        &self,
        row: RecordsRow,
        before: RecordsRow,
        now: Millis,
    ) -> Result<Result<(), String>, Error> {
        let event = Event::EvidenceRecordsRenewed {
            records: row.records_id.to_string(),
            client: row.client.clone(),
            renewals: u32::try_from(row.renewals()).unwrap_or(u32::MAX),
            renew_at: row.renew_at.0,
        };
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    // Another process may have renewed it meanwhile: then there is nothing to do.
                    if kept_records::renew(tx, &row, &before).await? {
                        audit::record(tx, now, &Actor::system("signer"), &event).await?;
                    }
                    Ok::<_, Error>(Ok(()))
                })
            })
            .await
    }
}

fn leaves(
    row: &RecordsRow,
    signatures: &[Unproven],
    lists: &[Vec<u8>],
    hash: Hash,
) -> Result<Result<Vec<Vec<u8>>, String>, Error> {
    let all = Records::read(row)?;
    let first = all.first.hash;
    let (lists_before, lists_now) = (each(first, lists), each(hash, lists));
    let digests: Vec<&[u8]> = row.digests.chunks(first.len()).collect();
    let found = signatures.iter().map(|it| it.proved().digest(first, &lists_before));
    if signatures.len() != all.count || !found.zip(&digests).all(|(found, digest)| found == *digest) {
        return Ok(Err("the ledger has not what is proved".to_owned()));
    }
    let leaf = |(place, signature): (usize, &Unproven)| -> Result<Vec<u8>, Error> {
        let record = all.record(place)?;
        let read = Record::read(&record).ok_or_else(unreadable)?;
        Ok(read.to_rehash(hash, &signature.proved().digest(hash, &lists_now), read.chains.len()))
    };
    signatures.iter().enumerate().map(leaf).collect::<Result<Vec<_>, _>>().map(Ok)
}

/// What became of those that are due.
struct Pass {
    renewed: usize,
    left_out: usize,
}

impl Pass {
    fn leave_out(&mut self, records: &str, why: &str) {
        self.left_out += 1;
        metrics::counter!("signer_evidence_renewal_failures_total").increment(1);
        tracing::error!(records, why, "an evidence record is not renewed, because it does not hold: {why}");
    }
}
