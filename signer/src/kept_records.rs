//! Evidence records that are kept here and renew themselves.
//!
//! The records of one request share their time-stamps, so one row holds all of them: the digests, and one token after the other, each about the one
//! before (RFC 4998 5.2). Well before the certificate of the last token ends, and whenever time-stamps are signed with another algorithm than that
//! token was, a further one is got for the whole row. A pass renews a bounded number, the most urgent first, and says how many are left; a crash in
//! it loses one time-stamp that nobody has, and the next pass goes on. Before a further one is got, what shows that the last one was good is put
//! into it, so that the further one covers that too: years later nothing else says so.
//!
//! The records of the ledger (`proofs`) are rows among them, which nobody has asked for and which are kept for good.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::clock::Millis;

use crate::api::{KeptRecords, SIGN};
use crate::cades;
use crate::error::Error;
use crate::events::Event;
use crate::evidence_record::{Record, Tree};
use crate::ids::RecordsId;
use crate::signer::Signer;
use crate::store::kept_records::{self, Due, RecordsRow};
use crate::suite::Hash;
use crate::time_stamp::{Request, Token};
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
        renewals: row.tokens.len().saturating_sub(1),
        renew_at: row.renew_at.0,
        kept_until: row.expires_at.0,
    })
}

/// The row of the records over digests of the ledger, in SHA-256; `lists` are the revocation lists that belong to them.
pub(crate) fn of_ledger(digests: &[Vec<u8>], token: &Token, lists: Vec<String>, now: Millis) -> RecordsRow {
    RecordsRow {
        records_id: RecordsId::new(now),
        client: LEDGER.to_owned(),
        hash: Hash::Sha256.oid().to_owned(),
        digests: digests.concat(),
        tokens: vec![STANDARD.encode(&token.der)],
        algorithm: token.alg.to_string(),
        lists,
        renew_at: renew_at(token, now),
        created_at: now,
        expires_at: Millis(i64::MAX),
    }
}

/// The record of this digest; nothing where it is of none in the row.
pub(crate) fn record_of(row: &RecordsRow, digest: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let all = Records::read(row)?;
    let place = row.digests.chunks(all.hash.len()).position(|one| one == digest);
    place.map(|place| all.record(place)).transpose()
}

/// What the records of a row are made of.
struct Records {
    hash: Hash,
    tree: Tree,
    /// How many there are.
    count: usize,
    tokens: Vec<Vec<u8>>,
}

impl Records {
    fn read(row: &RecordsRow) -> Result<Self, Error> {
        let (hash, tokens) = parts(row)?;
        let first = tokens.first().ok_or_else(unreadable)?;
        let digests: Vec<Vec<u8>> = row.digests.chunks(hash.len()).map(<[u8]>::to_vec).collect();
        if digests.is_empty() || digests.iter().any(|digest| digest.len() != hash.len()) {
            return Err(unreadable());
        }
        let tree = Tree::over(hash, &digests);
        // A record of one hash has no tree that could be held against its time-stamp.
        if Evidence::imprint(first).as_deref() != Some(tree.root()) {
            return Err(unreadable());
        }
        Ok(Self { hash, tree, count: digests.len(), tokens })
    }

    /// The record of the digest at this place.
    fn record(&self, place: usize) -> Result<Vec<u8>, Error> {
        let (first, later) = self.tokens.split_first().ok_or_else(unreadable)?;
        let made = self.tree.record(place, first);
        let renewed = later.iter().try_fold(made, |record, token| Record::read(&record)?.renewed(token));
        renewed.ok_or_else(unreadable)
    }
}

fn parts(row: &RecordsRow) -> Result<(Hash, Vec<Vec<u8>>), Error> {
    let hash = Hash::called(&row.hash).ok_or_else(unreadable)?;
    let tokens: Result<Vec<Vec<u8>>, _> = row.tokens.iter().map(|token| STANDARD.decode(token)).collect();
    Ok((hash, tokens.map_err(|_| unreadable())?))
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
        let alg = alg.to_string();
        let due = kept_records::due_count(self.db.read(), now, &alg).await?;
        metrics::gauge!("signer_evidence_renewals_due")
            .set(f64::from(u32::try_from(due).unwrap_or(u32::MAX)));
        if due == 0 {
            metrics::gauge!("signer_evidence_records_left_out").set(0.0);
            return Ok(0);
        }
        let Pass { renewed, left_out } = self.renew_due(now, &alg).await?;
        metrics::counter!("signer_evidence_records_renewed_total").increment(renewed as u64);
        metrics::gauge!("signer_evidence_records_left_out")
            .set(f64::from(u32::try_from(left_out).unwrap_or(u32::MAX)));
        tracing::info!(renewed, due, left_out, "renewed {renewed} of {due} evidence records that are due");
        Ok(renewed)
    }

    /// One that is damaged, or does not verify, is left out and told of, and stands in the way of no other. What else fails ends the pass: the clock
    /// or the token may be what is away, and all is looked at again in a minute.
    async fn renew_due(&self, now: Millis, alg: &str) -> Result<Pass, Error> {
        let mut pass = Pass { renewed: 0, left_out: 0 };
        let mut place = (Millis(0), String::new());
        for _ in 0..PAGES {
            let page = kept_records::due(self.db.read(), (now, alg), &place, IN_A_PAGE).await?;
            let Some(last) = page.last() else { break };
            place = last.place.clone();
            for Due { place: (_, records), row } in page {
                let done = match row {
                    Ok(row) => self.renew_one(row, now).await,
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
        // All of them share the time-stamps and the tree.
        let first = Records::read(&row)?.record(0)?;
        let report = judge_here(self, Evidence::record(&first, None)).await?;
        if report.verdict != Verdict::Valid {
            return Ok(Err(report.reason().map(|reason| reason.sentence.clone()).unwrap_or_default()));
        }
        let (hash, tokens) = parts(&row)?;
        let last = tokens.last().ok_or_else(unreadable)?;
        let last = cades::with_lists(self, last).await?;
        let request = Request::of(hash, &hash.digest(&last));
        let token = self.time_stamp(request).await.map_err(Error::TimeStamp)?;
        let before = row.tokens.clone();
        row.tokens.pop();
        row.tokens.extend([STANDARD.encode(&last), STANDARD.encode(&token.der)]);
        (row.algorithm, row.renew_at) = (token.alg.to_string(), renew_at(&token, now));
        let event = Event::EvidenceRecordsRenewed {
            records: row.records_id.to_string(),
            client: row.client.clone(),
            renewals: u32::try_from(row.tokens.len() - 1).unwrap_or(u32::MAX),
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
