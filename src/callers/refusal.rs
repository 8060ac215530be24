//! Why a certificate makes no caller, each with a status and a sentence that helps.

use std::time::Duration;

use platform::problem::Problem;

/// When asking again makes sense after a missing revocation list.
const LIST_WITHIN: Duration = Duration::from_secs(30);

/// The refusals.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unreadable,
    Unknown,
    Expired,
    NotYetValid,
    Revoked,
    Held,
    NotForClients,
    NotRegistered { name: String },
    NoName,
    OfASystem { system: String },
    NotACaller { issuer: String },
    RevocationUnknown,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable => {
                Problem::unauthenticated("certificate-unreadable", "the client certificate cannot be read")
            }
            Refusal::Unknown => Problem::unauthenticated(
                "certificate-unknown",
                "the client certificate was not issued by this service's authorities for systems or people",
            ),
            Refusal::Expired => Problem::unauthenticated(
                "certificate-expired",
                "the client certificate has expired; have a new one issued",
            ),
            Refusal::NotYetValid => Problem::unauthenticated(
                "certificate-not-yet-valid",
                "the client certificate is not valid yet; check the clocks",
            ),
            Refusal::Revoked => Problem::unauthenticated(
                "certificate-revoked",
                "the client certificate has been revoked; have a new one issued",
            ),
            Refusal::Held => Problem::unauthenticated(
                "certificate-held",
                "the client certificate is on hold; ask the registration desk",
            ),
            Refusal::NotForClients => {
                Problem::forbidden("certificate-purpose", "the client certificate is not for TLS clients")
            }
            Refusal::NotRegistered { name } => Problem::forbidden(
                "client-not-registered",
                format!("the client {name} is not registered here; it needs a [clients.{name}] table"),
            ),
            Refusal::NoName => Problem::forbidden(
                "certificate-without-name",
                "the client certificate has no common name or user id that could be a caller",
            ),
            Refusal::OfASystem { system } => Problem::forbidden(
                "certificate-not-a-caller",
                format!(
                    "the client certificate is that of the system {system}, and calls under that name alone"
                ),
            ),
            Refusal::NotACaller { issuer } => Problem::forbidden(
                "certificate-not-a-caller",
                format!("certificates of the {issuer} authority do not call this service"),
            ),
            Refusal::RevocationUnknown => Problem::unavailable(
                "revocation-unknown",
                "no current revocation list: nobody can be let in until there is one again",
                LIST_WITHIN,
            ),
        }
    }
}
