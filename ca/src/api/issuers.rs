//! Wire types of issuers.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rfc3339;

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
