//! `lanyard verify`: judges a signature in this process, with nothing but what is given.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use pki::ocsp::Response;
use pki::path::{Known, OcspAnswer};
use pki::{Certificate, Crl};
use platform::clock::Clock;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::Verify;
use crate::terminal::line;
use crate::verification::{self, Document, Trust, Valid};
use crate::{client, files};

/// Verifies and reports. Ends in an error, and so in exit code 1, when the signature does not hold.
pub fn run(options: &Verify, clock: &Clock) -> anyhow::Result<()> {
    let signature = der(&options.signature, "CMS")?;
    let file = options.file.as_deref().map(files::read).transpose()?;
    let document = file.as_deref().map_or(Document::Inside, Document::Beside);
    let anchors = certificates(&options.root)?;
    let mut extra = Vec::new();
    for path in &options.chain {
        extra.extend(certificates(path)?);
    }
    let crls = options.crl.iter().map(|path| crl(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let answers =
        options.ocsp.iter().map(|path| answer(path, options)).collect::<anyhow::Result<Vec<_>>>()?;
    let at_ms = match &options.at {
        Some(text) => milliseconds(text)?,
        None => clock.now().0,
    };
    let trust =
        Trust { anchors: &anchors, extra: &extra, known: Known { crls: &crls, answers: &answers }, at_ms };
    match verification::verify(&signature, document, &trust) {
        Ok(found) => {
            line(format_args!("VALID: {}", options.signature.display()));
            for valid in &found {
                report(valid);
            }
            Ok(())
        }
        Err(invalid) => bail!("NOT VALID: {}: {invalid}", options.signature.display()),
    }
}

fn report(valid: &Valid) {
    line(format_args!("  signed by      {}", valid.signer.subject()));
    line(format_args!(
        "  certificate    {} until {}",
        valid.signer.serial(),
        moment(valid.signer.not_after_ms())
    ));
    for issuer in valid.proof.chain().iter().skip(1) {
        line(format_args!("  issued by      {}", issuer.subject()));
    }
    match valid.claimed_at_ms {
        Some(at) => line(format_args!("  signing time   {} (the signer's own word)", moment(at))),
        None => line("  signing time   not stated"),
    }
    line(format_args!("  document       {}", valid.digest));
    line(
        "  checked        document digest, signature value, signing-certificate-v2, key usage, path, revocation",
    );
}

fn moment(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{ms} ms"))
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
    let bytes = files::read(path)?;
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
