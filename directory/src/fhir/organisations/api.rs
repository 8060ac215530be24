//! What `/metadata` says of the API.

use super::codes::System;
use crate::day::Day;
use crate::fhir::kit::{Api, Kind, Parts, parts, resource};

/// The Organisation Data Terminology API.
pub(crate) const API: Api = Api {
    name: "OrganisationDataTerminology",
    title: "Organisation Data Terminology FHIR API",
    base: super::BASE,
    formats: &["application/fhir+json", "application/fhir+xml", "json", "xml"],
    kinds: &[
        Kind {
            name: "Organization",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[
                ("_id", "token"),
                ("_lastUpdated", "date"),
                ("active", "token"),
                ("activeRoleCode", "token"),
                ("address", "string"),
                ("address-city", "string"),
                ("address-country", "string"),
                ("address-postalcode", "string"),
                ("identifier", "token"),
                ("lastChangeDate", "date"),
                ("name", "string"),
                ("roleCode", "token"),
                ("type", "token"),
            ],
            includes: &[],
            back: &[
                "OrganizationAffiliation:participating-organization",
                "OrganizationAffiliation:primary-organization",
            ],
            operations: &[],
        },
        Kind {
            name: "OrganizationAffiliation",
            is_read: true,
            is_searched: true,
            is_kept: true,
            parameters: &[
                ("_id", "token"),
                ("_lastUpdated", "date"),
                ("active", "token"),
                ("identifier", "token"),
                ("participating-organization", "reference"),
                ("primary-organization", "reference"),
            ],
            includes: &[
                "OrganizationAffiliation:participating-organization",
                "OrganizationAffiliation:primary-organization",
            ],
            back: &[],
            operations: &[],
        },
        Kind {
            name: "List",
            is_read: true,
            is_searched: false,
            is_kept: false,
            parameters: &[],
            includes: &[],
            back: &[],
            operations: &[],
        },
        Kind {
            name: "CodeSystem",
            is_read: true,
            is_searched: true,
            is_kept: false,
            parameters: &[("system", "uri"), ("url", "uri")],
            includes: &[],
            back: &[],
            operations: &[
                ("lookup", "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"),
                ("subsumes", "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes"),
                ("validate-code", "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code"),
            ],
        },
        Kind {
            name: "ValueSet",
            is_read: false,
            is_searched: false,
            is_kept: false,
            parameters: &[],
            includes: &[],
            back: &[],
            operations: &[
                ("expand", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"),
                ("validate-code", "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code"),
            ],
        },
    ],
};

/// What is known of code systems here: which there are, in which version.
pub(crate) fn terminology(origin: &str, version: &str, today: Day) -> Parts {
    let address = format!("{origin}{}", super::BASE);
    let system = |system: System| {
        let version = parts().with("code", version).with("isDefault", true);
        parts().with("uri", system.url()).with("version", vec![version]).with("subsumption", true)
    };
    let expansion = ["activeOnly", "count", "filter", "offset", "property"];
    let parameters: Vec<Parts> = expansion.into_iter().map(|name| parts().with("name", name)).collect();
    let expansion = parts()
        .with("hierarchical", false)
        .with("paging", true)
        .with("incomplete", false)
        .with("parameter", parameters);
    resource("TerminologyCapabilities")
        .with("url", format!("{address}/metadata?mode=terminology"))
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("name", "OrganisationDataTerminologySystems")
        .with("title", "Code systems of the Organisation Data Terminology FHIR API")
        .with("status", "active")
        .with("date", today)
        .with("kind", "instance")
        .with("software", parts().with("name", "Lanyard").with("version", env!("CARGO_PKG_VERSION")))
        .with("implementation", parts().with("description", API.title).with("url", address))
        .with("codeSystem", System::ALL.into_iter().map(system).collect::<Vec<_>>())
        .with("expansion", expansion)
        .with("codeSearch", "all")
        .with("validateCode", parts().with("translations", false))
}
