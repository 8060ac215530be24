//! The proof in a bundle of evidence: an evidence record that says since when the signature was there, with its certificate and the lists of then.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{Certificate, Crl};

use crate::api::EvidenceBundle;
use crate::proofs::{Proved, each};
use crate::suite::Hash;
use crate::verification::record::Evidence;
use crate::verification::report::{Code, Findings, Verdict, Weight};
use crate::verification::{MOST_LISTS, Trust};

/// A list that does not read.
pub(super) struct Unreadable;

/// The revocation lists that came in the proof; none without one.
pub(super) fn lists(bundle: &EvidenceBundle) -> Result<Vec<Crl>, Unreadable> {
    let texts = bundle.proof.as_ref().map(|proof| proof.crls.as_slice()).unwrap_or_default();
    if texts.len() > MOST_LISTS {
        return Err(Unreadable);
    }
    let read = |text: &String| {
        let der = STANDARD.decode(text).map_err(|_| Unreadable)?;
        Crl::from_der(&der).map_err(|_| Unreadable)
    };
    texts.iter().map(read).collect()
}

/// Since when the signature is proven to be there. What is about something else than this signature, this certificate and these lists was put
/// there by somebody, and fails; a time-stamp whose authority is not trusted proves nothing.
pub(super) fn proved_ms(
    bundle: &EvidenceBundle,
    signer: &Certificate,
    trust: &Trust<'_>,
    findings: &mut Findings,
) -> Option<i64> {
    let proof = bundle.proof.as_ref()?;
    let decoded = |text: &String| STANDARD.decode(text).ok();
    let read = || {
        let lists: Option<Vec<Vec<u8>>> = proof.crls.iter().map(decoded).collect();
        let (signature, digest) = (decoded(&bundle.signature.signature)?, decoded(&bundle.signature.digest)?);
        Some((decoded(&proof.evidence_record)?, lists?, signature, digest))
    };
    let Some((record, lists, signature, digest)) = read() else {
        findings.fails(Code::TimeStampWrong, "the proof in the bundle does not read");
        return None;
    };
    let proved = Proved { signature: &signature, digest: &digest, certificate: signer.der() };
    let (since, found) = said(&record, &proved, &lists, trust);
    let holds = found.verdict() == Verdict::Valid;
    for finding in found.into_sorted() {
        let sentence = format!("the proof of time: {}", finding.sentence);
        match (finding.code, finding.weight) {
            (Code::TimeStampNotTrusted, Weight::Fails) => findings.open(finding.code, sentence),
            (code, weight) => findings.add(code, weight, sentence),
        }
    }
    since.filter(|_| holds)
}

/// Since when a record says that a signature is there, with these revocation lists, and what is found of it: proven if nothing that is found counts.
pub(in crate::verification) fn said(
    record: &[u8],
    proved: &Proved<'_>,
    lists: &[Vec<u8>],
    trust: &Trust<'_>,
) -> (Option<i64>, Findings) {
    let mut found = Findings::default();
    let digests = |hash: Hash| proved.digest(hash, &each(hash, lists));
    let since = Evidence::of(record, &digests).says_ms(trust, &mut found);
    (since, found)
}
