//! What becomes of a signature that somebody brings: read with suspicion, and every reason for or against it collected.
//!
//! Synchronous and without I/O: the caller brings the document, the roots, what is known of revocation, and the time. The
//! clauses are those of RFC 5652 5.4 and 5.6, RFC 5035 and RFC 6211, and for prescriptions the rules of the Electronic
//! Prescription Service, each of which is also told in its own words. `lanyard verify` and `/signer/verifications` are both this.

mod attributes;
mod ber;
mod certificate;
mod cms;
mod evidence;
mod hash_index;
mod kept;
mod prescription;
mod proven;
mod read_before;
mod record;
mod report;
mod service;
mod since_then;
mod time_stamp;
mod work;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::path::{self, OcspAnswer};
use pki::{Certificate, Crl, ObjectIdentifier};

pub use self::cms::{Document, Malformed};
pub use report::{Author, Code, Finding, Form, Report, SignatureReport, Signer, Verdict, Weight};
pub use work::Work;

pub(crate) use kept::{Kept, MOST_SHARDS, Trusted};
pub(crate) use service::{against, judge_here, refusal, verify};
pub(crate) use time_stamp::MOST_STAMPS;

use certificate::{Shown, When};
use proven::{Proof, Source, Value};
use report::{Findings, moment};
use time_stamp::Around;

use crate::api::EvidenceBundle;
use crate::suite::Hash;

/// How many revocation lists a proof may bring: a list for each request of those that share a time-stamp, and those of the authorities.
const MOST_LISTS: usize = 2_048;

/// Whom and what to trust, and when.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The roots.
    pub anchors: &'a [Certificate],
    /// Certificates that may be missing in the signature.
    pub extra: &'a [Certificate],
    /// Revocation lists and OCSP answers; every certificate below a root needs one that covers it.
    pub known: path::Known<'a>,
    /// The present, in milliseconds since the epoch.
    pub now_ms: i64,
    /// The certificate must be of one of these policies; none: any will do.
    pub policies: &'a [ObjectIdentifier],
    /// How many signatures there may be.
    pub signers: usize,
    /// What SHA-1 and short keys lead to.
    pub weak: Weak,
    /// What authorities themselves say of certificates that have ended, which their lists name no more. It is believed.
    pub told: &'a [Told],
    /// Of a prescription: what the register says of its signer and its author. It is believed.
    pub authorship: Authorship,
    /// What the verification may cost.
    pub work: Work,
}

/// Whether the signer of a prescription is its author, by the role profile that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorship {
    /// No register was asked, or it knows roles of neither.
    Unasked,
    /// The role is the signer's.
    Signers,
    /// It is somebody else's.
    Others,
    /// The signer has roles in the register, and it knows none of this number; or it knows whose this one is, and nobody whose the certificate is.
    Unknown,
}

/// What an authority itself says of a certificate that it issued: it keeps when and why one was revoked also when no list has it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The certificate.
    pub certificate: Certificate,
    /// Since when it is revoked, in milliseconds since the epoch, and why; nothing where it never was.
    pub revoked: Option<(i64, Option<pki::Reason>)>,
}

/// What SHA-1 and keys below 2048 bits lead to, in prescriptions: nowhere else are they taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// The signature is invalid.
    Refused,
    /// It is said.
    Noted,
}

/// Something to verify, read but not believed.
#[derive(Debug)]
pub struct Evidence(Read);

#[derive(Debug)]
enum Read {
    Cms(Result<Box<Cms>, Malformed>),
    Prescription(Box<prescription::Evidence>),
    Record(Box<record::Evidence>),
}

/// A CMS with what proves since when its signatures are there, besides what is in it: each with the place of its signature.
#[derive(Debug)]
struct Cms {
    signed: cms::Signed,
    proofs: Vec<(usize, Proof)>,
}

impl Cms {
    fn proof(&self, place: usize) -> Option<&Proof> {
        self.proofs.iter().find(|(of, _)| *of == place).map(|(_, proof)| proof)
    }
}

impl Evidence {
    /// Reads a CMS signature over a document.
    pub fn cms(cms: &[u8], document: Document<'_>) -> Self {
        let read = cms::read(cms, document);
        Self(Read::Cms(read.map(|signed| Box::new(Cms { signed, proofs: Vec::new() }))))
    }

    /// Reads a prescription with its signature: a FHIR message or an HL7 V3 document.
    pub fn prescription(octets: &[u8]) -> Self {
        Self(Read::Prescription(Box::new(prescription::Evidence::read(octets))))
    }

    /// The same with what proves since when its signatures are there, each with the place of its signature; an evidence record stays as it is.
    pub(crate) fn proven_by(self, proofs: Vec<(usize, Proof)>) -> Self {
        match self.0 {
            Read::Cms(Ok(mut cms)) => {
                cms.proofs = proofs;
                Self(Read::Cms(Ok(cms)))
            }
            Read::Prescription(evidence) => Self(Read::Prescription(Box::new(evidence.proven_by(proofs)))),
            other => Self(other),
        }
    }

    /// The same with the proof of a bundle of evidence, if there is one in it. Judge the bundle before: what it says of the time is believed as
    /// far as it holds, and of another signature than its own it proves nothing.
    pub fn proven_by_bundle(self, octets: &[u8]) -> Option<Self> {
        let bundle: EvidenceBundle = serde_json::from_slice(octets).ok()?;
        let proof = bundle.proof?;
        let decoded = |text: &String| STANDARD.decode(text).ok();
        let lists = proof.crls.iter().map(decoded).collect::<Option<Vec<_>>>()?;
        let proof = Proof { record: decoded(&proof.evidence_record)?, lists, source: Source::Bundle };
        Some(self.proven_by(vec![(0, proof)]))
    }

    /// The signatures that read, each with its place: those of a CMS, or that of a prescription.
    pub(crate) fn values(&self) -> Vec<(usize, Value<'_>)> {
        match &self.0 {
            Read::Cms(Ok(cms)) => {
                let all = cms.signed.signatures.iter().enumerate();
                let read = all.filter_map(|(place, found)| Some((place, found.as_ref().ok()?.of_ledger()?)));
                read.collect()
            }
            Read::Prescription(evidence) => evidence.value().map(|value| (0, value)).into_iter().collect(),
            Read::Cms(Err(_)) | Read::Record(_) => Vec::new(),
        }
    }

    /// The certificate of a prescription's signature, and the role profile in which it is written; nothing if either does not read.
    pub(crate) fn role_profile(&self) -> Option<(&Certificate, String)> {
        match &self.0 {
            Read::Prescription(evidence) => evidence.role_profile(),
            Read::Cms(_) | Read::Record(_) => None,
        }
    }

    /// Reads an evidence record of RFC 4998, and the document of which it says that it was there. Without the document the record is looked at
    /// in itself alone, and may be of anything.
    pub fn record(octets: &[u8], document: Option<&[u8]>) -> Self {
        Self(Read::Record(Box::new(record::Evidence::read(octets, document))))
    }

    /// Of what hash a time-stamp says that it was there; nothing if it does not read. Whether the time-stamp holds is not looked at.
    pub(crate) fn imprint(token: &[u8]) -> Option<Vec<u8>> {
        time_stamp::token(token).map(|token| token.imprint)
    }

    /// In which hash it says that; nothing if it does not read.
    pub(crate) fn imprint_hash(token: &[u8]) -> Option<Hash> {
        let hash = time_stamp::token(token)?.hash;
        [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter().find(|known| known.algorithm() == hash)
    }

    /// The certificates of the signers, and of those who gave their time-stamps, as far as they read.
    pub(crate) fn signers(&self) -> Vec<Certificate> {
        match &self.0 {
            Read::Cms(Ok(cms)) => {
                let signatures = cms.signed.signatures.iter().flatten();
                let all = signatures.flat_map(|signature| {
                    let stampers = signature.stamps.judged.iter().filter_map(time_stamp::Stamp::signer);
                    std::iter::once(&signature.signer).chain(stampers).cloned()
                });
                all.chain(cms.proofs.iter().flat_map(|(_, proof)| proof.signers())).collect()
            }
            Read::Cms(Err(_)) => Vec::new(),
            Read::Prescription(evidence) => evidence.signers(),
            Read::Record(evidence) => evidence.signers(),
        }
    }

    /// Judges it.
    pub fn judge(&self, trust: &Trust<'_>) -> Report {
        match &self.0 {
            Read::Cms(Ok(cms)) => judge_cms(cms, trust),
            Read::Cms(Err(malformed)) => {
                let mut findings = Findings::default();
                findings.fails(malformed.code(), malformed.to_string());
                Report::new(Form::Cms, trust.now_ms, findings, Vec::new())
            }
            Read::Prescription(evidence) => evidence.judge(trust),
            Read::Record(evidence) => evidence.judge(trust),
        }
    }
}

/// Whether octets are a bundle of evidence, as `/signer/signatures/{id}/evidence` gives it.
pub fn is_evidence(octets: &[u8]) -> bool {
    crate::evidence::is_bundle(octets)
}

/// Whether octets are an evidence record of RFC 4998.
pub fn is_evidence_record(octets: &[u8]) -> bool {
    crate::evidence_record::Record::read(octets).is_some()
}

/// Judges a bundle of evidence by the verifier key of the audit record besides.
pub fn judge_evidence(octets: &[u8], trust: &Trust<'_>, log: &audit::VerifierKey) -> Report {
    evidence::judge(octets, trust, log)
}

/// Whose signature it is, as the certificate says.
fn signer_of(signer: &Certificate) -> Signer {
    Signer {
        subject: signer.subject().to_string(),
        issuer: signer.issuer().to_string(),
        serial: signer.serial().to_string(),
        not_before: moment(signer.not_before_ms()),
        not_after: moment(signer.not_after_ms()),
    }
}

/// Reads octets as every sort of signature, and judges what comes out: the body of a fuzz target.
#[doc(hidden)]
pub fn read_anything(octets: &[u8]) {
    let trust = Trust {
        anchors: &[],
        extra: &[],
        known: path::Known::default(),
        now_ms: 1_798_761_600_000,
        policies: &[],
        signers: usize::MAX,
        weak: Weak::Noted,
        told: &[],
        authorship: Authorship::Unasked,
        work: Work::default(),
    };
    let all = [
        Evidence::cms(octets, Document::Inside),
        Evidence::cms(octets, Document::Beside(b"21 capsules")),
        Evidence::prescription(octets),
        Evidence::record(octets, Some(b"21 capsules")),
    ];
    for evidence in all {
        // Nobody is trusted, so nothing holds.
        assert_ne!(evidence.judge(&trust).verdict, Verdict::Valid, "a signature held without a root");
    }
}

fn judge_cms(cms: &Cms, trust: &Trust<'_>) -> Report {
    let (signed, mut findings) = (&cms.signed, Findings::default());
    if signed.signatures.len() > trust.signers {
        let (found, expected) = (signed.signatures.len(), trust.signers);
        findings.fails(
            Code::SignaturesSeveral,
            format!("there are {found} signatures, and {expected} at most is expected"),
        );
    }
    // What came with the signature is looked at behind what is known here, and is believed as little.
    let extra: Vec<Certificate> = trust.extra.iter().chain(&signed.certificates).cloned().collect();
    let of_proofs = cms.proofs.iter().flat_map(|(_, proof)| proof.crls());
    let crls: Vec<Crl> = trust.known.crls.iter().chain(&signed.crls).cloned().chain(of_proofs).collect();
    let answers: Vec<OcspAnswer> = trust.known.answers.iter().chain(&signed.answers).cloned().collect();
    let known = path::Known { crls: &crls, answers: &answers };
    // A path for each signer, and one for each time-stamp. More signers than are expected are told of, and cost nothing else.
    let judged = || signed.signatures.iter().take(trust.signers);
    let paths: usize = judged().flatten().map(|signature| 1 + signature.stamps.judged.len()).sum();
    let trust = &Trust { extra: &extra, known, work: trust.work.shared_by(paths), ..*trust };
    let signatures = judged().enumerate().map(|(place, found)| match found {
        Ok(signature) => judge_signature((signed, cms.proof(place)), signature, trust),
        Err(malformed) => {
            let mut findings = Findings::default();
            findings.fails(malformed.code(), malformed.to_string());
            let when = When { claimed_ms: None, trusted_ms: None, shown: Shown::Since };
            told(None, None, findings, when, &[])
        }
    });
    let signatures = signatures.collect();
    Report::new(Form::Cms, trust.now_ms, findings, signatures)
}

fn judge_signature(
    (signed, proof): (&cms::Signed, Option<&Proof>),
    signature: &cms::Signature,
    trust: &Trust<'_>,
) -> SignatureReport {
    let mut findings = Findings::default();
    if signature.signed_digest != signature.document_digest {
        findings.fails(
            Code::DigestMismatch,
            format!(
                "the document is not the one that was signed: its digest is {}, the signature covers {}",
                hex::encode(&signature.document_digest),
                hex::encode(&signature.signed_digest)
            ),
        );
    }
    // RFC 5035 4: the attribute binds the signature to this very certificate.
    if !signature.names_its_certificate() {
        findings.fails(
            Code::CertificateOther,
            "the signature was made for another certificate than the one it carries (signing-certificate-v2)",
        );
    }
    let verified = pki::verify_signature(
        signature.signer.spki_der(),
        &signature.algorithm_der,
        &signature.attributes_der,
        &signature.value,
    );
    match verified {
        Ok(()) => {}
        Err(pki::SignatureError::Invalid) => findings.fails(
            Code::SignatureWrong,
            "the signature value does not match the key of the signer's certificate",
        ),
        Err(error) => findings.fails(Code::AlgorithmNotAccepted, error.to_string()),
    }
    let (trusted_ms, shown) = proven(signed, signature, proof, trust, &mut findings);
    let when = When { claimed_ms: signature.claimed_at_ms, trusted_ms, shown };
    let chain = certificate::judge(&signature.signer, trust.extra, when, trust, &mut findings);
    let digest = hex::encode(&signature.document_digest);
    told(Some(&signature.signer), Some(digest), findings, when, &chain)
}

/// The earliest time that is proven, by the time-stamps in a CMS or by a proof beside it, and which list shows what was good then.
fn proven(
    signed: &cms::Signed,
    signature: &cms::Signature,
    proof: Option<&Proof>,
    trust: &Trust<'_>,
    findings: &mut Findings,
) -> (Option<i64>, Shown) {
    let beside = proof.and_then(|proof| {
        let at_ms = proof.proven_ms(&signature.made(&signed.content), trust, findings)?;
        Some((at_ms, proof.shown()))
    });
    let mut of_stamps = Findings::default();
    let inside = Around { signed, signature }.proven_ms(trust, &mut of_stamps);
    for finding in of_stamps.into_sorted() {
        // What a time-stamp does not prove is open no more where a proof says it.
        let weight = if beside.is_some() { Weight::Note } else { finding.weight };
        findings.add(finding.code, weight, finding.sentence);
    }
    match (inside, beside) {
        (Some(inside), Some((beside, shown))) if beside < inside => (Some(beside), shown),
        (None, Some((beside, shown))) => (Some(beside), shown),
        (inside, _) => (inside, Shown::Since),
    }
}

/// The report of one signature.
fn told(
    signer: Option<&Certificate>,
    digest: Option<String>,
    findings: Findings,
    when: When,
    chain: &[Certificate],
) -> SignatureReport {
    SignatureReport {
        verdict: findings.verdict(),
        signer: signer.map(signer_of),
        author: None,
        digest,
        claimed_time: when.claimed_ms.map(moment),
        trusted_time: when.trusted_ms.map(moment),
        chain: chain.iter().map(|certificate| certificate.subject().to_string()).collect(),
        findings: findings.into_sorted(),
    }
}

#[cfg(test)]
mod tests;
