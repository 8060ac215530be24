//! Wire types of `/signer/archivals`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A signature that is to stay provable.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The CMS in DER, base64.
    pub cms: String,
    /// The document, base64, where it is not inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The object identifier of the hash of the new time-stamp: a longer one before that of the last ages. Left out, it is that of the last, SHA-256 at
    /// least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algo: Option<String>,
}

/// The same with an archive time-stamp more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Archived {
    /// The CMS in DER, base64.
    pub cms: String,
}
