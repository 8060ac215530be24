//! The verdict on an evidence record (RFC 4998 5.3): every time-stamp in it is about what it has to be about, each was there while the one
//! before it was good, and the last one is good now.

use pki::Certificate;

use super::report::{Code, Findings, Form, Report, SignatureReport, Verdict, Weight, moment};
use super::time_stamp::{self, Token};
use super::{Trust, Work, signer_of};
use crate::evidence_record::{Record, Stamp};
use crate::suite::Hash;

/// The digest of something in each hash.
pub(super) type Digests<'a> = &'a dyn Fn(Hash) -> Vec<u8>;

/// An evidence record, read but not believed.
#[derive(Debug)]
pub(super) struct Evidence {
    digest: Option<String>,
    read: Result<Vec<Link>, &'static str>,
}

/// A time-stamp of it.
#[derive(Debug)]
struct Link {
    token: Option<Token>,
    /// The hash of its tree.
    hash: Hash,
    /// What its time-stamp has to be about; nothing where the tree does not lead from there to anything.
    about: Option<Vec<u8>>,
}

impl Evidence {
    /// Reads a record of a document. Without the document it is looked at in itself alone: then a record may be of anything.
    pub(super) fn read(octets: &[u8], document: Option<&[u8]>) -> Self {
        match document {
            Some(document) => Self::of(octets, &|hash: Hash| hash.digest(document)),
            None => Self::with(octets, None),
        }
    }

    /// Reads a record of something that has a digest in every hash.
    pub(super) fn of(octets: &[u8], digest: Digests<'_>) -> Self {
        Self::with(octets, Some(digest))
    }

    fn with(octets: &[u8], digest: Option<Digests<'_>>) -> Self {
        let read = Record::read(octets).map(|record| links(&record, digest));
        Self {
            digest: digest.map(|digest| hex::encode(digest(Hash::Sha256))),
            read: read.ok_or("it is not an evidence record of RFC 4998"),
        }
    }

    /// The certificates of those who gave the time-stamps, as far as they read.
    pub(super) fn signers(&self) -> Vec<Certificate> {
        let links = self.read.iter().flatten();
        links.filter_map(|link| link.token.as_ref()?.signature().map(|it| it.signer.clone())).collect()
    }

    /// Judges it.
    pub(super) fn judge(&self, trust: &Trust<'_>) -> Report {
        let mut findings = Findings::default();
        let seen = self.says_ms(trust, &mut findings);
        let Ok(links) = &self.read else {
            return Report::new(Form::EvidenceRecord, trust.now_ms, findings, Vec::new());
        };
        let whose = links.first().and_then(|link| link.token.as_ref()?.signature());
        let verdict = findings.verdict();
        let report = SignatureReport {
            verdict,
            signer: whose.map(|signature| signer_of(&signature.signer)),
            author: None,
            digest: self.digest.clone(),
            claimed_time: None,
            trusted_time: seen.filter(|_| verdict == Verdict::Valid).map(moment),
            chain: Vec::new(),
            findings: findings.into_sorted(),
        };
        Report::new(Form::EvidenceRecord, trust.now_ms, Findings::default(), vec![report])
    }

    /// Since when it says that its document is there. That is proven if nothing is found that counts.
    pub(super) fn says_ms(&self, trust: &Trust<'_>, findings: &mut Findings) -> Option<i64> {
        let links = match &self.read {
            Ok(links) => links,
            Err(what) => {
                findings.fails(Code::Malformed, *what);
                return None;
            }
        };
        let mut earlier = None;
        for link in links {
            link.check(findings);
            let at = link.token.as_ref().map(|token| token.at_ms);
            if at < earlier {
                findings.fails(Code::TimeStampWrong, "a time-stamp is older than the one that it renews");
            }
            earlier = at;
        }
        // A record is a structure of its own, also where it is brought as the proof of another.
        let trust = &Trust { work: Work::default().shared_by(links.len()), ..*trust };
        let mut seen = None;
        for token in links.iter().rev().filter_map(|link| link.token.as_ref()) {
            trusted(token, seen, trust, findings);
            seen = Some(token.at_ms);
        }
        seen
    }
}

fn links(record: &Record<'_>, digests: Option<Digests<'_>>) -> Vec<Link> {
    let mut links = Vec::new();
    for (place, chain) in record.chains.iter().enumerate() {
        let mut before: Option<&Stamp<'_>> = None;
        for stamp in &chain.stamps {
            let hash = stamp.hash;
            let digest = match (before, digests) {
                // RFC 4998 5.3 (3): of the time-stamp before.
                (Some(before), _) => Some(hash.digest(before.token)),
                (None, Some(digests)) if place == 0 => Some(digests(hash)),
                (None, Some(digests)) => Some(record.to_rehash(hash, &digests(hash), place)),
                (None, None) => None,
            };
            // RFC 4998 5.3 (2): a chain has one hash.
            let one_hash = before.is_none_or(|before| before.hash == hash);
            let token = time_stamp::token(stamp.token);
            let alone = || token.as_ref().filter(|_| digest.is_none()).map(|token| token.imprint.clone());
            let about = stamp.root(digest.as_deref()).or_else(alone).filter(|_| one_hash);
            links.push(Link { token, hash, about });
            before = Some(stamp);
        }
    }
    links
}

impl Link {
    fn check(&self, findings: &mut Findings) {
        let Some(token) = &self.token else {
            findings.fails(Code::TimeStampWrong, "a time-stamp in it cannot be read");
            return;
        };
        if !token.is_signed() {
            findings.fails(Code::TimeStampWrong, "the signature of a time-stamp in it does not hold");
        }
        let same_hash = token.hash == self.hash.algorithm();
        if !same_hash || self.about.as_ref() != Some(&token.imprint) {
            findings.fails(
                Code::DigestMismatch,
                "a time-stamp in it is about something else than the document or than what it renews",
            );
        }
    }
}

/// Whether whoever gave a time-stamp may be believed, at the time at which the next one says that it was there.
fn trusted(token: &Token, seen: Option<i64>, trust: &Trust<'_>, findings: &mut Findings) {
    let Some(signature) = token.signature() else {
        findings.fails(Code::TimeStampWrong, "a time-stamp in it has not one good signer");
        return;
    };
    let mut about = Findings::default();
    token.authority(signature, &token.signed, seen, trust, &mut about);
    for finding in about.into_sorted() {
        let sentence = format!("of who gave a time-stamp: {}", finding.sentence);
        match finding.weight {
            Weight::Note => findings.add(finding.code, Weight::Note, sentence),
            weight => findings.add(Code::TimeStampNotTrusted, weight, sentence),
        }
    }
}
