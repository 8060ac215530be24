//! The verdict on a bundle of evidence: the signature, its certificate, the audit record, and the person's consent.

use audit::VerifierKey;
use audit::api::Entry;
use aws_lc_rs::digest::{Digest as Hashed, SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ML_DSA_44, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::Decode as _;
use pki::Certificate;
use platform::clock::Millis;
use serde_json::{Value, json};

use super::certificate::{self, When};
use super::report::{Code, Findings, Form, Report, SignatureReport, Weight, moment};
use super::{Trust, Weak, signer_of};
use crate::api::{ConsentEvidence, EvidenceBundle, LedgerEntry, RecordedAct, SignatureForm};
use crate::dss::{Content, Document as Shown, Statement, anchor, binding, shown_anchor};
use crate::ledger::PASSPHRASE;

/// What JOSE would call RSA with SHA-1.
const SHA_1: &str = "RS1";

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
    if value(bundle, &signer).is_none() {
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

/// Whether the value is by the certificate's key, over the octets or the digest that the ledger has.
fn value(bundle: &EvidenceBundle, signer: &Certificate) -> Option<()> {
    let spki = x509_cert::spki::SubjectPublicKeyInfoRef::from_der(signer.spki_der()).ok()?;
    let bits = spki.subject_public_key.raw_bytes();
    let hash = STANDARD.decode(&bundle.signature.digest).ok()?;
    let value = STANDARD.decode(&bundle.signature.signature).ok()?;
    let algorithm: &'static dyn VerificationAlgorithm = match bundle.algorithm.as_str() {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
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
        SignatureForm::Hash => digest(&SHA256, &octets).as_ref() == hash,
        SignatureForm::Detached | SignatureForm::Attached => {
            octets.windows(hash.len().max(1)).any(|part| part == hash)
        }
    };
    of_it.then(|| key.verify(&octets, &value).ok()).flatten()
}

/// Under what it was signed, by the audit record.
enum Under<'b> {
    /// The record does not tell.
    Unknown,
    /// Under no request: the person gave a passphrase.
    Nothing,
    /// Under this request of an application.
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

/// The request, the answer of the authenticator and the record say the same of one batch, of which this document is one.
fn consented(
    bundle: &EvidenceBundle,
    consent: &ConsentEvidence,
    request: &str,
    log: &VerifierKey,
    findings: &mut Findings,
) {
    let mut wrong = |sentence: &str| findings.fails(Code::ConsentWrong, sentence);
    let (signature, presence) = (&bundle.signature, &consent.presence);
    let statement = Statement::read(&consent.statement).ok();
    match &statement {
        None => wrong("the request of the application does not read"),
        Some(statement) => asked(signature, consent, statement).into_iter().for_each(&mut wrong),
    }
    let same_presence = presence.binding == consent.binding
        && presence.user_id == signature.user_id
        && signature.authenticator.as_ref() == Some(&presence.authenticator)
        && signature.method == presence.method;
    if !same_presence {
        wrong("the person was there for something else, or with something else");
    }
    if answered(presence).is_none() {
        wrong("the answer of the authenticator does not hold");
    }
    if !is_about(bundle, consent) {
        wrong("the person was shown another document, or it is about another patient");
    }
    let Some(event) = proved(&consent.record, log, "signing-consented", findings) else { return };
    let same = event["request"] == request
        && event["binding"] == consent.binding.as_str()
        && event["authorisation"] == signature.authorisation.as_str()
        && event["user"] == signature.user_id.as_str()
        && event["client"] == signature.client.as_str()
        && event["authenticator"] == presence.authenticator.as_str()
        && event["method"] == presence.method.as_str();
    if !same {
        findings.fails(Code::RecordOther, "the audit record tells of another consent than this");
    }
    let hash = statement.map(|statement| statement.hash);
    if anchored(bundle, consent, hash.as_deref(), event).is_none() {
        findings.fails(
            Code::RecordOther,
            "the audit record holds a hash of each part of the consent, and one of them is another's",
        );
    }
}

/// What is wrong with the request of the application.
fn asked(signature: &LedgerEntry, consent: &ConsentEvidence, statement: &Statement) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    if !statement.is_by(&consent.statement_key) {
        wrong.push("the request is not signed by the key of the application");
    }
    let of_them = statement.issuer == signature.client && statement.subject == signature.user_id;
    let of_batch = place(signature).and_then(|place| statement.payloads.get(place)).is_some_and(|payload| {
        payload.digest.to_base64() == signature.digest && signature.document.as_ref() == Some(&payload.id)
    });
    if !of_them || !of_batch {
        wrong.push("the request is for another person, from another application, or for other documents");
    }
    if binding(statement, Millis(consent.expires_at)) != consent.binding {
        wrong.push("what the person agreed to is not what was asked for");
    }
    wrong
}

/// The place of the document in its request: the id of a signature ends in it.
fn place(signature: &LedgerEntry) -> Option<usize> {
    signature.id.rsplit_once('.')?.1.parse().ok()
}

/// What was shown is the document of the ledger and its patient.
fn is_about(bundle: &EvidenceBundle, consent: &ConsentEvidence) -> bool {
    let [shown] = &consent.shown[..] else { return false };
    let Ok(shown) = serde_json::from_value::<Shown>(shown.clone()) else { return false };
    let patient = match shown.content {
        Content::Seen(told) => Some(told.nhs_number).filter(|number| !number.is_empty()),
        Content::Unseen(_) => None,
    };
    bundle.signature.document.as_ref() == Some(&shown.id) && bundle.signature.patient == patient
}

/// Whether the record holds these very parts of the consent.
fn anchored(
    bundle: &EvidenceBundle,
    consent: &ConsentEvidence,
    request_sha256: Option<&str>,
    event: &Value,
) -> Option<()> {
    let presence = serde_json::to_value(&consent.presence).ok()?;
    let shown = shown_anchor(&consent.presence.nonce, consent.shown.first()?);
    let holds = event["request_sha256"] == request_sha256?
        && event["statement_key_sha256"] == anchor(&consent.statement_key)
        && event["presence_sha256"] == anchor(&presence)
        && event["shown_sha256"].get(place(&bundle.signature)?)? == &Value::from(shown);
    holds.then_some(())
}

/// The answer of an authenticator: for the challenge, by its key, with the person present and verified. WebAuthn level 2, 7.2.
fn answered(presence: &authn::api::Presence) -> Option<()> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let part = |name: &str| decoded(presence.assertion["response"][name].as_str()?);
    let (client, data, value) = (part("clientDataJSON")?, part("authenticatorData")?, part("signature")?);
    let said: Value = serde_json::from_slice(&client).ok()?;
    if said["type"] != "webauthn.get" || said["challenge"] != presence.challenge.as_str() {
        return None;
    }
    if presence.bound == authn::api::Bound::Cryptographically {
        let made = [decoded(&presence.nonce)?, hex::decode(&presence.binding).ok()?].concat();
        if URL_SAFE_NO_PAD.encode(digest(&SHA256, &made)) != presence.challenge {
            return None;
        }
    }
    // User present and user verified (WebAuthn level 2, 6.1).
    if data.get(32)? & 0x05 != 0x05 {
        return None;
    }
    let signed = [data, digest(&SHA256, &client).as_ref().to_vec()].concat();
    let key = &presence.public_key;
    let member = |name: &str| decoded(key[name].as_str()?);
    match key["kty"].as_str()? {
        "EC" => {
            let point = [vec![4], member("x")?, member("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(&signed, &value).ok()
        }
        "OKP" => UnparsedPublicKey::new(&ED25519, member("x")?).verify(&signed, &value).ok(),
        "RSA" => RsaPublicKeyComponents { n: member("n")?, e: member("e")? }
            .verify(&RSA_PKCS1_2048_8192_SHA256, &signed, &value)
            .ok(),
        _ => None,
    }
}
