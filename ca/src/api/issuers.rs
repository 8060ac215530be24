//! Wire types of issuers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rfc3339;

/// The unit in the name of each authority of a demonstration; a ceremony puts it there, and no other way does.
pub const DEMONSTRATION: &str = "Demonstration";

/// Whether an issuer says in its own certificate that it is a demonstration's.
pub fn is_demonstration(issuer: &IssuerInfo) -> bool {
    let der = STANDARD.decode(&issuer.certificate).ok();
    let certificate = der.and_then(|der| pki::Certificate::from_der(&der).ok());
    certificate.is_some_and(|certificate| {
        certificate.subject().attribute(const_oid::db::rfc4519::OU).as_deref() == Some(DEMONSTRATION)
    })
}

/// One issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuerInfo {
    /// Its id: `root`, `card`, `remote-signing`, `sign-in` or `systems`; with `-g2` and so on for a later generation.
    pub id: String,
    /// Its subject as RFC 4514 text.
    pub subject: String,
    /// Its certificate, base64 of the DER.
    pub certificate: String,
    /// The certificates above it, nearest first; empty for the root.
    pub chain: Vec<String>,
    /// First second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Millis,
    /// Last second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Millis,
    /// Whether new certificates come from it; of the generations of an authority, one.
    pub signing: bool,
    /// What other roots certified of this root, base64 of DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross_certificates: Vec<String>,
}
