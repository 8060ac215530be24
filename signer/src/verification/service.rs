//! Verification as a service: what came in a request, against what is trusted here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::ocsp::Response;
use pki::path::{Known, OcspAnswer};
use pki::{Certificate, Crl};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::Problem;
use tokio::sync::SemaphorePermit;

use super::certificate::{self, When};
use super::kept::Kept;
use super::report::{Code, Finding, Findings, Weight};
use super::{Document, Evidence, Report, Trust, Verdict, Weak};
use crate::api::{VERIFY, Verify};
use crate::error::Error;
use crate::offload::off_thread_if;
use crate::share::Sharer;
use crate::signer::Signer;

/// What is larger is read on a thread that may be kept busy.
const LARGE: usize = 64 * 1024;
/// How many certificates, lists or answers may come with a request: each costs the verification of a signature.
const MOST: usize = 16;

/// A request, decoded.
pub(crate) struct Input {
    subject: Subject,
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    answers: Vec<OcspAnswer>,
    signers: usize,
}

enum Subject {
    Cms { cms: Vec<u8>, document: Option<Vec<u8>> },
    Prescription(Vec<u8>),
    Record { record: Vec<u8>, document: Vec<u8> },
}

impl Input {
    /// Decodes a request; what cannot be decoded is refused, and not verified in part.
    pub(crate) fn read(request: &Verify) -> Result<Self, Error> {
        let refused = |sentence| Error::Verification { sentence };
        let Verify { cms, document, prescription, evidence_record, .. } = request;
        let subject = match (cms, document, prescription, evidence_record) {
            (Some(cms), document, None, None) => {
                Subject::Cms { cms: decoded(cms)?, document: document.as_deref().map(decoded).transpose()? }
            }
            (None, None, Some(prescription), None) => Subject::Prescription(decoded(prescription)?),
            (None, Some(document), None, Some(record)) => {
                Subject::Record { record: decoded(record)?, document: decoded(document)? }
            }
            _ => {
                return Err(refused(
                    "Give either cms, with or without document, or prescription, or evidence_record with document.",
                ));
            }
        };
        let signers = request.signers.unwrap_or(1);
        if signers == 0
            || [&request.certificates, &request.crls, &request.ocsp].iter().any(|it| it.len() > MOST)
        {
            return Err(refused(
                "signers is at least 1; certificates, crls and ocsp have 16 members at most.",
            ));
        }
        let every = |texts: &[String]| texts.iter().map(|text| decoded(text)).collect::<Result<Vec<_>, _>>();
        let certificates = every(&request.certificates)?
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<_, _>>();
        let crls = every(&request.crls)?.iter().map(|der| Crl::from_der(der)).collect::<Result<_, _>>();
        let answers: Option<Vec<_>> = every(&request.ocsp)?.iter().map(|der| answer(der)).collect();
        Ok(Self {
            subject,
            certificates: certificates
                .map_err(|_| refused("One of certificates is not an X.509 certificate."))?,
            crls: crls.map_err(|_| refused("One of crls is not a revocation list."))?,
            answers: answers.ok_or_else(|| refused("One of ocsp is not an OCSP response with an answer."))?,
            signers: usize::try_from(signers).unwrap_or(usize::MAX),
        })
    }

    fn size(&self) -> usize {
        match &self.subject {
            Subject::Cms { cms, document } => cms.len() + document.as_ref().map_or(0, Vec::len),
            Subject::Prescription(octets) => octets.len(),
            Subject::Record { record, document } => record.len() + document.len(),
        }
    }

    fn evidence(&self) -> Evidence {
        match &self.subject {
            Subject::Cms { cms, document } => {
                Evidence::cms(cms, document.as_deref().map_or(Document::Inside, Document::Beside))
            }
            Subject::Prescription(octets) => Evidence::prescription(octets),
            Subject::Record { record, document } => Evidence::record(record, Some(document)),
        }
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|_| Error::Verification {
        sentence: "Documents, certificates, lists and answers travel as base64.",
    })
}

fn answer(der: &[u8]) -> Option<OcspAnswer> {
    match Response::from_der(der).ok()? {
        Response::Answered(answer) => Some(OcspAnswer { answer: *answer, nonce: None }),
        Response::Refused(_) => None,
    }
}

/// Verifies what a client brings. The answer says what holds; an error says that it could not be found out.
pub(crate) async fn verify(signer: &Signer, caller: &Caller, request: Verify) -> Result<Report, Error> {
    caller.may(VERIFY).map_err(Error::Caller)?;
    let _share = signer.under_way.take(&Sharer::from(caller))?;
    let _place = place(signer)?;
    let weak = if signer.config.sha1_clients.contains(&caller.client) { Weak::Noted } else { Weak::Refused };
    let large = request.size() > LARGE;
    let (input, evidence) = off_thread_if(large, move || {
        let input = Input::read(&request)?;
        let evidence = input.evidence();
        Ok::<_, Error>((input, evidence))
    })
    .await?;
    let now = signer.clock.now();
    let kept = signer.trusted.newest(&signer.ca, now).await?;
    let mut crls = kept.lists(&signer.ca, &evidence.signers()).await?;
    let at = Kept::judged_at(&crls, now);
    crls.extend(input.crls.iter().cloned());
    let extra: Vec<Certificate> = kept.authorities.iter().chain(&input.certificates).cloned().collect();
    let policies = signer.policies.clone();
    let large = large || input.size() > LARGE;
    let report = off_thread_if(large, move || {
        let known = Known { crls: &crls, answers: &input.answers };
        let (anchors, signers) = (&kept.anchors[..], input.signers);
        evidence.judge(&Trust {
            anchors,
            extra: &extra,
            known,
            now_ms: at.0,
            policies: &policies,
            signers,
            weak,
        })
    })
    .await;
    let verdict = match report.verdict {
        Verdict::Valid => "valid",
        Verdict::Indeterminate => "indeterminate",
        Verdict::Invalid => "invalid",
    };
    metrics::counter!("signer_verifications_total", "verdict" => verdict).increment(1);
    Ok(report)
}

/// Judges something by what is known here alone, and by whatever policy: what a request of ours goes on with.
pub(crate) async fn judge_here(signer: &Signer, evidence: Evidence) -> Result<Report, Error> {
    let now = signer.clock.now();
    let kept = signer.trusted.newest(&signer.ca, now).await?;
    let crls = kept.lists(&signer.ca, &evidence.signers()).await?;
    let judged = move || {
        evidence.judge(&Trust {
            anchors: &kept.anchors,
            extra: &kept.authorities,
            known: Known::from(&crls),
            now_ms: Kept::judged_at(&crls, now).0,
            policies: &[],
            signers: 1,
            weak: Weak::Refused,
        })
    };
    // A record may have many time-stamps, and each costs a signature and a path.
    Ok(off_thread_if(true, judged).await)
}

/// Why a certificate does not make a signature of that time count, by what is known here; nothing where it does. Not to know whether it is
/// revoked speaks against it too.
pub(crate) async fn against(
    signer: &Signer,
    certificate: &Certificate,
    claimed: Millis,
) -> Result<Option<Finding>, Error> {
    let now = signer.clock.now();
    let kept = signer.trusted.newest(&signer.ca, now).await?;
    let crls = kept.lists(&signer.ca, std::slice::from_ref(certificate)).await?;
    let trust = Trust {
        anchors: &kept.anchors,
        extra: &kept.authorities,
        known: Known::from(&crls),
        now_ms: Kept::judged_at(&crls, now).0,
        policies: &signer.policies,
        signers: 1,
        weak: Weak::Refused,
    };
    let mut findings = Findings::default();
    let when = When { claimed_ms: Some(claimed.0), trusted_ms: None };
    certificate::judge(certificate, trust.extra, when, &trust, &mut findings);
    Ok(findings.into_sorted().into_iter().next().filter(|finding| finding.weight > Weight::Note))
}

/// The refusal of whoever brought a signature by such a certificate, in these words. What is only not known may be known shortly.
pub(crate) fn refusal(finding: &Finding, code: &'static str, sentence: String) -> Problem {
    if finding.code == Code::RevocationUnknown {
        let wait = Duration::from_secs(5);
        return Problem::unavailable("revocation-unknown", sentence, wait);
    }
    Problem::invalid(code, sentence)
}

/// A place among those who are at work; whoever finds none is told to come again, and does not wait.
fn place(signer: &Signer) -> Result<SemaphorePermit<'_>, Error> {
    signer.verifying.try_acquire().map_err(|_| Error::VerificationsBusy)
}
