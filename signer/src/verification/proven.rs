//! What proves since when a signature is there that has nothing in it which could: an evidence record (RFC 4998) of the signature, its certificate
//! and the revocation lists of then, as a bundle of evidence has it.

use pki::{Certificate, Crl};

use super::certificate::Shown;
use super::evidence::proof::said;
use super::report::{Code, Findings, Verdict, Weight};
use super::{Trust, record};
use crate::proofs::Proved;

/// A proof, not believed yet.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The record in DER.
    pub(crate) record: Vec<u8>,
    /// The lists in DER, in the order in which the record has them.
    pub(crate) lists: Vec<Vec<u8>>,
    pub(crate) source: Source,
}

/// Where a proof is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The ledger of this service.
    Ledger,
    /// A bundle of evidence that holds.
    Bundle,
    /// Whoever asks.
    Asker,
}

/// A signature as the ledger has it.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) signature: &'a [u8],
    /// When it claims to be made, in milliseconds.
    pub(crate) claimed_ms: i64,
}

/// A signature, and by what it can have been authorised: which of these it was, the proof says.
pub(super) struct Made<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) signature: &'a [u8],
    pub(super) digests: Vec<Vec<u8>>,
}

impl Proof {
    /// The revocation lists in it that read.
    pub(super) fn crls(&self) -> impl Iterator<Item = Crl> + '_ {
        self.lists.iter().filter_map(|der| Crl::from_der(der).ok())
    }

    /// The certificates of those who gave its time-stamps, as far as they read.
    pub(super) fn signers(&self) -> Vec<Certificate> {
        record::Evidence::read(&self.record, None).signers()
    }

    /// Which list shows that a certificate was good at the time that it proves.
    pub(super) fn shown(&self) -> Shown {
        match self.source {
            Source::Ledger | Source::Bundle => Shown::Then,
            Source::Asker => Shown::Since,
        }
    }

    /// Since when it says that the signature was there, with its certificate, before that had ended.
    pub(super) fn proven_ms(
        &self,
        made: &Made<'_>,
        trust: &Trust<'_>,
        findings: &mut Findings,
    ) -> Option<i64> {
        let (since, found) = self.best(made, trust)?;
        // The last second of validity belongs to it (RFC 5280 4.1.2.5).
        let in_time = |at: &i64| at.div_euclid(1000) * 1000 <= made.certificate.not_after_ms();
        if found.verdict() == Verdict::Valid {
            return since.filter(in_time);
        }
        // What somebody brings is told as a wrong time-stamp is; what the ledger has takes nothing from a signature that holds without it.
        let weight = match self.source {
            Source::Asker | Source::Bundle => Weight::Open,
            Source::Ledger => Weight::Note,
        };
        for finding in found.into_sorted().into_iter().filter(|finding| finding.weight > Weight::Note) {
            let code = match finding.code {
                Code::TimeStampNotTrusted => Code::TimeStampNotTrusted,
                _ => Code::TimeStampWrong,
            };
            findings.add(code, weight, format!("the evidence record proves nothing: {}", finding.sentence));
        }
        None
    }

    /// What it says of the first digest that it is about, or of the last if it is about none.
    fn best(&self, made: &Made<'_>, trust: &Trust<'_>) -> Option<(Option<i64>, Findings)> {
        let mut last = None;
        for digest in &made.digests {
            let proved = Proved { signature: made.signature, digest, certificate: made.certificate.der() };
            let (since, found) = said(&self.record, &proved, &self.lists, trust);
            let is_about = !found.has(Code::DigestMismatch);
            last = Some((since, found));
            if is_about {
                break;
            }
        }
        last
    }
}
