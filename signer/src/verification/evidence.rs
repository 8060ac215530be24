//! The verdict on a bundle of evidence: the signature, its certificate, the audit record, and the person's consent.

mod consent;
pub(super) mod proof;
mod value;

use audit::VerifierKey;
use audit::api::Entry;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::path::Known;
use pki::{Certificate, Crl};
use serde_json::{Value, json};

use self::consent::consented;
use self::proof::proved_ms;
use self::value::{SHA_1, is_by_key, is_unkept};
use super::certificate::{self, Shown, When};
use super::report::{Code, Findings, Form, Report, SignatureReport, Weight, moment};
use super::{Trust, Weak, signer_of};
use crate::api::{EvidenceBundle, RecordedAct};
use crate::ledger::PASSPHRASE;

/// Judges a bundle by the roots, the revocation lists and the verifier key of the audit record, and nothing else.
pub(super) fn judge(octets: &[u8], trust: &Trust<'_>, log: &VerifierKey) -> Report {
    let mut findings = Findings::default();
    let Ok(bundle) = serde_json::from_slice::<EvidenceBundle>(octets) else {
        findings.fails(Code::Malformed, "it is not a bundle of evidence");
        return Report::new(Form::Evidence, trust.now_ms, findings, Vec::new());
    };
    // The record alone says whether somebody was asked: a consent cannot be left out, nor made up.
    match (recorded(&bundle, log, &mut findings), &bundle.consent) {
        (Under::Unknown, _) => {}
        (Under::Request(request), Some(consent)) => {
            consented(&bundle, consent, request, log, &mut findings);
        }
        (Under::Nothing, None) => without_request(&bundle, &mut findings),
        (Under::Request(_), None) => findings.fails(
            Code::ConsentWrong,
            "by the audit record it was signed under a request, and the bundle does not show the person's consent to it",
        ),
        (Under::Nothing, Some(_)) => findings.fails(
            Code::ConsentWrong,
            "the bundle shows a consent, and by the audit record it was signed under no request",
        ),
    }
    let signature = signature(&bundle, trust);
    Report::new(Form::Evidence, trust.now_ms, findings, vec![signature])
}

/// The signature value, and the certificate at the time that the record has.
fn signature(bundle: &EvidenceBundle, trust: &Trust<'_>) -> SignatureReport {
    let mut findings = Findings::default();
    let read = |text: &String| STANDARD.decode(text).ok().and_then(|der| Certificate::from_der(&der).ok());
    let Some(signer) = read(&bundle.certificate) else {
        findings.fails(Code::CertificateUnreadable, "the certificate does not read");
        return report(findings, bundle, None, None, &[]);
    };
    if !bundle.signature.serial.eq_ignore_ascii_case(&signer.serial().to_string()) {
        findings.fails(Code::CertificateOther, "the ledger names another certificate");
    }
    if is_unkept(bundle, &signer) {
        findings.open(
            Code::SignatureUnchecked,
            "the signature is over a longer hash, which was not kept when it was made, and is not checked: have the document or its CMS verified",
        );
    } else if is_by_key(bundle, &signer).is_none() {
        findings.fails(
            Code::SignatureWrong,
            "the signature value is not by the key of the certificate over what was signed",
        );
    }
    if bundle.algorithm == SHA_1 {
        let weight = if trust.weak == Weak::Noted { Weight::Note } else { Weight::Fails };
        findings.add(Code::AlgorithmWeak, weight, "the signature is made with SHA-1");
    }
    let extra: Vec<Certificate> =
        bundle.chain.iter().filter_map(read).chain(trust.extra.iter().cloned()).collect();
    let Ok(lists) = proof::lists(bundle) else {
        findings.fails(Code::TimeStampWrong, "a revocation list in the bundle does not read");
        return report(findings, bundle, Some(&signer), None, &[]);
    };
    let crls: Vec<Crl> = trust.known.crls.iter().chain(&lists).cloned().collect();
    let known = Known { crls: &crls, answers: trust.known.answers };
    let trust = &Trust { extra: &extra, known, ..*trust };
    // What came when the certificate had ended proves nothing of it; the last second belongs to it (RFC 5280 4.1.2.5).
    let in_time = |at: &i64| at.div_euclid(1000) * 1000 <= signer.not_after_ms();
    let trusted_ms = proved_ms(bundle, &signer, trust, &mut findings).filter(in_time);
    // Our own record says when it was signed: it proves that the claim was not changed since, not that it was right.
    let when = When { claimed_ms: Some(bundle.signature.signed_at), trusted_ms, shown: Shown::Then };
    let chain = certificate::judge(&signer, &extra, when, trust, &mut findings);
    report(findings, bundle, Some(&signer), trusted_ms, &chain)
}

fn report(
    findings: Findings,
    bundle: &EvidenceBundle,
    signer: Option<&Certificate>,
    trusted_ms: Option<i64>,
    chain: &[Certificate],
) -> SignatureReport {
    SignatureReport {
        verdict: findings.verdict(),
        signer: signer.map(signer_of),
        author: None,
        digest: STANDARD.decode(&bundle.signature.digest).ok().map(hex::encode),
        claimed_time: Some(moment(bundle.signature.signed_at)),
        trusted_time: trusted_ms.map(moment),
        chain: chain.iter().map(|certificate| certificate.subject().to_string()).collect(),
        findings: findings.into_sorted(),
    }
}

/// Under what it was signed, by the audit record.
enum Under<'b> {
    /// The record does not tell.
    Unknown,
    /// Under no request: the person gave a passphrase.
    Nothing,
    /// Under this: a request of an application, or what a client of the API of the Cloud Signature Consortium had the person asked.
    Request(&'b str),
}

/// The act of signing is in the signed tree, and says the same; under which request it was, if the record has one.
fn recorded<'b>(bundle: &'b EvidenceBundle, log: &VerifierKey, findings: &mut Findings) -> Under<'b> {
    let signature = &bundle.signature;
    let Some(event) = proved(&bundle.record, log, "documents-signed", findings) else {
        return Under::Unknown;
    };
    let mut wanted = json!({"id": signature.id, "form": signature.form, "digest": signature.digest});
    if let Some(hashed) = &signature.hashed {
        wanted["hashed"] = json!(hashed);
    }
    let is_listed = event["signatures"].as_array().is_some_and(|listed| listed.contains(&wanted));
    let same = event["user"] == signature.user_id.as_str()
        && event["client"] == signature.client.as_str()
        && event["serial"] == signature.serial.as_str()
        && event["authorisation"] == signature.authorisation.as_str()
        && event["signed_at"] == signature.signed_at;
    if !is_listed || !same {
        findings.fails(Code::RecordOther, "the audit record tells of another signature than this");
    }
    event["request"].as_str().map_or(Under::Nothing, Under::Request)
}

/// Whoever signed without a request gave their passphrase, and nothing else is known of what it was about.
fn without_request(bundle: &EvidenceBundle, findings: &mut Findings) {
    let signature = &bundle.signature;
    let told = [&signature.authenticator, &signature.document, &signature.patient];
    if signature.method != PASSPHRASE || told.iter().any(|it| it.is_some()) {
        findings
            .fails(Code::ConsentWrong, "the audit record does not say how the person agreed, or about what");
    }
}

/// The event of an entry that is in the signed tree and has this name.
fn proved<'e>(
    act: &'e RecordedAct,
    log: &VerifierKey,
    name: &str,
    findings: &mut Findings,
) -> Option<&'e Value> {
    let Entry { record, .. } = &act.entry;
    if let Err(finding) = audit::verify::entry(&act.entry, &act.proof, log) {
        findings.fails(Code::RecordUnproven, format!("the audit record does not prove it: {finding}"));
        return None;
    }
    if record["module"] != "signer" || record["name"] != name {
        findings.fails(Code::RecordOther, format!("the audit record tells of something else than {name}"));
        return None;
    }
    Some(&record["event"])
}
