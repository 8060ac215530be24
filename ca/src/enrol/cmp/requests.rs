//! `ir`, `cr`, `kur` and `p10cr`: asking for a certificate (RFC 9483 4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::cmp::{CertificateRequest, CertificateTemplate, Failure, Possession, RequestKind};
use pki::{Certificate, Name};
use platform::clock::Millis;

use super::conversation::{Conversation, Reply};
use super::protection::Proof;
use super::refusal::Refusal;
use super::writing::{self, Confirmation, Granted, body};
use crate::api::{IssueRequest, Issued, KeySource, SubjectData, Validity};
use crate::enrol::config::RoadAct;
use crate::enrol::{est, naming, permission};
use crate::profile::{Length, Profile};
use crate::serial::Serial;

/// The number that answers a PKCS#10 request, which has none of its own (RFC 9483 4.1.4).
const NO_REQUEST_ID: i64 = -1;
/// A name without parts, in DER.
const NO_PARTS: [u8; 2] = [0x30, 0];

/// What is asked for, read and allowed.
struct Wish {
    request: IssueRequest,
    /// The subject as it was asked for; to tell the requester when it is written otherwise.
    subject: Name,
    request_id: i64,
    body: u8,
}

/// Requests in the form of RFC 4211.
pub(super) async fn crmf(
    conversation: &Conversation<'_>,
    kind: RequestKind,
    list: &[CertificateRequest],
) -> Result<Reply, Refusal> {
    // RFC 9483 4.1.1: exactly one.
    let [request] = list else {
        return Err(Refusal::new(Failure::BadRequest, "a message asks for exactly one certificate"));
    };
    // RFC 9483 4.1.1: 0. Its confirmation names it, and there is but one to name.
    if request.id != 0 {
        let sentence =
            format!("certReqId is {}; it must be 0 in a message that asks for one certificate", request.id);
        return Err(Refusal::new(Failure::BadRequest, sentence));
    }
    let act = if kind == RequestKind::Update { RoadAct::Renew } else { RoadAct::Enrol };
    let entered = permission::enter(&conversation.sender.caller, conversation.road, act)?;
    let profile = conversation.enrolment.profile(conversation.road)?;
    demand_profile(conversation, profile)?;
    demand_template(conversation, &request.template, profile)?;
    conversation.begin(act).await?;
    let wish = async {
        prove_possession(&entered, request)?;
        let (subject, name) = if kind == RequestKind::Update {
            updated(conversation, request, profile).await?
        } else {
            let wished = wished(&request.template, profile)?;
            permission::may_name(&entered, &wished.0)?;
            wished
        };
        naming::check_extensions(&request.template.extensions, profile)?;
        if let Some(control) = request.unknown_controls.first() {
            let sentence = format!("the control {control} is not supported");
            return Err(Refusal::new(Failure::BadRequest, sentence));
        }
        let key = request.template.public_key.as_deref().unwrap_or_default();
        let road = conversation.road.config;
        let mut asked = IssueRequest::new("", road.profile.as_str(), subject, KeySource::public_key(key));
        asked.issuer = road.issuer.as_ref().map(ToString::to_string);
        asked.validity = validity(&request.template, conversation.now, profile.validity);
        let body = match kind {
            RequestKind::Initial => body::INITIAL,
            RequestKind::Further => body::FURTHER,
            RequestKind::Update => body::UPDATE,
        };
        Ok(Wish { request: asked, subject: name, request_id: request.id, body })
    };
    grant(conversation, wish.await).await
}

/// A request in the form of RFC 2986 (RFC 9483 4.1.4).
pub(super) async fn pkcs10(conversation: &Conversation<'_>, der: &[u8]) -> Result<Reply, Refusal> {
    let entered = permission::enter(&conversation.sender.caller, conversation.road, RoadAct::Enrol)?;
    let profile = conversation.enrolment.profile(conversation.road)?;
    demand_profile(conversation, profile)?;
    conversation.begin(RoadAct::Enrol).await?;
    let wish = || {
        let csr = est::read_request(der)?;
        let subject = naming::subject(csr.subject(), &csr.extensions().subject_alternative_names, profile)?;
        naming::check_extensions(csr.extensions(), profile)?;
        permission::may_name(&entered, &subject)?;
        let request = est::ask(conversation.road, subject, &csr);
        Ok(Wish { request, subject: csr.subject().clone(), request_id: NO_REQUEST_ID, body: body::FURTHER })
    };
    grant(conversation, wish()).await
}

/// A profile that the header names must be this road's (RFC 9810 5.1.1.4).
fn demand_profile(conversation: &Conversation<'_>, profile: &Profile) -> Result<(), Refusal> {
    let named = conversation.header.certificate_profile();
    let named = named.map_err(|_| Refusal::new(Failure::BadDataFormat, "certProfile must be one name"))?;
    match named {
        Some(named) if named != profile.id.as_str() && named != conversation.road.name.to_string() => {
            let sentence = format!("this road leads to the profile {}", profile.id);
            Err(Refusal::new(Failure::BadCertificateTemplate, sentence))
        }
        _ => Ok(()),
    }
}

/// What a template names that the authority decides must be what it will be (RFC 4211 5): the issuer, the one whose key
/// signs on this road now, and no serial number. The issuer of the certificate that protects the message is no wish: OpenSSL names
/// it unless it is told otherwise.
fn demand_template(
    conversation: &Conversation<'_>,
    template: &CertificateTemplate,
    profile: &Profile,
) -> Result<(), Refusal> {
    let refused = |sentence: &str| Err(Refusal::new(Failure::BadCertificateTemplate, sentence));
    if template.serial.is_some() {
        return refused("the template names a serial number, which the authority gives; leave it out");
    }
    // RFC 9483 4.1.1: a name without parts says as little as none.
    let Some(issuer) = template.issuer.as_ref().filter(|name| name.der() != NO_PARTS) else { return Ok(()) };
    let signing = conversation.enrolment.authority().signing(&est::issuer_of(conversation.road, profile)?)?;
    let own = conversation.sender.proof.certificate().map(Certificate::issuer);
    if signing.certificate.subject().matches(issuer) || own.is_some_and(|own| own.matches(issuer)) {
        return Ok(());
    }
    refused("the template names another issuer than the one of this road; leave it out")
}

/// RFC 4211 4: the key signs its own request, or a registration authority vouches that it has seen a proof.
fn prove_possession(entered: &permission::Entered<'_>, request: &CertificateRequest) -> Result<(), Refusal> {
    let refused = |sentence: &str| Err(Refusal::new(Failure::BadProofOfPossession, sentence));
    if request.template.public_key.is_none() {
        let sentence = "a public key is needed: keys are not made here for others";
        return Err(Refusal::new(Failure::BadCertificateTemplate, sentence));
    }
    match &request.possession {
        Possession::Signature { .. } => {
            request.verify_possession().or_else(|_| refused("the proof of possession does not verify"))
        }
        // RFC 9483 5.2.1: only an authority that may ask for any certificate.
        Possession::VerifiedByAuthority if permission::is_authority(entered) => Ok(()),
        Possession::VerifiedByAuthority => refused("only a registration authority may send raVerified"),
        Possession::Absent | Possession::Unsupported => {
            refused("the proof of possession must be a signature by the key over the request")
        }
    }
}

/// The subject that a template asks for.
fn wished(template: &CertificateTemplate, profile: &Profile) -> Result<(SubjectData, Name), Refusal> {
    let missing = || Refusal::new(Failure::BadCertificateTemplate, "the template needs a subject");
    let name = template.subject.as_ref().ok_or_else(missing)?;
    let alternative = &template.extensions.subject_alternative_names;
    Ok((naming::subject(name, alternative, profile)?, name.clone()))
}

/// The subject of the certificate that signed the message and is to be updated (RFC 9483 4.1.3).
async fn updated(
    conversation: &Conversation<'_>,
    request: &CertificateRequest,
    profile: &Profile,
) -> Result<(SubjectData, Name), Refusal> {
    let Proof::Certificate(old) = &conversation.sender.proof else {
        return Err(Refusal::new(Failure::WrongIntegrity, "an update is signed with what it replaces"));
    };
    let refused = |sentence: &str| Err(Refusal::new(Failure::BadCertificateId, sentence));
    if let Some((issuer, serial)) = &request.old_certificate
        && (!issuer.matches(old.issuer()) || *serial != old.serial())
    {
        return refused("oldCertID is not the certificate that signs this message; each renews itself");
    }
    if request.template.subject.as_ref().is_some_and(|name| !name.matches(old.subject())) {
        return refused("an update has the subject of the certificate that it replaces");
    }
    let asked = &request.template.extensions.subject_alternative_names;
    if !asked.is_empty() && !naming::same_names(asked, old.subject_alternative_names()) {
        return refused("an update has the alternative names of the certificate that it replaces");
    }
    est::demand_of_road(conversation.enrolment, old, profile.id.as_str()).await?;
    let subject = naming::subject(old.subject(), old.subject_alternative_names(), profile)?;
    Ok((subject, old.subject().clone()))
}

/// The wished validity, where an end is wished. What is left out is the profile's.
fn validity(template: &CertificateTemplate, now: Millis, length: Length) -> Option<Validity> {
    if template.not_before_ms.is_none() && template.not_after_ms.is_none() {
        return None;
    }
    let not_before = template.not_before_ms.map_or(now, Millis);
    let not_after = template.not_after_ms.map_or_else(|| length.last_second(not_before), Millis);
    Some(Validity { not_before, not_after })
}

/// Issues, stores how it is to be confirmed, and answers. A wish that is refused ends the transaction.
async fn grant(conversation: &Conversation<'_>, wish: Result<Wish, Refusal>) -> Result<Reply, Refusal> {
    let granted = match wish {
        Ok(mut wish) => {
            wish.request.request_id = conversation.request_id();
            let authority = conversation.enrolment.authority();
            let issued = authority.issue(&wish.request, &conversation.sender.caller).await;
            issued.map(|issued| (wish, issued)).map_err(Refusal::from)
        }
        Err(refusal) => Err(refusal),
    };
    let (wish, issued) = match granted {
        Ok(granted) => granted,
        Err(refusal) => {
            conversation.give_up("the request was refused").await?;
            return Err(refusal);
        }
    };
    let certificate = decoded(&issued.certificate)?;
    let confirmation = confirmation(conversation);
    let serial = Serial::parse(&issued.serial).ok_or_else(ours_is_wrong)?;
    crate::failpoint::pass("ca.cmp-issued");
    conversation.deliver(serial, confirmation).await?;
    crate::failpoint::pass("ca.cmp-delivered");
    answer(conversation, &wish, &issued, &certificate, confirmation)
}

fn confirmation(conversation: &Conversation<'_>) -> Confirmation {
    if conversation.header.asks_implicit_confirmation() {
        return Confirmation::Implicit;
    }
    let seconds = i64::from(conversation.enrolment.config().confirm_within_seconds.max(1));
    Confirmation::Until(Length { seconds }.after(conversation.now))
}

fn answer(
    conversation: &Conversation<'_>,
    wish: &Wish,
    issued: &Issued,
    certificate: &Certificate,
    confirmation: Confirmation,
) -> Result<Reply, Refusal> {
    let changed = certificate.subject().der() != wish.subject.der();
    let granted = if changed { Granted::Changed } else { Granted::AsAsked };
    let certificates = issued.chain.iter().map(|text| decoded(text)).collect::<Result<Vec<_>, _>>()?;
    // RFC 9483 4.1.5: who has but a secret knows no root yet, and takes ours from a message that the secret protects.
    let roots: Vec<&[u8]> = match &conversation.sender.proof {
        Proof::Secret(_) => {
            certificates.iter().filter(|it| it.is_self_issued()).map(Certificate::der).collect()
        }
        Proof::Certificate(_) | Proof::Vendor(_) => Vec::new(),
    };
    let content = writing::certificate_response(wish.request_id, granted, certificate.der(), &roots);
    Ok(Reply { body: writing::numbered(wish.body, &content), confirmation, certificates })
}

fn decoded(base64: &str) -> Result<Certificate, Refusal> {
    let der = STANDARD.decode(base64).map_err(|_| ours_is_wrong())?;
    Certificate::from_der(&der).map_err(|_| ours_is_wrong())
}

fn ours_is_wrong() -> Refusal {
    Refusal::new(Failure::SystemFailure, "what was issued cannot be read back")
}
