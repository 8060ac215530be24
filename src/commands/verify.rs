//! `lanyard verify`: judges a signature in this process, with nothing but what is given.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use audit::VerifierKey;
use authn::api::Bound;
use pki::ocsp::Response;
use pki::path::{Known, OcspAnswer};
use pki::{Certificate, Crl, ObjectIdentifier};
use platform::clock::{Clock, Millis};
use signer::api::EvidenceBundle;
use signer::verification::{
    Authorship, Document, Evidence, Form, Report, SignatureReport, Trust, Verdict, Weak, Work,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::Verify;
use crate::terminal::line;
use crate::{client, files};

/// Verifies and reports. Ends in an error, and so in exit code 1, when the signature does not hold.
pub fn run(options: &Verify, clock: &Clock) -> anyhow::Result<()> {
    let anchors = certificates(&options.root)?;
    let mut extra = Vec::new();
    for path in &options.chain {
        extra.extend(certificates(path)?);
    }
    let crls = options.crl.iter().map(|path| crl(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let answers =
        options.ocsp.iter().map(|path| answer(path, options)).collect::<anyhow::Result<Vec<_>>>()?;
    let now_ms = match &options.at {
        Some(text) => milliseconds(text)?,
        None => clock.now().0,
    };
    let policies = options.policy.iter().map(|text| policy(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let report = judged(
        options,
        &Trust {
            anchors: &anchors,
            extra: &extra,
            known: Known { crls: &crls, answers: &answers },
            now_ms,
            policies: &policies,
            signers: options.signers,
            weak: Weak::Refused,
            told: &[],
            authorship: Authorship::Unasked,
            work: Work::default(),
        },
    )?;
    let shown = options.signature.display();
    if report.verdict == Verdict::Valid {
        line(format_args!("VALID: {shown}"));
        if report.form == Form::Evidence {
            told_of_evidence(&files::read(&options.signature)?);
        }
        report.signatures.iter().for_each(told);
        line(format_args!("  checked        {}", checked(report.form, &policies)));
        return Ok(());
    }
    let reason = report.reason().map_or("there is no signature", |reason| reason.sentence.as_str());
    bail!("NOT VALID: {shown}: {reason}")
}

/// A bundle of evidence is judged by the key of the audit record besides.
fn judged(options: &Verify, trust: &Trust<'_>) -> anyhow::Result<Report> {
    let octets = files::read(&options.signature)?;
    if signer::verification::is_evidence(&octets) {
        return Ok(signer::verification::judge_evidence(&octets, trust, &log_key(options)?));
    }
    let Some(path) = &options.evidence else { return Ok(evidence(options)?.judge(trust)) };
    let bundle = files::read(path)?;
    let held = signer::verification::judge_evidence(&bundle, trust, &log_key(options)?);
    if held.verdict != Verdict::Valid {
        let reason = held.reason().map_or("it is about nothing", |reason| reason.sentence.as_str());
        bail!("the evidence in {} does not hold: {reason}", path.display());
    }
    let Some(proven) = evidence(options)?.proven_by_bundle(&bundle) else {
        bail!("{} has no proof of the time yet; fetch it again", path.display());
    };
    Ok(proven.judge(trust))
}

fn log_key(options: &Verify) -> anyhow::Result<VerifierKey> {
    let Some(key) = &options.log_key else {
        bail!(
            "this is a bundle of evidence; give the verifier key of the audit record with --log-key, as `lanyard audit key` prints it"
        );
    };
    let key = if Path::new(key).is_file() { files::read_text(Path::new(key))? } else { key.clone() };
    VerifierKey::parse(&key).context("the verifier key does not read")
}

/// A prescription, or a CMS and its document. Messages in JSON and XML begin with characters that a CMS does not, also in PEM.
fn evidence(options: &Verify) -> anyhow::Result<Evidence> {
    let signature = files::read(&options.signature)?;
    let file = options.file.as_deref().map(files::read).transpose()?;
    if matches!(signature.trim_ascii_start().first(), Some(b'{' | b'<')) {
        if file.is_some() {
            bail!("a prescription holds its own signature; give it alone");
        }
        return Ok(Evidence::prescription(&signature));
    }
    if signer::verification::is_evidence_record(&signature) {
        let Some(document) = &file else { bail!("this is an evidence record; give its document too") };
        return Ok(Evidence::record(&signature, Some(document)));
    }
    let document = file.as_deref().map_or(Document::Inside, Document::Beside);
    Ok(Evidence::cms(&der_of(&options.signature, signature, "CMS")?, document))
}

fn told(signature: &SignatureReport) {
    if let Some(signer) = &signature.signer {
        line(format_args!("  signed by      {}", signer.subject));
        line(format_args!("  certificate    {} until {}", signer.serial, signer.not_after));
    }
    if let Some(author) = &signature.author {
        line(format_args!(
            "  in the name of {}, {} (role {})",
            author.name, author.organisation, author.role_profile
        ));
    }
    for issuer in signature.chain.iter().skip(1) {
        line(format_args!("  issued by      {issuer}"));
    }
    if let Some(claimed) = &signature.claimed_time {
        line(format_args!("  signing time   {claimed} (the signer's own word)"));
    }
    if let Some(trusted) = &signature.trusted_time {
        line(format_args!("  there since    {trusted} (proven by a time-stamp)"));
    }
    if let Some(digest) = &signature.digest {
        line(format_args!("  document       {digest}"));
    }
    for finding in &signature.findings {
        line(format_args!("  note           {}", finding.sentence));
    }
}

/// What was looked at.
fn checked(form: Form, policies: &[ObjectIdentifier]) -> String {
    let what = match form {
        Form::Evidence => {
            "signature value, key usage, path, revocation; the proof of its time, where there is one; the audit record and its \
             checkpoint; the request, the answer of the authenticator and what was shown, where there was a request"
        }
        Form::EvidenceRecord => {
            "document digest, hash trees, time-stamps, those who gave them, path, revocation"
        }
        _ => "document digest, signature value, certificate binding, key usage, path, revocation",
    };
    if policies.is_empty() { what.to_owned() } else { format!("{what}; certificate policy") }
}

/// Who, for whom and by what, as the bundle says and its record proves.
fn told_of_evidence(octets: &[u8]) {
    let Ok(bundle) = serde_json::from_slice::<EvidenceBundle>(octets) else { return };
    let EvidenceBundle { signature, consent, .. } = &bundle;
    line(format_args!("  person         {}", signature.user_id));
    line(format_args!("  application    {}", signature.client));
    let with = signature.authenticator.as_deref().unwrap_or_default();
    line(format_args!("  confirmed by   {} {with}", signature.method));
    if let Some(document) = &signature.document {
        line(format_args!("  its name       {document}"));
    }
    if let Some(patient) = &signature.patient {
        line(format_args!("  patient        {patient}"));
    }
    if let Some(consent) = consent {
        let bound = match consent.presence.bound {
            Bound::Cryptographically => "cryptographically bound",
            Bound::ByRecord => "bound by the server's record",
        };
        line(format_args!("  consent        {bound}, at {}", Millis(consent.presence.at)));
    }
}

fn policy(text: &str) -> anyhow::Result<ObjectIdentifier> {
    ObjectIdentifier::new(text)
        .map_err(|_| anyhow!("--policy takes an object identifier such as 1.3.6.1, not {text}"))
}

fn milliseconds(text: &str) -> anyhow::Result<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .with_context(|| format!("{text} is not a time such as 2026-11-24T12:00:00Z"))?;
    Ok(time.unix_timestamp() * 1000 + i64::from(time.millisecond()))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    client::certificates(path)?
        .iter()
        .map(|der| {
            Certificate::from_der(der)
                .with_context(|| format!("a certificate in {} does not read", path.display()))
        })
        .collect()
}

fn crl(path: &Path) -> anyhow::Result<Crl> {
    Crl::from_der(&der(path, "X509 CRL")?)
        .with_context(|| format!("{} is not a revocation list", path.display()))
}

/// An OCSP answer as it came from a responder. What is no answer is told apart from what cannot be read.
fn answer(path: &Path, options: &Verify) -> anyhow::Result<OcspAnswer> {
    let nonce = options.ocsp_nonce.as_deref().map(hex::decode).transpose();
    let nonce = nonce.context("--ocsp-nonce takes hexadecimal digits")?;
    match Response::from_der(&files::read(path)?) {
        Ok(Response::Answered(answer)) => Ok(OcspAnswer { answer: *answer, nonce }),
        Ok(Response::Refused(refusal)) => {
            bail!("{} holds no answer: the responder refused with {refusal:?}", path.display())
        }
        Err(error) => {
            Err(anyhow!(error)).with_context(|| format!("{} is not an OCSP response in DER", path.display()))
        }
    }
}

/// The DER of a file that is DER already, or PEM with any of the usual labels.
fn der(path: &Path, label: &str) -> anyhow::Result<Vec<u8>> {
    der_of(path, files::read(path)?, label)
}

fn der_of(path: &Path, bytes: Vec<u8>, label: &str) -> anyhow::Result<Vec<u8>> {
    if !bytes.starts_with(b"-----BEGIN") {
        return Ok(bytes);
    }
    let (found, der) =
        der::pem::decode_vec(&bytes).map_err(|error| anyhow!("{} is not PEM: {error}", path.display()))?;
    if found == label || found == "PKCS7" {
        Ok(der)
    } else {
        bail!("{} holds a {found}, not a {label}", path.display())
    }
}
