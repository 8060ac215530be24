//! Looking for certificates: the query, a page, the forms of an export.

use std::fmt::Write as _;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CertificateInfo, CertificateState};
use crate::rfc3339;

/// Which certificates to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CertificateQuery {
    /// Only those that name this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Only those that name this system of the register, in whatever letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<String>,
    /// Only those whose common name is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Only the one with this serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Only the one with this SHA-256 fingerprint, hexadecimal with or without colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<CertificateState>,
    /// Only those of this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Only those of this issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Only those whose last second is this or later.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub expires_from: Option<Millis>,
    /// Only those whose last second is before this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub expires_before: Option<Millis>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most, 1 to 500; 50 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl CertificateQuery {
    /// The query as it stands in a URL.
    pub fn to_query(&self) -> String {
        let state = self.state.map(|state| state.as_str().to_owned());
        let limit = self.limit.map(|limit| limit.to_string());
        let [from, before] = [self.expires_from, self.expires_before].map(|at| at.and_then(rfc3339::to_text));
        let fields = [
            ("user_id", &self.user_id),
            ("system_id", &self.system_id),
            ("common_name", &self.common_name),
            ("serial", &self.serial),
            ("sha256", &self.sha256),
            ("state", &state),
            ("profile", &self.profile),
            ("issuer", &self.issuer),
            ("expires_from", &from),
            ("expires_before", &before),
            ("after", &self.after),
            ("limit", &limit),
        ];
        query_of(&fields)
    }
}

/// The fields that are set, as they stand in a URL.
pub(super) fn query_of<T: std::borrow::Borrow<Option<String>>>(fields: &[(&str, T)]) -> String {
    let set = fields.iter().filter_map(|(name, value)| Some((name, value.borrow().as_deref()?)));
    set.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect::<Vec<_>>().join("&")
}

/// RFC 3986 2.1, with everything but the unreserved encoded.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// In which form certificates are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportForm {
    /// RFC 4180, with a line of headings and without the certificates themselves.
    Csv,
    /// One JSON object a line, as `GET /ca/certificates/{serial}` answers it.
    JsonLines,
}

impl ExportForm {
    /// How the path of such an export ends.
    pub fn extension(self) -> &'static str {
        match self {
            ExportForm::Csv => "csv",
            ExportForm::JsonLines => "jsonl",
        }
    }
}

/// One page of certificates: by serial when they are looked for by person, name, serial, fingerprint or not at
/// all, else by the end of their validity and then by serial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificatePage {
    /// The certificates.
    pub certificates: Vec<CertificateInfo>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
