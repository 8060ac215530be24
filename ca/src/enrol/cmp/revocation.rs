//! `rr`: having a certificate revoked (RFC 9483 4.2).

use const_oid::db::rfc5912::{ID_CE_CRL_REASONS, ID_CE_INVALIDITY_DATE};
use der::Decode as _;
use der::asn1::GeneralizedTime;
use pki::Certificate;
use pki::cmp::{Failure, RevocationDetails};
use platform::clock::Millis;

use super::conversation::{Conversation, Reply};
use super::refusal::Refusal;
use super::writing::{self, body};
use crate::api::{REVOKE, Reason, RevokeRequest};
use crate::asn1::ENUMERATED;
use crate::enrol::config::RoadAct;
use crate::enrol::permission;
use crate::serial::Serial;
use crate::store::certificates::{self, Stored};

/// What is to become of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Revoke(RevokeRequestParts),
    /// removeFromCRL: the end of a hold (RFC 5280 5.3.1).
    Resume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RevokeRequestParts {
    reason: Reason,
    invalidity_date: Option<Millis>,
}

/// Revokes one certificate: one's own, or with `ca:revoke` anybody's.
pub(super) async fn revoke(
    conversation: &Conversation<'_>,
    list: &[RevocationDetails],
) -> Result<Reply, Refusal> {
    let [details] = list else {
        return Err(Refusal::new(Failure::BadRequest, "a message revokes exactly one certificate"));
    };
    permission::enter(&conversation.sender.caller, conversation.road, RoadAct::Revoke)?;
    let wish = wish(details)?;
    let stored = named(conversation, details).await?;
    let everybodys = conversation.sender.caller.may(REVOKE);
    if wish == Wish::Resume {
        everybodys?;
    } else if everybodys.is_err() && !is_own(conversation, &stored) {
        return Err(not_found());
    }
    conversation.begin(RoadAct::Revoke).await?;
    let (authority, caller) = (conversation.enrolment.authority(), &conversation.sender.caller);
    let serial = stored.serial.to_string();
    let outcome = match wish {
        Wish::Revoke(RevokeRequestParts { reason, invalidity_date }) => {
            authority.revoke(&serial, RevokeRequest { reason, invalidity_date }, caller).await
        }
        Wish::Resume => authority.resume(&serial, caller).await,
    };
    conversation.enrolment.forget_callers();
    conversation.close().await?;
    outcome?;
    Ok(Reply::plain(writing::numbered(body::REVOCATION, &writing::revocation_response())))
}

/// Somebody else's certificate is "not found".
fn not_found() -> Refusal {
    let sentence = "there is no certificate of yours with this issuer and serial number";
    Refusal::new(Failure::BadCertificateId, sentence)
}

/// The certificate that a template names by issuer and serial number.
async fn named(conversation: &Conversation<'_>, details: &RevocationDetails) -> Result<Stored, Refusal> {
    let template = &details.template;
    let (Some(issuer), Some(serial)) = (&template.issuer, &template.serial) else {
        let sentence = "a revocation names issuer and serial number";
        return Err(Refusal::new(Failure::BadCertificateTemplate, sentence));
    };
    let serial = Serial::parse(&serial.to_string()).ok_or_else(not_found)?;
    let read = conversation.enrolment.authority().desk().db.read();
    let stored = certificates::by_serial(read, &serial).await?.ok_or_else(not_found)?;
    let known = conversation.enrolment.authority().issuer_looked_for(&stored.issuer).await?;
    if known.certificate.subject().matches(issuer) { Ok(stored) } else { Err(not_found()) }
}

/// Whether a certificate names the caller and came by this road's profile.
fn is_own(conversation: &Conversation<'_>, stored: &Stored) -> bool {
    let client = conversation.sender.caller.client.as_str();
    let certificate = stored.certificate.as_deref().and_then(|der| Certificate::from_der(der).ok());
    stored.profile == conversation.road.config.profile.as_str()
        && certificate.and_then(|certificate| certificate.common_name()).as_deref() == Some(client)
}

/// What the entry is to say. An extension that is not understood is refused, for it might limit what is meant.
fn wish(details: &RevocationDetails) -> Result<Wish, Refusal> {
    let refused = |sentence: &str| Refusal::new(Failure::BadDataFormat, sentence);
    let (mut code, mut invalidity_date) = (0, None);
    for extension in &details.entry.all {
        match extension.oid {
            ID_CE_CRL_REASONS => {
                let [ENUMERATED, 1, number] = extension.value[..] else {
                    return Err(refused("the reason cannot be read"));
                };
                code = number;
            }
            ID_CE_INVALIDITY_DATE => {
                let time = GeneralizedTime::from_der(&extension.value);
                let time = time.map_err(|_| refused("the invalidity date cannot be read"))?;
                let milliseconds = i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX);
                invalidity_date = Some(Millis(milliseconds));
            }
            oid => {
                let sentence = format!("the entry extension {oid} is not supported");
                return Err(Refusal::new(Failure::UnacceptedExtension, sentence));
            }
        }
    }
    if code == REMOVE_FROM_CRL {
        return Ok(Wish::Resume);
    }
    let reason = Reason::from_code(code).ok_or_else(|| refused("there is no such reason"))?;
    Ok(Wish::Revoke(RevokeRequestParts { reason, invalidity_date }))
}

/// RFC 5280 5.3.1.
const REMOVE_FROM_CRL: u8 = 8;
