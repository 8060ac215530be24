//! Why a request on a road is refused.

use pki::cmp::Failure;
use platform::problem::Problem;

use super::config::RoadAct;

/// The refusals that only the roads know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No road has this name, or it is not offered in this protocol.
    #[error("there is no such road here; the operator sets them in [ca.enrol.roads]")]
    RoadUnknown,
    /// The road does not allow this.
    #[error("this road does not allow to {0}")]
    ActNotOnRoad(RoadAct),
    /// The name is not the caller's.
    #[error("{0}; the operator can grant it, or a registration desk with ca:issue can ask")]
    NameNotYours(String),
    /// The subject that is asked for cannot be read, or has parts that have no place here.
    #[error("the subject: {0}")]
    Subject(String),
    /// An extension that is asked for is not in the profile.
    #[error("the extension {0} is not granted by this profile")]
    Extension(String),
    /// A challenge password that should bind the request to the TLS channel.
    #[error(
        "the request carries a challengePassword, which would bind it to the TLS channel; TLS 1.3 has no \
         tls-unique, so it cannot be checked: leave it out"
    )]
    ChannelBinding,
    /// The certificate that is presented is not the one to be renewed.
    #[error("{0}")]
    NotRenewed(&'static str),
    /// The same request was answered before, and that certificate was revoked.
    #[error("the certificate of this very request was revoked; make a new key and ask with it")]
    RequestRevoked,
    /// The shared secret has no use left, or its time is over.
    #[error("this secret has been used up, or its time is over; ask for another")]
    SecretUsedUp,
    /// The body is not what the protocol says.
    #[error("{0}")]
    Body(&'static str),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let detail = refused.to_string();
        match refused {
            Refused::RoadUnknown => Problem::not_found("road-unknown", detail),
            Refused::ActNotOnRoad(_) => Problem::forbidden("road-forbids", detail),
            Refused::NameNotYours(_) => Problem::forbidden("name-not-yours", detail),
            Refused::Subject(_) => Problem::invalid("subject-refused", detail),
            Refused::Extension(_) => Problem::invalid("extension-refused", detail),
            Refused::ChannelBinding => Problem::invalid("channel-binding-refused", detail),
            Refused::NotRenewed(_) => Problem::forbidden("renewal-refused", detail),
            Refused::SecretUsedUp => Problem::forbidden("secret-used-up", detail),
            Refused::RequestRevoked => Problem::conflict("certificate-revoked", detail),
            Refused::Body(_) => Problem::invalid("body-refused", detail),
        }
    }
}

impl Refused {
    /// The same in the terms of CMP.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Refused::RoadUnknown | Refused::ChannelBinding => Failure::BadRequest,
            Refused::ActNotOnRoad(_) | Refused::NameNotYours(_) | Refused::SecretUsedUp => {
                Failure::NotAuthorized
            }
            Refused::Subject(_) => Failure::BadCertificateTemplate,
            Refused::Extension(_) => Failure::UnacceptedExtension,
            Refused::NotRenewed(_) => Failure::BadCertificateId,
            Refused::RequestRevoked => Failure::CertificateRevoked,
            Refused::Body(_) => Failure::BadDataFormat,
        }
    }
}
