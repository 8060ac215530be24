//! The levels of CAdES above B-B (ETSI EN 319 122-1 6): what makes a signature provable for years is put around it.
//!
//! A signature itself is never touched, and lies in the ledger without what is put around: the same request again gets the same
//! signature, and for an hour, or as long as an answer is kept that is fetched later, with the same around it, from whichever process; later
//! with a time-stamp of its own.

mod archive;
mod material;
mod parts;
mod raised;
mod validation;

use platform::problem::Problem;
use tokio::task::JoinSet;

use crate::cms::der::{CONTEXT_0, SEQUENCE, SET, element};
use crate::error::Error;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::suite::Hash;
use crate::time_stamp::{Asker, Request, attribute};
use crate::verification::{Document, Evidence, MOST_STAMPS, Report, Verdict, judge_here};
use parts::Parts;

pub(crate) use archive::{HASH_INDEX, hash_index};
pub(crate) use material::current;
pub(crate) use parts::Unsigned;
pub(crate) use raised::{Raised, Until};
pub(crate) use validation::{Validation, validation};

/// How much stands around a signature. Each has all that the ones before have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    /// The signature.
    B,
    /// A time-stamp over it.
    T,
    /// The certificates and revocation lists with which both can be checked.
    Lt,
    /// A time-stamp over all of it, which a further one can follow before its key ages.
    Lta,
}

impl Level {
    /// Every level as the CSC API calls it, lowest first.
    pub(crate) const NAMES: [(&'static str, Self); 4] =
        [("Ades-B-B", Self::B), ("Ades-B-T", Self::T), ("Ades-B-LT", Self::Lt), ("Ades-B-LTA", Self::Lta)];

    /// As the specification's table has it.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }

    /// What a client calls so. The specification writes `Ades-B-B` in its table and `AdES-B-B` in its samples.
    pub(crate) fn called(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
    }
}

/// id-aa-signatureTimeStampToken, RFC 3161 appendix A.
pub(crate) const SIGNATURE_TIME_STAMP: &[u8] =
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x0E];
/// id-aa-ets-archiveTimestampV3, EN 319 122-1 5.5.3.
pub(crate) const ARCHIVE_TIME_STAMP: &[u8] = &[0x04, 0x00, 0x8D, 0x45, 0x02, 0x04];

/// A signature that is to be raised.
pub(crate) struct Signed {
    pub(crate) cms: Vec<u8>,
    pub(crate) level: Level,
    /// The hash of its document, and the digest.
    pub(crate) hash: Hash,
    pub(crate) digest: Vec<u8>,
}

/// Raises signatures to their levels, together: their time-stamps are signed as one group. In their order. Whoever asks for it holds their
/// share meanwhile. What was made is kept until then.
pub(crate) async fn raise(
    signer: &Signer,
    sharer: &Sharer,
    made: Vec<Signed>,
    until: Until,
) -> Result<Vec<Vec<u8>>, Error> {
    let now = signer.clock.now();
    let mut raised = vec![Vec::new(); made.len()];
    let mut under_way = JoinSet::new();
    for (place, signed) in made.into_iter().enumerate() {
        if signed.level == Level::B {
            raised[place] = signed.cms;
            continue;
        }
        let key = raised::key(&signed);
        let before = match signer.raised.get(&key, now) {
            Some(before) if until.is_met(before.until) => {
                raised[place] = before.cms;
                continue;
            }
            before => before.map(|before| before.cms),
        };
        let (signer, asker) = (signer.clone(), Asker::Application(sharer.clone()));
        under_way.spawn(async move {
            let made = match before {
                Some(before) => raised::lengthen(&signer, &key, (&signed.cms, &before), until).await,
                None => raise_once(&signer, &asker, (&key, signed), until).await,
            };
            (place, made.map(|made| signer.raised.keep(key, made)))
        });
    }
    // The first failure ends the others: dropped, they ask for nothing more.
    while let Some(done) = under_way.join_next().await {
        let (place, cms) = done.map_err(|_| Error::StoredRow { what: "signature" })?;
        raised[place] = cms?;
    }
    Ok(raised)
}

/// What was made of it before, by whichever process; or what is made now. A crash before that is stored leaves a time-stamp that nobody has seen.
async fn raise_once(
    signer: &Signer,
    asker: &Asker,
    (key, of): (&[u8; 32], Signed),
    until: Until,
) -> Result<raised::Made, Error> {
    if let Some(before) = raised::stored(signer, key, &of.cms, until).await? {
        return Ok(before);
    }
    let parts = raise_one(signer, asker, &of).await?;
    raised::store(signer, key, (&of.cms, parts), until).await
}

async fn raise_one(signer: &Signer, asker: &Asker, of: &Signed) -> Result<Parts, Error> {
    let unreadable = || Error::StoredRow { what: "signature" };
    let mut parts = Parts::read(&of.cms).ok_or_else(unreadable)?;
    // EN 319 122-1 5.3: over the octets of the signature value.
    let imprint = of.hash.digest(&parts.signature);
    let token = time_stamp(signer, asker, of.hash, &imprint).await?;
    parts.unsigned.push(attribute(SIGNATURE_TIME_STAMP, &token));
    if of.level >= Level::Lt {
        material::add(signer, &mut parts, &token).await?;
    }
    if of.level >= Level::Lta {
        archive(signer, asker, &mut parts, (of.hash, &of.digest)).await?;
    }
    Ok(parts)
}

/// Puts an archive time-stamp around all that is there.
async fn archive(
    signer: &Signer,
    asker: &Asker,
    parts: &mut Parts,
    (hash, digest): (Hash, &[u8]),
) -> Result<(), Error> {
    let unreadable = || Error::StoredRow { what: "signature" };
    let index = hash_index(&parts.certificates, &parts.crls, &parts.unsigned, hash).ok_or_else(unreadable)?;
    let imprint = archive::imprint(parts, digest, &index);
    let token = time_stamp(signer, asker, hash, &hash.digest(&imprint)).await?;
    // EN 319 122-1 5.5.2: the index travels with the token, unsigned, and its octets are in the imprint.
    let mut inner = Parts::read(&token).ok_or_else(unreadable)?;
    inner.unsigned.push(attribute(HASH_INDEX, &index));
    parts.unsigned.push(attribute(ARCHIVE_TIME_STAMP, &inner.join()));
    Ok(())
}

/// Puts a further archive time-stamp around a signature, with what is current of revocation now: before the certificate or the algorithm of
/// the last one ages. The document is given where it is not inside. A signature without a time-stamp of its own gets one, and then proves
/// that it was there from now on. What does not hold now would only seem to have held, and is refused. The hash is the longest of the time-stamps that
/// are there, unless another is asked for. One that has as many time-stamps as a reader looks at gets no other.
pub(crate) async fn renew(
    signer: &Signer,
    asker: &Asker,
    (cms, document): (&[u8], Option<&[u8]>),
    hash: Option<Hash>,
) -> Result<Vec<u8>, Error> {
    let refused = |sentence| Error::Verification { sentence };
    let mut parts = Parts::read(cms)
        .ok_or_else(|| refused("cms is a CMS of one signer with signed attributes, in DER."))?;
    if parts.time_stamps().len() >= MOST_STAMPS {
        return Err(Error::Dss(many()));
    }
    let inside = parts.document();
    let beside = document.map_or(Document::Inside, Document::Beside);
    let evidence = Evidence::cms(cms, beside);
    let document = match (inside.as_deref(), document) {
        (Some(inside), Some(beside)) if inside != beside => {
            return Err(refused("The document inside and the one beside differ."));
        }
        (Some(document), _) | (None, Some(document)) => document,
        (None, None) => return Err(refused("The signature is detached: give document too.")),
    };
    check(&judge_here(signer, evidence).await?)?;
    let hash = hash.unwrap_or_else(|| longest(&parts.time_stamps()));
    let digest = hash.digest(document);
    if parts.time_stamps().is_empty() {
        let token = time_stamp(signer, asker, hash, &hash.digest(&parts.signature)).await?;
        parts.unsigned.push(attribute(SIGNATURE_TIME_STAMP, &token));
    }
    for token in parts.time_stamps() {
        material::add(signer, &mut parts, &token).await?;
    }
    archive(signer, asker, &mut parts, (hash, &digest)).await?;
    Ok(parts.join())
}

/// A further time-stamp would be one that no reader here looks at.
fn many() -> Problem {
    let sentence = format!(
        "The signature is not archived, because it has {MOST_STAMPS} time-stamps, as many as are looked at. Have an evidence record made over \
         the whole of it (/signer/evidence-records), and renew that."
    );
    Problem::conflict("time-stamps-many", sentence)
}

/// Refuses what does not hold, and what is not known to.
fn check(report: &Report) -> Result<(), Error> {
    let reason = || report.reason().map(|reason| reason.sentence.clone()).unwrap_or_default();
    let problem = match report.verdict {
        Verdict::Valid => return Ok(()),
        Verdict::Indeterminate => {
            let sentence =
                format!("The signature is not archived, because it is not known to hold: {}.", reason());
            Problem::conflict("signature-unproven", sentence)
        }
        Verdict::Invalid => {
            let sentence = format!("The signature is not archived, because it does not hold: {}.", reason());
            Problem::invalid("signature-wrong", sentence)
        }
    };
    Err(Error::Dss(problem))
}

/// The longest hash of these time-stamps, SHA-256 at least.
fn longest(tokens: &[Vec<u8>]) -> Hash {
    let lengths = tokens.iter().filter_map(|token| Evidence::imprint(token)).map(|imprint| imprint.len());
    let most = lengths.max().unwrap_or_default();
    [Hash::Sha512, Hash::Sha384].into_iter().find(|hash| hash.len() <= most).unwrap_or(Hash::Sha256)
}

/// A time-stamp with the revocation lists of its certificates, as they are now: who has it later sees that it was good. They are no part of
/// what its authority signed, and so spoil nothing (RFC 4998 5.2).
pub(crate) async fn with_lists(signer: &Signer, token: &[u8]) -> Result<Vec<u8>, Error> {
    let mut parts = Parts::read(token).ok_or(Error::Verification {
        sentence: "A time-stamp in the record is not written in DER, or not signed by one authority.",
    })?;
    material::add_lists(signer, &mut parts).await?;
    Ok(parts.join())
}

async fn time_stamp(signer: &Signer, asker: &Asker, hash: Hash, digest: &[u8]) -> Result<Vec<u8>, Error> {
    let token = signer.time_stamp(asker, Request::of(hash, digest)).await.map_err(Error::TimeStamp)?;
    Ok(token.der)
}

/// A SET OF under its own or an implicit tag: ordered by encoding (X.690 11.6), each member once.
fn set_of(tag: u8, members: &[Vec<u8>]) -> Vec<u8> {
    let mut ordered: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
    ordered.sort_unstable();
    ordered.dedup();
    element(tag, &ordered)
}

/// `ContentInfo` around a `SignedData`.
fn content_info(signed_data: &[u8]) -> Vec<u8> {
    use crate::cms::SIGNED_DATA;
    use crate::cms::der::OBJECT_IDENTIFIER;

    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[SIGNED_DATA]), &element(CONTEXT_0, &[signed_data])])
}

/// Which SET OF holds signer infos.
const SIGNERS: u8 = SET;
