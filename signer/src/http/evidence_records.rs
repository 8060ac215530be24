//! `/signer/evidence-records`: one time-stamp for many digests (RFC 4998).

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{EvidenceRecords, KeptRecords, RecordDigests, RenewRecord, RenewedRecord, SIGN};
use crate::cades;
use crate::config::MOST_DOCUMENTS;
use crate::error::Error;
use crate::evidence_record::{MOST_STAMPS, Record, Tree};
use crate::ids::RecordsId;
use crate::kept_records;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::suite::Hash;
use crate::time_stamp::{Asker, Request};
use crate::verification::{Evidence, Verdict, judge_here};

/// For how long records are kept at most.
const LONGEST_YEARS: u32 = 50;

/// Says of many digests that they were here, and when: a record for each, in their order.
#[utoipa::path(post, path = "/signer/evidence-records", tag = "signer", request_body = RecordDigests,
    responses((status = 200, body = EvidenceRecords)))]
pub(crate) async fn create(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<RecordDigests>,
) -> Result<Json<EvidenceRecords>, Problem> {
    caller.may(SIGN)?;
    let sharer = Sharer::from(&caller);
    let _place = signer.under_way.take(&sharer)?;
    let asker = Asker::Application(sharer);
    let (hash, digests) = parse(&request)?;
    let tree = Tree::over(hash, &digests);
    let token = signer.time_stamp(&asker, Request::of(hash, tree.root())).await.map_err(Error::TimeStamp)?;
    let records = (0..digests.len()).map(|place| STANDARD.encode(tree.record(place, &token.der)));
    let kept = match request.keep_years {
        None => None,
        Some(years) => Some(kept_records::keep(&signer, &caller, (hash, &digests), &token, years).await?),
    };
    let records =
        EvidenceRecords { evidence_records: records.collect(), records: kept.map(|id| id.to_string()) };
    Ok(Json(records))
}

/// Evidence records that are kept here, with the time-stamps that they have by now.
#[utoipa::path(get, path = "/signer/evidence-records/{records}", tag = "signer",
    params(("records" = String, Path, description = "From the answer that made them")),
    responses((status = 200, body = KeptRecords), (status = 404, description = "They are not kept here for you", body = Body)))]
pub(crate) async fn show(
    State(signer): State<Signer>,
    caller: Caller,
    Path(records): Path<String>,
) -> Result<Json<KeptRecords>, Problem> {
    // Whoever may not sign is not told what an id looks like.
    caller.may(SIGN)?;
    let records: RecordsId = records.parse().map_err(|_| Error::RecordsUnknown)?;
    Ok(Json(kept_records::show(&signer, &caller, &records).await?))
}

/// Puts a further time-stamp behind the last one of a record, before that one's certificate or algorithm ages; or, with `hash_algo` and `hash`, a
/// new chain behind the others, before the hash of the documents ages. A record that does not hold is not renewed, nor one that is full.
#[utoipa::path(post, path = "/signer/evidence-records/renewals", tag = "signer", request_body = RenewRecord,
    responses((status = 200, body = RenewedRecord)))]
pub(crate) async fn renew(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<RenewRecord>,
) -> Result<Json<RenewedRecord>, Problem> {
    caller.may(SIGN)?;
    let sharer = Sharer::from(&caller);
    let _place = signer.under_way.take(&sharer)?;
    let asker = Asker::Application(sharer);
    let wrong =
        || Error::Verification { sentence: "evidence_record is an EvidenceRecord of RFC 4998, base64." };
    let octets = STANDARD.decode(&request.evidence_record).map_err(|_| wrong())?;
    let record = Record::read(&octets).ok_or_else(wrong)?;
    if record.is_full() {
        return Err(full());
    }
    let report = judge_here(&signer, Evidence::record(&octets, None)).await?;
    let reason = || report.reason().map(|reason| reason.sentence.clone()).unwrap_or_default();
    match report.verdict {
        Verdict::Valid => {}
        Verdict::Indeterminate => {
            let sentence =
                format!("The record is not renewed, because it is not known to hold: {}.", reason());
            return Err(Problem::conflict("evidence-record-unproven", sentence));
        }
        Verdict::Invalid => {
            let sentence = format!("The record is not renewed, because it does not hold: {}.", reason());
            return Err(Problem::invalid("evidence-record-wrong", sentence));
        }
    }
    // RFC 4998 5.2: what shows that the last one was good is covered by the one that follows it.
    let last = cades::with_lists(&signer, record.last_token().ok_or_else(wrong)?).await?;
    let octets = record.replaced(&last).ok_or_else(wrong)?;
    let record = Record::read(&octets).ok_or_else(wrong)?;
    let renewed = match (&request.hash_algo, &request.hash) {
        (None, None) => {
            let (hash, digest) = record.to_renew().ok_or_else(wrong)?;
            let token =
                signer.time_stamp(&asker, Request::of(hash, &digest)).await.map_err(Error::TimeStamp)?;
            record.renewed(&token.der).ok_or_else(wrong)?
        }
        (Some(hash_algo), Some(digest)) => {
            let both = RecordDigests {
                hashes: vec![digest.clone()],
                hash_algo: Some(hash_algo.clone()),
                keep_years: None,
            };
            let (hash, digests) = parse(&both)?;
            let about = record.to_rehash(hash, &digests.concat(), record.chains.len());
            let token =
                signer.time_stamp(&asker, Request::of(hash, &about)).await.map_err(Error::TimeStamp)?;
            record.rehashed(hash, &token.der)
        }
        _ => return Err(Error::Verification { sentence: "hash_algo and hash go together." }.into()),
    };
    Ok(Json(RenewedRecord { evidence_record: STANDARD.encode(renewed) }))
}

/// A further time-stamp would make a record that is not read here.
fn full() -> Problem {
    let sentence = format!(
        "The record is not renewed, because it has {MOST_STAMPS} time-stamps, as many as one may have. Have a record made over the whole of it, \
         renew that, and keep both."
    );
    Problem::conflict("evidence-record-full", sentence)
}

fn parse(request: &RecordDigests) -> Result<(Hash, Vec<Vec<u8>>), Error> {
    let refused = |sentence| Error::Verification { sentence };
    let hash = request.hash_algo.as_deref().map_or(Some(Hash::Sha256), Hash::called);
    let hash =
        hash.ok_or_else(|| refused("hash_algo is the object identifier of SHA-256, SHA-384 or SHA-512."))?;
    if request.hashes.is_empty() || request.hashes.len() > MOST_DOCUMENTS {
        return Err(refused("hashes has 1 to 1000 members."));
    }
    let digests: Result<Vec<Vec<u8>>, _> = request.hashes.iter().map(|text| STANDARD.decode(text)).collect();
    let digests = digests.map_err(|_| refused("hashes are base64."))?;
    if digests.iter().any(|digest| digest.len() != hash.len()) {
        return Err(refused("Each of hashes is as long as its algorithm says."));
    }
    if request.keep_years.is_some_and(|years| !(1..=LONGEST_YEARS).contains(&years)) {
        return Err(refused("keep_years is 1 to 50."));
    }
    Ok((hash, digests))
}
