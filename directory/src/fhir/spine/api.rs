//! What `/metadata` says of the API.

use crate::fhir::kit::{Api, Kind};

/// The Spine Directory Service API.
pub(crate) const API: Api = Api {
    name: "SpineDirectoryService",
    title: "Spine Directory Service FHIR API",
    base: super::BASE,
    formats: &["application/fhir+json", "json"],
    kinds: &[
        Kind {
            name: "Device",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[
                ("_lastUpdated", "date"),
                ("identifier", "token"),
                ("manufacturing-organization", "token"),
                ("organization", "token"),
            ],
            includes: &[],
            back: &[],
            operations: &[],
        },
        Kind {
            name: "Endpoint",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[("_lastUpdated", "date"), ("identifier", "token"), ("organization", "token")],
            includes: &[],
            back: &[],
            operations: &[],
        },
    ],
};
