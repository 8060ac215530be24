//! Wire types of authorities that are given a new key.

use http::Method;
use platform::clock::Millis;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Client, percent_encoded};
use crate::rfc3339;

impl Client {
    /// Gives an authority a new key.
    pub async fn roll_over(&self, line: &str, request: &RolloverRequest) -> Result<GenerationInfo, Problem> {
        let path = format!("/ca/issuers/{}/generations", percent_encoded(line));
        self.peer.call(Method::POST, &path, Some(request)).await
    }

    /// Takes in certificates and lists that a ceremony with a root kept elsewhere made.
    pub async fn import(&self, import: &Import) -> Result<ImportInfo, Problem> {
        self.peer.call(Method::POST, "/ca/imports", Some(import)).await
    }

    /// Every generation that was made after the ceremony.
    pub async fn generations(&self) -> Result<Vec<GenerationInfo>, Problem> {
        self.peer.call(Method::GET, "/ca/generations", None::<&()>).await
    }
}

/// How an authority is given a new key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolloverRequest {
    /// The kind of key, such as `p-384`; as the generation before unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The common name; that of the generation before with ` G2`, ` G3` … at its end unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// From when on new certificates come from it; at once unless told.
    #[serde(skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signs_from: Option<Millis>,
    /// Which generation is to be made, such as 3: one that is there already is answered and none made. Unless told, one that was
    /// made within a day is answered, so that asking again after a time-out makes no further one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How far a generation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GenerationState {
    /// Nothing was done: a dry run.
    Planned,
    /// Begun; asking again takes it up.
    Begun,
    /// Its key is there, and its request waits for the root that is kept elsewhere.
    Waiting,
    /// It has its certificate.
    Certified,
}

/// Certificates of authorities and lists of a root kept elsewhere, as a ceremony made them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Any number of `CERTIFICATE` and `X509 CRL` blocks, 64 at most.
    pub pem: String,
}

/// What was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportInfo {
    /// The issuers that have their certificate now: authorities that waited for it, roots that came in, and roots that were
    /// certified across.
    pub issuers: Vec<String>,
    /// The lists that are published now: issuer and number.
    pub lists: Vec<String>,
}

/// A generation of an authority that was made after the ceremony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenerationInfo {
    /// Its id, such as `card-g2`.
    pub issuer: String,
    /// How far it is.
    pub state: GenerationState,
    /// Its subject as RFC 4514 text.
    pub subject: String,
    /// The label of its key in the token.
    pub key_label: String,
    /// The kind of key.
    pub algorithm: String,
    /// From when on new certificates come from it.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub signs_from: Millis,
    /// The PKCS#10 request in PEM, once the key is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The certificate, base64 of DER, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What other roots certified of this root, base64 of DER.
    pub cross_certificates: Vec<String>,
    /// What was done, line by line; in a dry run what would be.
    pub transcript: Vec<String>,
}
