//! Wire types of `/signer/prescriptions/…`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What prepare answers: a FHIR `Parameters` with `digest`, `timestamp` and `algorithm`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// Always `Parameters`.
    pub resource_type: String,
    /// The three of them, in this order.
    pub parameter: Vec<Parameter>,
}

/// One parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value_string: String,
}

impl Prepared {
    pub(crate) fn new(digest: String, timestamp: String, algorithm: &str) -> Self {
        let parameter = |name: &str, value: String| Parameter { name: name.to_owned(), value_string: value };
        Self {
            resource_type: "Parameters".to_owned(),
            parameter: vec![
                parameter("digest", digest),
                parameter("timestamp", timestamp),
                parameter("algorithm", algorithm.to_owned()),
            ],
        }
    }

    /// What a parameter says.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.parameter.iter().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.value_string.as_str())
    }
}

/// A signature that was made over what prepare answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The digest as prepare answered it: base64 of the statement that was signed.
    pub digest: String,
    /// The signature value, base64.
    pub signature: String,
    /// The signer's certificate, base64 of its DER.
    pub certificate: String,
}

/// A prescription's signature as it travels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedPrescription {
    /// The XML signature, base64: the content of `signatureText` in HL7 V3, and `data` in a Provenance.
    pub signature: String,
    /// The time that was signed.
    pub timestamp: String,
    /// For a FHIR message: the Provenance to put into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub provenance: Option<serde_json::Value>,
}
