//! Who protected a message (RFC 9810 5.1.3): by what proof, and the caller behind it.

use std::net::IpAddr;

use pki::cmp::{Body, Failure, Message, RequestKind, SecretProtection};
use pki::{Certificate, KeyUsage, SignatureError};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::Kind;

use super::refusal::Refusal;
use super::secret::{self, Secret};
use crate::enrol::Enrolment;
use crate::enrol::config::Road;

/// Evidence of who protected a message. Only [`verify`] makes one.
pub(super) struct Sender {
    pub(super) caller: Caller,
    pub(super) proof: Proof,
}

/// By what it was protected.
pub(super) enum Proof {
    /// The key of a certificate of ours, whose holder is a known client.
    Certificate(Certificate),
    /// A secret that was shared for a first certificate.
    Secret(Secret),
    /// The key of a certificate that its maker gave to a device.
    Vendor(Certificate),
}

impl Proof {
    /// As the audit record names it.
    pub(super) fn name(&self) -> String {
        match self {
            Proof::Certificate(certificate) => format!("certificate {}", certificate.serial()),
            Proof::Secret(secret) => format!("secret {}", secret.reference),
            Proof::Vendor(_) => "certificate of the maker".to_owned(),
        }
    }

    /// The certificate whose key protected it.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        match self {
            Proof::Certificate(certificate) | Proof::Vendor(certificate) => Some(certificate),
            Proof::Secret(_) => None,
        }
    }

    /// A secret and the certificate of a maker are good for a first certificate, and for nothing that comes after.
    pub(super) fn allows(&self, body: &Body) -> Result<(), Refusal> {
        let first = matches!(body, Body::Requests(RequestKind::Initial, _) | Body::Confirmation(_));
        if first || matches!(self, Proof::Certificate(_)) {
            return Ok(());
        }
        let sentence = "with this protection a first certificate is asked for (ir) and confirmed, nothing else; \
                        sign with the certificate that was given";
        Err(Refusal::new(Failure::WrongIntegrity, sentence))
    }
}

/// Verifies the protection, then asks who is behind it.
pub(super) async fn verify(
    enrolment: &Enrolment,
    road: Road<'_>,
    message: &Message,
    (address, now): (Option<IpAddr>, Millis),
) -> Result<Sender, Refusal> {
    let algorithm = message.header().protection_algorithm.as_deref();
    let by_secret = algorithm.map(SecretProtection::read).transpose()?.flatten();
    if let Some(protection) = by_secret {
        let (caller, secret) = secret::verify(enrolment, road, message, protection, (address, now)).await?;
        return Ok(Sender { caller, proof: Proof::Secret(secret) });
    }
    let certificate = verify_signature(message)?;
    if road.config.vendors.is_some() && !enrolment.is_ours(&certificate) {
        let device = enrolment.vendors().device(road, message.extra_certificates(), now);
        let caller = device.map_err(|why| Refusal::new(Failure::SignerNotTrusted, why))?;
        return Ok(Sender { caller, proof: Proof::Vendor(certificate) });
    }
    let chain = message.extra_certificates().iter().map(|it| it.der().to_vec()).collect();
    let caller = enrolment.identify(chain).await.map_err(|problem| {
        let failure = match problem.kind {
            Kind::Unauthenticated => Failure::SignerNotTrusted,
            Kind::Forbidden => Failure::NotAuthorized,
            _ => return Refusal::from(problem),
        };
        Refusal::new(failure, problem.detail)
    })?;
    Ok(Sender { caller, proof: Proof::Certificate(certificate) })
}

/// The certificate whose key signed this message.
fn verify_signature(message: &Message) -> Result<Certificate, Refusal> {
    let refused = |sentence: &str| Refusal::new(Failure::BadMessageCheck, sentence);
    let header = message.header();
    let (Some(algorithm), Some(signature)) = (&header.protection_algorithm, message.protection()) else {
        return Err(refused("the message is not protected; sign it"));
    };
    let certificate = message.extra_certificates().first();
    let certificate =
        certificate.ok_or_else(|| refused("the signer's certificate must be first in extraCerts"))?;
    // RFC 9483 3.1: the sender is the subject of the certificate, senderKID its key identifier.
    if !header.sender_name.as_ref().is_some_and(|name| name.matches(certificate.subject())) {
        return Err(refused("the sender is not the subject of the first certificate in extraCerts"));
    }
    if header.sender_key_id.as_deref().is_some_and(|id| Some(id) != certificate.subject_key_id()) {
        return Err(refused("senderKID is not the key identifier of the first certificate in extraCerts"));
    }
    // RFC 9483 3.2
    if certificate.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::DIGITAL_SIGNATURE)) {
        return Err(refused("the key usage of the signer's certificate has no digitalSignature"));
    }
    match pki::verify_signature(certificate.spki_der(), algorithm, message.protected_part(), signature) {
        Ok(()) => Ok(certificate.clone()),
        Err(SignatureError::UnsupportedAlgorithm(oid)) => Err(Refusal::new(
            Failure::BadAlgorithm,
            format!("the signature algorithm {oid} is not supported"),
        )),
        Err(_) => Err(refused("the signature does not verify")),
    }
}
