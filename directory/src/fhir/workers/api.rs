//! What `/metadata` says of the API.

use crate::fhir::kit::{Api, Kind};

/// The Healthcare Worker API.
pub(crate) const API: Api = Api {
    name: "HealthcareWorker",
    title: "Healthcare Worker FHIR API",
    base: super::BASE,
    formats: &["application/fhir+json", "application/fhir+xml", "json", "xml"],
    kinds: &[
        Kind {
            name: "Practitioner",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[
                ("_id", "token"),
                ("_lastUpdated", "date"),
                ("family", "string"),
                ("given", "string"),
                ("identifier", "token"),
                ("name", "string"),
            ],
            includes: &[],
            back: &["PractitionerRole:practitioner"],
            operations: &[],
        },
        Kind {
            name: "PractitionerRole",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[
                ("_id", "token"),
                ("identifier", "token"),
                ("organization", "reference"),
                ("practitioner", "reference"),
                ("role", "token"),
            ],
            includes: &["PractitionerRole:organization", "PractitionerRole:practitioner"],
            back: &[],
            operations: &[],
        },
    ],
};
