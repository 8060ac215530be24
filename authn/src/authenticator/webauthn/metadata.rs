//! The FIDO Metadata Service's list of models. FIDO Metadata Service 3.1.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use uuid::Uuid;

use super::Kind;
use crate::error::Error;

/// A model of an authenticator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Model {
    /// What its maker calls it.
    pub description: String,
    /// The certificates to which its attestations lead, in DER.
    pub roots: Vec<Vec<u8>>,
    /// Whether its keys lie in hardware.
    pub in_hardware: bool,
    /// Whether it is carried or part of a machine, if its maker says one of these.
    pub attached: Option<Kind>,
    /// Whether it was found to be unsafe.
    pub withdrawn: bool,
}

/// The list: 3.1.6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// The models, by AAGUID.
    pub models: BTreeMap<Uuid, Model>,
    /// When it is to be replaced, as YYYY-MM-DD, if it says so.
    pub next_update: Option<String>,
}

/// 3.1.4: what ends the trust in a model.
const WITHDRAWN: [&str; 5] = [
    "USER_VERIFICATION_BYPASS",
    "ATTESTATION_KEY_COMPROMISE",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_KEY_PHYSICAL_COMPROMISE",
    "REVOKED",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    next_update: Option<String>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    aaguid: Option<String>,
    metadata_statement: Option<Statement>,
    #[serde(default)]
    status_reports: Vec<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(default)]
    description: String,
    #[serde(default)]
    attestation_root_certificates: Vec<String>,
    #[serde(default)]
    key_protection: Vec<String>,
    #[serde(default)]
    attachment_hint: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status: String,
    /// Since when, as YYYY-MM-DD; a maker may leave it out.
    effective_date: Option<String>,
}

impl Status {
    /// The date, where it is one: such dates sort as text.
    fn date(&self) -> Option<&str> {
        self.effective_date.as_deref().filter(|text| is_date(text))
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Reads the list, by AAGUID. Entries of older protocols have none and are passed by.
pub(crate) fn read(text: &str) -> Result<List, Error> {
    let refused = || Error::Setting {
        sentence: "authn.webauthn.metadata is no list of the FIDO Metadata Service: neither its payload in JSON nor the signed \
                   form as it is published",
    };
    let text = text.trim();
    let payload: Payload = match text.split('.').collect::<Vec<_>>().as_slice() {
        [_, payload, _] if !text.starts_with('{') => {
            let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| refused())?;
            serde_json::from_slice(&payload).map_err(|_| refused())?
        }
        _ => serde_json::from_str(text).map_err(|_| refused())?,
    };
    let mut models = BTreeMap::new();
    for entry in payload.entries {
        let aaguid = entry.aaguid.as_deref().and_then(|text| Uuid::parse_str(text).ok());
        let Some(aaguid) = aaguid else { continue };
        let withdrawn = is_withdrawn(&entry.status_reports);
        // Of a model that is withdrawn nothing else has to be known.
        let statement = entry.metadata_statement.or_else(|| withdrawn.then(Statement::default));
        if let Some(statement) = statement {
            models.insert(aaguid, model(statement, withdrawn));
        }
    }
    Ok(List { models, next_update: payload.next_update.filter(|date| is_date(date)) })
}

/// Whether a report ends the trust in a model. It does until the model is certified again at a later date; one without a date always does,
/// and whatever else is reported, such as an update, takes nothing back.
fn is_withdrawn(reports: &[Status]) -> bool {
    let certified = reports
        .iter()
        .filter(|report| report.status.starts_with("FIDO_CERTIFIED"))
        .filter_map(Status::date)
        .max();
    reports.iter().filter(|report| WITHDRAWN.contains(&report.status.as_str())).any(|report| {
        match (report.date(), certified) {
            (Some(date), Some(certified)) => certified <= date,
            _ => true,
        }
    })
}

fn model(statement: Statement, withdrawn: bool) -> Model {
    let decoded = |text: &String| {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        STANDARD.decode(text).ok()
    };
    let protected = |word: &str| statement.key_protection.iter().any(|given| given == word);
    // FIDO Registry of Predefined Values 3.4.
    let hinted = |word: &str| statement.attachment_hint.iter().any(|given| given == word);
    let attached = match (hinted("internal"), hinted("external")) {
        (true, false) => Some(Kind::Device),
        (false, true) => Some(Kind::SecurityKey),
        _ => None,
    };
    Model {
        roots: statement.attestation_root_certificates.iter().filter_map(decoded).collect(),
        in_hardware: (protected("hardware") || protected("secure_element") || protected("tee"))
            && !protected("software"),
        attached,
        withdrawn,
        description: statement.description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &str = r#"{"no": 7, "nextUpdate": "2026-12-01", "legalHeader": "", "entries": [
        {"aaguid": "11111111-1111-4111-8111-111111111111",
         "metadataStatement": {"description": "Blue key", "attestationRootCertificates": ["AQI D"],
            "keyProtection": ["hardware", "secure_element"], "attachmentHint": ["external", "wired"]},
         "statusReports": [{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2024-01-01"}]},
        {"aaguid": "22222222-2222-4222-8222-222222222222",
         "metadataStatement": {"description": "Red key", "keyProtection": ["software"]},
         "statusReports": [{"status": "REVOKED", "effectiveDate": "2025-05-01"},
            {"status": "FIDO_CERTIFIED", "effectiveDate": "2024-01-01"}]},
        {"aaid": "1234#5678", "metadataStatement": {"description": "Old"}, "statusReports": []}
    ]}"#;

    /// Models are read from the payload and from the signed form; a model that was withdrawn, and not certified since, is known as such.
    #[test]
    fn models_are_read() {
        let signed = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(ENTRIES));
        for text in [ENTRIES, &signed] {
            let list = read(text).unwrap();
            assert_eq!(list.next_update.as_deref(), Some("2026-12-01"));
            let models: Vec<Model> = list.models.into_values().collect();
            let blue = Model {
                description: "Blue key".to_owned(),
                roots: vec![vec![1, 2, 3]],
                in_hardware: true,
                attached: Some(Kind::SecurityKey),
                withdrawn: false,
            };
            let red = Model { description: "Red key".to_owned(), withdrawn: true, ..Model::default() };
            assert_eq!(models, [blue, red]);
        }
        let withdrawn = |reports: &str| {
            let text = format!(
                r#"{{"entries": [{{"aaguid": "11111111-1111-4111-8111-111111111111", "statusReports": [{reports}]}}]}}"#
            );
            read(&text).unwrap().models.into_values().any(|model| model.withdrawn)
        };
        let certified =
            |date: &str| format!(r#"{{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "{date}"}}"#);
        let revoked = r#"{"status": "REVOKED", "effectiveDate": "2025-05-01"}"#;
        for (reports, expected) in [
            (certified("2024-01-01"), false),
            (format!("{}, {}", certified("2024-01-01"), r#"{"status": "REVOKED"}"#), true),
            (format!("{}, {}", r#"{"status": "USER_KEY_REMOTE_COMPROMISE"}"#, certified("2026-01-01")), true),
            (format!("{}, {revoked}", certified("2024-01-01")), true),
            (format!("{revoked}, {}", certified("2025-05-01")), true),
            (format!("{revoked}, {}", certified("2025-05-02")), false),
            (format!("{revoked}, {}", certified("soon")), true),
            (format!("{revoked}, {}", r#"{"status": "FIDO_CERTIFIED_L1"}"#), true),
            (
                format!("{revoked}, {}", r#"{"status": "UPDATE_AVAILABLE", "effectiveDate": "2026-01-01"}"#),
                true,
            ),
            (format!("{}, {}", certified("2024-01-01"), r#"{"status": "UPDATE_AVAILABLE"}"#), false),
        ] {
            assert_eq!(withdrawn(&reports), expected, "{reports}");
        }
        for wrong in ["", "{}", "a.b.c", "<html>"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
