//! The verdict on a bundle of evidence: the signature, its certificate, the audit record, and the person's consent.

mod consent;

use audit::VerifierKey;
use audit::api::Entry;
use aws_lc_rs::digest::{Digest as Hashed, SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ML_DSA_44, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use pki::Certificate;
use serde_json::{Value, json};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::attributes::message_digest;
use super::certificate::{self, When};
use consent::consented;

use super::report::{Code, Findings, Form, Report, SignatureReport, Weight, moment};
use super::{Trust, Weak, signer_of};
use crate::api::{EvidenceBundle, RecordedAct, SignatureForm};
use crate::evidence::RSA_LONGER;
use crate::ledger::PASSPHRASE;
use crate::rsa_key;

/// What JOSE would call RSA with SHA-1.
const SHA_1: &str = "RS1";
/// secp384r1, RFC 5480 2.1.1.1.
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// id-ml-dsa-65 and id-ml-dsa-87, RFC 9881 2.
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

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
        return report(findings, bundle, None, &[]);
    };
    if !bundle.signature.serial.eq_ignore_ascii_case(&signer.serial().to_string()) {
        findings.fails(Code::CertificateOther, "the ledger names another certificate");
    }
    if is_of_longer_hash(bundle, &signer) {
        findings.open(
            Code::SignatureUnchecked,
            "the signature is over a longer hash than the one that is kept, and is not checked: have the document or its CMS verified",
        );
    } else if value(bundle, &signer).is_none() {
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
    // Our own record says when: it proves that the claim was not changed since, not that it was right.
    let when = When { claimed_ms: Some(bundle.signature.signed_at), trusted_ms: None };
    let chain = certificate::judge(&signer, &extra, when, trust, &mut findings);
    report(findings, bundle, Some(&signer), &chain)
}

fn report(
    findings: Findings,
    bundle: &EvidenceBundle,
    signer: Option<&Certificate>,
    chain: &[Certificate],
) -> SignatureReport {
    SignatureReport {
        verdict: findings.verdict(),
        signer: signer.map(signer_of),
        digest: STANDARD.decode(&bundle.signature.digest).ok().map(hex::encode),
        claimed_time: Some(moment(bundle.signature.signed_at)),
        trusted_time: None,
        chain: chain.iter().map(|certificate| certificate.subject().to_string()).collect(),
        findings: findings.into_sorted(),
    }
}

/// Whether it is by a key, and of a kind, whose signatures are over a hash longer than the SHA-256 that the ledger has, so that what was signed
/// is not in the bundle. Whatever the bundle calls it, the key has to be of that kind.
fn is_of_longer_hash(bundle: &EvidenceBundle, signer: &Certificate) -> bool {
    let Ok(spki) = SubjectPublicKeyInfoRef::from_der(signer.spki_der()) else { return false };
    let curve = || spki.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let is_bare = bundle.signature.form == SignatureForm::Hash;
    let kind = match bundle.algorithm.as_str() {
        RSA_LONGER => is_bare && rsa_key::of(signer).is_some(),
        "ES384" => curve() == Some(P_384),
        "ML-DSA-65" => spki.algorithm.oid == ML_DSA_65,
        "ML-DSA-87" => spki.algorithm.oid == ML_DSA_87,
        _ => false,
    };
    kind && bundle.signed.is_none()
}

/// Whether the value is by the certificate's key, over the octets or the digest that the ledger has.
fn value(bundle: &EvidenceBundle, signer: &Certificate) -> Option<()> {
    let spki = SubjectPublicKeyInfoRef::from_der(signer.spki_der()).ok()?;
    let bits = spki.subject_public_key.raw_bytes();
    let hash = STANDARD.decode(&bundle.signature.digest).ok()?;
    let value = STANDARD.decode(&bundle.signature.signature).ok()?;
    let algorithm: &'static dyn VerificationAlgorithm = match bundle.algorithm.as_str() {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        SHA_1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        "ES256" => &ECDSA_P256_SHA256_ASN1,
        "ML-DSA-44" => &ML_DSA_44,
        _ => return None,
    };
    let key = UnparsedPublicKey::new(algorithm, bits);
    let Some(text) = &bundle.signed else {
        let hashed = Hashed::import_less_safe(&hash, &SHA256).ok()?;
        return key.verify_digest(&hashed, &value).ok();
    };
    let octets = STANDARD.decode(text).ok()?;
    // A bare signature is over what the digest is of; a CMS is over attributes that hold the digest.
    let of_it = match bundle.signature.form {
        SignatureForm::Hash | SignatureForm::HashPss => digest(&SHA256, &octets).as_ref() == hash,
        SignatureForm::Detached | SignatureForm::Attached => message_digest(&octets)? == hash,
    };
    of_it.then(|| key.verify(&octets, &value).ok()).flatten()
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
    let wanted = json!({"id": signature.id, "form": signature.form, "digest": signature.digest});
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
