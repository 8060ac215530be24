//! Verification as a service: what came in a request, against what is trusted here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::CertificateInfo;
use pki::ocsp::Response;
use pki::path::{Known, OcspAnswer};
use pki::{Certificate, Crl, ObjectIdentifier, Reason};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::{Kind, Problem};
use tokio::sync::SemaphorePermit;

use super::certificate::{self, Shown, When};
use super::kept::Kept;
use super::proven::{Proof, Source, Value};
use super::report::{Code, Finding, Findings, Weight};
use super::{Authorship, Document, Evidence, Report, SignatureReport, Told, Trust, Verdict, Weak, Work};
use crate::api::{VERIFY, Verify};
use crate::dss;
use crate::error::Error;
use crate::evidence::proof_of;
use crate::offload::off_thread_if;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::store::ledger;

/// What is larger is read on a thread that may be kept busy.
const LARGE: usize = 64 * 1024;
/// How many certificates, lists or answers may come with a request: each costs the verification of a signature.
const MOST: usize = 16;
/// For how many shards of certificates their lists are asked for.
const MOST_LOOKED_UP: usize = 64;
/// How far the time that a signature claims may lie from that of its row in the ledger: a prescription is prepared, and then signed within hours.
const NEAR_MS: i64 = 86_400_000;

/// A request, decoded.
pub(crate) struct Input {
    subject: Subject,
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    answers: Vec<OcspAnswer>,
    signers: usize,
}

enum Subject {
    Cms { cms: Vec<u8>, document: Option<Vec<u8>>, record: Option<Vec<u8>> },
    Prescription { octets: Vec<u8>, record: Option<Vec<u8>> },
    Record { record: Vec<u8>, document: Vec<u8> },
}

impl Input {
    /// Decodes a request; what cannot be decoded is refused, and not verified in part.
    pub(crate) fn read(request: &Verify) -> Result<Self, Error> {
        let refused = |sentence| Error::Verification { sentence };
        let Verify { cms, document, prescription, evidence_record, .. } = request;
        let subject = match (cms, document, prescription, evidence_record) {
            (Some(cms), document, None, record) => Subject::Cms {
                cms: decoded(cms)?,
                document: document.as_deref().map(decoded).transpose()?,
                record: record.as_deref().map(decoded).transpose()?,
            },
            (None, None, Some(prescription), record) => Subject::Prescription {
                octets: decoded(prescription)?,
                record: record.as_deref().map(decoded).transpose()?,
            },
            (None, Some(document), None, Some(record)) => {
                Subject::Record { record: decoded(record)?, document: decoded(document)? }
            }
            _ => {
                return Err(refused(
                    "Give either cms, with or without document, or prescription, both with or without evidence_record, or evidence_record \
                     with document.",
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
        let length = |it: Option<&Vec<u8>>| it.map_or(0, Vec::len);
        match &self.subject {
            Subject::Cms { cms, document, record } => {
                cms.len() + length(document.as_ref()) + length(record.as_ref())
            }
            Subject::Prescription { octets, record } => octets.len() + length(record.as_ref()),
            Subject::Record { record, document } => record.len() + document.len(),
        }
    }

    fn evidence(&self) -> Evidence {
        match &self.subject {
            Subject::Cms { cms, document, record } => {
                let document = document.as_deref().map_or(Document::Inside, Document::Beside);
                self.with(record.as_deref(), Evidence::cms(cms, document))
            }
            Subject::Prescription { octets, record } => {
                self.with(record.as_deref(), Evidence::prescription(octets))
            }
            Subject::Record { record, document } => Evidence::record(record, Some(document)),
        }
    }

    /// With the proof that came, which is of the first signature.
    fn with(&self, record: Option<&[u8]>, read: Evidence) -> Evidence {
        let Some(record) = record else { return read };
        let lists = self.crls.iter().map(|crl| crl.der().to_vec()).collect();
        read.proven_by(vec![(0, Proof { record: record.to_vec(), lists, source: Source::Asker })])
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
    let large = large || input.size() > LARGE;
    let Input { certificates, crls, answers, signers, .. } = input;
    let authorship = authorship(signer, &evidence).await?;
    let given = Given { certificates, crls, answers, signers, weak, authorship };
    let basis = Basis::read(signer, &evidence.signers(), given.clone()).await?;
    let asked = !basis.policies.is_empty();
    let (evidence, report) = judged(evidence, basis, large).await;
    let proofs = from_ledger(signer, &evidence, &report).await?;
    let report = if proofs.is_empty() {
        report
    } else {
        let evidence = evidence.proven_by(proofs);
        let basis = Basis::read(signer, &evidence.signers(), given).await?;
        judged(evidence, basis, large).await.1
    };
    let report = if asked { report } else { without_policy(report) };
    let verdict = match report.verdict {
        Verdict::Valid => "valid",
        Verdict::Indeterminate => "indeterminate",
        Verdict::Invalid => "invalid",
    };
    metrics::counter!("signer_verifications_total", "verdict" => verdict).increment(1);
    Ok(report)
}

/// Says that certificates of any policy were taken: the operator names none, and the profiles by which is signed here assert none.
fn without_policy(mut report: Report) -> Report {
    let sentence = "no policy of the signer's certificate was asked for: none is set here";
    report.findings.push(Finding {
        code: Code::PolicyNotAsked,
        weight: Weight::Note,
        sentence: sentence.to_owned(),
    });
    report
}

/// Judges it, on a thread that may be kept busy where it is large.
async fn judged(evidence: Evidence, basis: Basis, large: bool) -> (Evidence, Report) {
    off_thread_if(large, move || {
        let report = evidence.judge(&basis.trust());
        (evidence, report)
    })
    .await
}

/// The proofs that the ledger has of those signatures of which the time is not proven. Before the worker of proofs has been there is none: that
/// a row of the ledger has a time is the word of one table, and no proof.
async fn from_ledger(
    signer: &Signer,
    evidence: &Evidence,
    report: &Report,
) -> Result<Vec<(usize, Proof)>, Error> {
    let mut proofs = Vec::new();
    if report.has(Code::SignaturesSeveral) {
        return Ok(proofs);
    }
    for (place, value) in evidence.values() {
        if report.signatures.get(place).is_some_and(is_unproven)
            && let Some(proof) = of_ledger(signer, value).await?
        {
            proofs.push((place, proof));
        }
    }
    Ok(proofs)
}

fn is_unproven(report: &SignatureReport) -> bool {
    const UNPROVEN: [Code; 3] =
        [Code::RevokedLaterUnproven, Code::ExpiredUnproven, Code::TimeStampNotTrusted];
    report.findings.iter().any(|finding| UNPROVEN.contains(&finding.code))
}

async fn of_ledger(signer: &Signer, value: Value<'_>) -> Result<Option<Proof>, Error> {
    let certificate = value.certificate;
    let serial = certificate.serial().to_string();
    let near =
        (Millis(value.claimed_ms.saturating_sub(NEAR_MS)), Millis(value.claimed_ms.saturating_add(NEAR_MS)));
    let Some(row) = ledger::of_value(signer.db.read(), &serial, value.signature, near).await? else {
        return Ok(None);
    };
    let Some(proof) = proof_of(signer, &row, certificate.der()).await? else { return Ok(None) };
    let unreadable = || Error::StoredRow { what: "proof" };
    let read = |text: &String| STANDARD.decode(text).map_err(|_| unreadable());
    let lists = proof.crls.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Proof { record: read(&proof.evidence_record)?, lists, source: Source::Ledger }))
}

/// Whether the signer of a prescription is its author. The authority says whose the certificate is, and the register whose the role.
async fn authorship(signer: &Signer, evidence: &Evidence) -> Result<Authorship, Error> {
    let Some((certificate, role_profile)) = evidence.role_profile() else { return Ok(Authorship::Unasked) };
    let info = match signer.ca.certificate(&certificate.serial().to_string()).await {
        Ok(info) => info,
        // A stranger's: nobody trusts it, whoever it is.
        Err(problem) if matches!(problem.kind, Kind::NotFound | Kind::Invalid) => {
            return Ok(Authorship::Unasked);
        }
        Err(problem) => return Err(Error::Authority(problem)),
    };
    if !is_of(&info, certificate) {
        return Ok(Authorship::Unasked);
    }
    dss::authorship(signer, &role_profile, info.user_id.as_deref()).await
}

/// Whether the authority's row is of this very certificate.
fn is_of(info: &CertificateInfo, certificate: &Certificate) -> bool {
    let kept = info.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    kept.as_deref() == Some(certificate.der())
}

/// What a request gives besides what is to be judged, and what the register says of it.
#[derive(Clone)]
struct Given {
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    answers: Vec<OcspAnswer>,
    signers: usize,
    weak: Weak,
    authorship: Authorship,
}

/// By what it is judged.
struct Basis {
    kept: Arc<Kept>,
    extra: Vec<Certificate>,
    crls: Vec<Crl>,
    answers: Vec<OcspAnswer>,
    told: Vec<Told>,
    at: Millis,
    policies: Vec<ObjectIdentifier>,
    signers: usize,
    weak: Weak,
    authorship: Authorship,
}

impl Basis {
    /// What is known here of these signers comes before what was given.
    async fn read(signer: &Signer, signers: &[Certificate], given: Given) -> Result<Self, Error> {
        let now = signer.clock.now();
        let kept = signer.trusted.newest(&signer.ca, now).await?;
        let mut crls = kept.lists(&signer.ca, signers, MOST_LOOKED_UP).await?;
        let at = Kept::judged_at(&crls, now);
        crls.extend(given.crls);
        let extra = kept.authorities.iter().cloned().chain(given.certificates).collect();
        let told = told(signer, &kept, signers, at).await?;
        let (policies, answers) = (policies(signer, &kept).await?, given.answers);
        let Given { signers, weak, authorship, .. } = given;
        Ok(Self { kept, extra, crls, answers, told, at, policies, signers, weak, authorship })
    }

    fn trust(&self) -> Trust<'_> {
        Trust {
            anchors: &self.kept.anchors,
            extra: &self.extra,
            known: Known { crls: &self.crls, answers: &self.answers },
            now_ms: self.at.0,
            policies: &self.policies,
            signers: self.signers,
            weak: self.weak,
            told: &self.told,
            authorship: self.authorship,
            work: Work::default(),
        }
    }
}

/// The policies of one of which a signer's certificate must be: those that the operator names, or those of the profiles by which keys and cards
/// sign here, and of what these were.
async fn policies(signer: &Signer, kept: &Kept) -> Result<Vec<ObjectIdentifier>, Error> {
    if !signer.policies.is_empty() {
        return Ok(signer.policies.clone());
    }
    let cards = signer.config.dss.card_profile.iter().map(String::as_str);
    let names: Vec<&str> = cards.chain([signer.config.profile.as_str()]).collect();
    kept.policies_of(&signer.ca, &names).await
}

impl Given {
    /// Nothing: what is known here alone counts.
    fn nothing() -> Self {
        let (certificates, crls, answers) = (Vec::new(), Vec::new(), Vec::new());
        let (weak, authorship) = (Weak::Refused, Authorship::Unasked);
        Self { certificates, crls, answers, signers: 1, weak, authorship }
    }
}

/// What the authority itself says of signers whose certificates have ended, if it issued them: its lists need not name them any more
/// (RFC 5280 3.3).
async fn told(signer: &Signer, kept: &Kept, signers: &[Certificate], at: Millis) -> Result<Vec<Told>, Error> {
    let mut ended: Vec<&Certificate> = Vec::new();
    for certificate in signers {
        let mut authorities = kept.authorities.iter().chain(&kept.anchors);
        let named = authorities.any(|authority| authority.subject().matches(certificate.issuer()));
        if named && certificate.not_after_ms() < at.0 && !ended.contains(&certificate) {
            ended.push(certificate);
        }
    }
    let mut told = Vec::new();
    for certificate in ended.into_iter().take(MOST) {
        match signer.ca.certificate(&certificate.serial().to_string()).await {
            Ok(info) => told.extend(said(certificate, &info)),
            // A stranger may write any name into a certificate.
            Err(problem) if matches!(problem.kind, Kind::NotFound | Kind::Invalid) => {}
            Err(problem) => return Err(Error::Authority(problem)),
        }
    }
    Ok(told)
}

/// What the authority's row says, if it is of this very certificate.
fn said(certificate: &Certificate, info: &CertificateInfo) -> Option<Told> {
    let revoked = info.revocation.as_ref().map(|it| {
        let since = it.invalidity_date.map_or(it.revoked_at, |date| date.min(it.revoked_at));
        // RFC 5280 5.3.1: unspecified is said by leaving the reason out, as the authority's lists do.
        let reason = Reason::from_code(it.reason.code()).filter(|reason| *reason != Reason::Unspecified);
        (since.0, reason)
    });
    is_of(info, certificate).then(|| Told { certificate: certificate.clone(), revoked })
}

/// Judges something by what is known here alone, and by whatever policy: what a request of ours goes on with.
pub(crate) async fn judge_here(signer: &Signer, evidence: Evidence) -> Result<Report, Error> {
    let basis = Basis::read(signer, &evidence.signers(), Given::nothing()).await?;
    let basis = Basis { policies: Vec::new(), ..basis };
    // A record may have many time-stamps, and each costs a signature and a path.
    Ok(judged(evidence, basis, true).await.1)
}

/// Why a certificate does not make a signature of that time count, by what is known here; nothing where it does. Not to know whether it is
/// revoked speaks against it too.
pub(crate) async fn against(
    signer: &Signer,
    certificate: &Certificate,
    claimed: Millis,
) -> Result<Option<Finding>, Error> {
    let basis = Basis::read(signer, std::slice::from_ref(certificate), Given::nothing()).await?;
    let trust = basis.trust();
    let mut findings = Findings::default();
    let when = When { claimed_ms: Some(claimed.0), trusted_ms: None, shown: Shown::Since };
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
