//! What a person agreed to, in a bundle of evidence: who asked, what they were shown, what their authenticator answered, and what the audit
//! record holds of all that.

use audit::VerifierKey;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use card::wire::signing::Signed;
use pki::Certificate;
use platform::clock::Millis;
use serde_json::Value;

use super::proved;
use crate::api::{AskedEvidence, ConsentEvidence, EvidenceBundle, LedgerEntry};
use crate::consent::{Bound, binding_before, binding_of};
use crate::dss::{
    Content, Document as Shown, Statement, anchor, binding, card_challenge, card_challenge_id, shown_anchor,
};
use crate::rsa_key;
use crate::verification::report::{Code, Findings};

/// The request, the answer of the authenticator and the record say the same of one batch, of which this document is one.
pub(super) fn consented(
    bundle: &EvidenceBundle,
    consent: &ConsentEvidence,
    request: &str,
    log: &VerifierKey,
    findings: &mut Findings,
) {
    let mut wrong = |sentence: &str| findings.fails(Code::ConsentWrong, sentence);
    let (signature, presence) = (&bundle.signature, &consent.presence);
    let asked = Asked::read(&consent.asked);
    match &asked {
        None => wrong("the request of the application does not read"),
        Some(asked) => asked.faults(signature, consent, request).into_iter().for_each(&mut wrong),
    }
    let same_presence = presence.binding == consent.binding
        && presence.user_id == signature.user_id
        && signature.authenticator.as_ref() == Some(&presence.authenticator)
        && signature.method == presence.method;
    if !same_presence {
        wrong("the person was there for something else, or with something else");
    }
    if by_card(bundle, presence, request).or_else(|| answered(presence)).is_none() {
        wrong("the answer of the authenticator does not hold");
    }
    if !is_about(bundle, consent) {
        wrong("the person was shown another document, or it is about another patient");
    }
    let Some(event) = proved(&consent.record, log, "signing-consented", findings) else { return };
    let signed = &bundle.record.entry.record["event"];
    let same = event["request"] == request
        && event["credential"] == signed["credential"]
        && event["binding"] == consent.binding.as_str()
        && event["authorisation"] == signature.authorisation.as_str()
        && event["user"] == signature.user_id.as_str()
        && event["client"] == signature.client.as_str()
        && event["authenticator"] == presence.authenticator.as_str()
        && event["method"] == presence.method.as_str();
    if !same {
        findings.fails(Code::RecordOther, "the audit record tells of another consent than this");
    }
    if asked.and_then(|asked| anchored(bundle, consent, &asked, event)).is_none() {
        findings.fails(
            Code::RecordOther,
            "the audit record holds a hash of each part of the consent, and one of them is another's",
        );
    }
}

/// Who asked, read.
enum Asked<'b> {
    /// An application by a request that it signed, with its key.
    Statement(Box<Statement>, &'b Value),
    /// A client of the API of the Cloud Signature Consortium: for which credential, and which documents.
    Authorisation { credential: &'b str, hashes: &'b [String], description: Option<&'b str> },
}

impl<'b> Asked<'b> {
    fn read(asked: &'b AskedEvidence) -> Option<Self> {
        match asked {
            AskedEvidence::Statement { statement, statement_key } => {
                let statement = Statement::read(statement).ok()?;
                Some(Self::Statement(Box::new(statement), statement_key))
            }
            AskedEvidence::Authorisation { credential, hashes, description } => {
                let description = description.as_deref();
                Some(Self::Authorisation { credential, hashes, description })
            }
        }
    }

    /// What is wrong with it.
    fn faults(&self, signature: &LedgerEntry, consent: &ConsentEvidence, request: &str) -> Vec<&'static str> {
        const OTHER: &str =
            "the request is for another person, from another application, or for other documents";
        let mut wrong = Vec::new();
        let (is_for, bound) = match self {
            Self::Statement(statement, key) => {
                if !statement.is_by(key) {
                    wrong.push("the request is not signed by the key of the application");
                }
                let of_them = statement.issuer == signature.client && statement.subject == signature.user_id;
                let payload = place(signature).and_then(|place| statement.payloads.get(place));
                let of_batch = payload.is_some_and(|payload| {
                    payload.digest.to_base64() == signature.digest
                        && signature.document.as_ref() == Some(&payload.id)
                });
                (of_them && of_batch, binding(statement, &consent.shown_sha256, Millis(consent.expires_at)))
            }
            Self::Authorisation { credential, hashes, description } => {
                let hash = place(signature).and_then(|place| hashes.get(place));
                let bound = Bound {
                    request,
                    client: &signature.client,
                    user: &signature.user_id,
                    credential,
                    hashes,
                    shown: &consent.shown_sha256,
                    description: *description,
                    expires_at: consent.expires_at,
                };
                // Consents of before this was bound say nothing of it.
                let before = Some(binding_before(&bound))
                    .filter(|before| description.is_none() && *before == consent.binding);
                (hash == Some(&signature.digest), before.unwrap_or_else(|| binding_of(&bound)))
            }
        };
        if !is_for {
            wrong.push(OTHER);
        }
        if bound != consent.binding {
            wrong.push("what the person agreed to is not what was asked for");
        }
        wrong
    }

    /// The hashes by which the audit record holds the request and its key; none of a client that signs nothing.
    fn anchors(&self) -> (Value, Value) {
        match self {
            Self::Statement(statement, key) => (statement.hash.clone().into(), anchor(key).into()),
            Self::Authorisation { .. } => (Value::Null, Value::Null),
        }
    }
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
    let is_it = bundle.signature.document.as_ref() == Some(&shown.id) && bundle.signature.patient == patient;
    // What was agreed to is bound to what was shown of each, at its place.
    let bound = place(&bundle.signature).and_then(|place| consent.shown_sha256.get(place));
    is_it && bound == consent.shown.first().map(anchor).as_ref()
}

/// Whether the record holds these very parts of the consent.
fn anchored(
    bundle: &EvidenceBundle,
    consent: &ConsentEvidence,
    asked: &Asked<'_>,
    event: &Value,
) -> Option<()> {
    let presence = serde_json::to_value(&consent.presence).ok()?;
    let shown = shown_anchor(&consent.presence.nonce, consent.shown.first()?);
    let (request, key) = asked.anchors();
    let holds = event["request_sha256"] == request
        && event["statement_key_sha256"] == key
        && event["presence_sha256"] == anchor(&presence)
        && event["shown_sha256"].get(place(&bundle.signature)?)? == &Value::from(shown);
    holds.then_some(())
}

/// What a card answered: the signatures, of which this one is one, and one more, over the challenge of this request, each made after the
/// passcode by the key of the bundle's certificate.
fn by_card(bundle: &EvidenceBundle, presence: &authn::api::Presence, request: &str) -> Option<()> {
    let signed: Signed = serde_json::from_value(presence.assertion.clone()).ok()?;
    let own = signed.signature_of(bundle.signature.document.as_deref()?)?;
    let holds = signed.is_done()
        && presence.bound == authn::api::Bound::Cryptographically
        && presence.authenticator == bundle.signature.serial
        && presence.challenge == card_challenge(request, &presence.binding)
        && signed.certificate == bundle.certificate
        && own == bundle.signature.signature;
    let fresh = STANDARD.decode(signed.signature_of(&card_challenge_id(request))?).ok()?;
    let certificate = Certificate::from_der(&STANDARD.decode(&bundle.certificate).ok()?).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa_key::of(&certificate)?);
    key.verify(presence.challenge.as_bytes(), &fresh).ok().filter(|()| holds)
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
    // For the pages of one site, on one of them (WebAuthn level 2, 7.2, 9 and 13).
    let (rp_id, origin) = (presence.rp_id.as_deref()?, presence.origin.as_deref()?);
    let rp_hash = digest(&SHA256, rp_id.as_bytes());
    if data.get(..32)? != rp_hash.as_ref() || said["origin"] != origin || !is_page_of(origin, rp_id) {
        return None;
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

/// Whether an origin is of the domain that is the id of a relying party, or below it.
fn is_page_of(origin: &str, rp_id: &str) -> bool {
    let host = origin.split_once("://").and_then(|(_, rest)| rest.split([':', '/']).next());
    host.and_then(|host| host.strip_suffix(rp_id))
        .is_some_and(|above| above.is_empty() || above.ends_with('.'))
}
