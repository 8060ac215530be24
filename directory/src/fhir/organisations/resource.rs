//! Organisations and their relationships as resources.

use super::asked::ORGANISATION;
use super::codes::{RECORD_CLASS, RECORD_USE, RELATIONSHIP, RELATIONSHIP_INSTANCE, ROLE, relationship_name};
use crate::api::{Dates, OrganisationRecord, OrganisationStatus, Period, RecordClass, RecordUse};
use crate::fhir::kit::{Parts, parts, resource};
use crate::model::{AddressView, OrganisationRoleView, OrganisationView};
use crate::organisation::role_name;
use crate::store::organisation_faces::Affiliation;

const ROLES: &str = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-OrganisationRole";
const TYPED_PERIOD: &str = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-TypedPeriod";
const TYPED_TIME: &str = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-TypedDateTime";
const PERIOD_TYPE: &str = "https://fhir.nhs.uk/England/CodeSystem/England-PeriodType";
const TIME_TYPE: &str = "https://fhir.nhs.uk/England/CodeSystem/England-ODSDateTime";
const ADDRESS_KEY: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey";
const ADDRESS_KEY_TYPE: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType";
const PROFILES: [&str; 2] = [
    "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization",
    "https://fhir.nhs.uk/England/StructureDefinition/England-Organization-ODS",
];
const AFFILIATION_PROFILE: &str =
    "https://fhir.nhs.uk/England/StructureDefinition/England-OrganizationAffiliation-ODS";

fn coding(system: &str, code: &str, display: Option<&str>) -> Parts {
    parts().with("system", system).with("code", code).with("display", display)
}

fn concept(coding: Parts) -> Parts {
    parts().with("coding", vec![coding])
}

fn extension(url: &str, name: &'static str, value: impl Into<crate::fhir::kit::Tree>) -> Parts {
    parts().with("url", url).with(name, value)
}

fn period(period: Period) -> Parts {
    parts().with("start", period.from).with("end", period.to)
}

/// The periods of something, each with what it is one of; those without a day are none.
fn periods(dates: &Dates) -> Vec<Parts> {
    let both = [("Legal", dates.legal), ("Operational", dates.operational)];
    let typed = |(name, days): (&str, Period)| {
        let of = [
            extension("dateType", "valueCoding", coding(PERIOD_TYPE, name, Some(name))),
            extension("period", "valuePeriod", period(days)),
        ];
        parts().with("url", TYPED_PERIOD).with("extension", of.to_vec())
    };
    both.into_iter().filter(|(_, days)| !days.is_empty()).map(typed).collect()
}

fn role(role: &OrganisationRoleView<'_>) -> Parts {
    let code = concept(coding(ROLE, role.role, role_name(role.role)));
    // The ids of the national register are numbers; another is told as what it is.
    let instance = match role.instance.parse::<i32>() {
        Ok(number) => extension("instanceID", "valueInteger", i64::from(number)),
        Err(_) => extension("instanceID", "valueString", role.instance),
    };
    let mut of = vec![instance, extension("roleCode", "valueCodeableConcept", code)];
    of.extend(periods(&role.dates.dates()));
    of.push(extension("active", "valueBoolean", role.status == OrganisationStatus::Active));
    parts().with("url", ROLES).with("extension", of)
}

/// An organisation as it was read.
pub(crate) fn organisation(record: &OrganisationRecord) -> Parts {
    shown(&OrganisationView::of(record))
}

/// An organisation.
pub(crate) fn shown(organisation: &OrganisationView<'_>) -> Parts {
    let mut extensions: Vec<Parts> = organisation.roles.iter().map(role).collect();
    extensions.extend(organisation.last_change.day().map(|day| {
        let of = [
            extension("type", "valueCoding", coding(TIME_TYPE, "LastChangeDate", Some("Last Change Date"))),
            extension("dateTime", "valueDateTime", day),
        ];
        parts().with("url", TYPED_TIME).with("extension", of.to_vec())
    }));
    let identifier =
        parts().with("use", "official").with("system", ORGANISATION).with("value", organisation.code);
    let (usage, class) = (usage(organisation.record_use), class(organisation.record_class));
    let kinds = [
        concept(coding(RECORD_USE, usage, Some(usage))),
        concept(coding(RECORD_CLASS, class.0, Some(class.1))),
    ];
    resource("Organization")
        .with("id", organisation.code)
        .with("meta", parts().with("profile", PROFILES.to_vec()))
        .with("extension", extensions)
        .with("identifier", vec![identifier])
        .with("active", organisation.status == OrganisationStatus::Active)
        .with("type", kinds.to_vec())
        .with("name", organisation.name)
        .with("telecom", organisation.contacts.iter().filter_map(telecom).collect::<Vec<_>>())
        .with("address", vec![address(&organisation.address)])
}

/// How much of an organisation is kept, by its code.
pub(super) fn usage(usage: RecordUse) -> &'static str {
    match usage {
        RecordUse::Full => "Full",
        RecordUse::ReferenceOnly => "RefOnly",
    }
}

/// The class of an organisation: its code and what it is called.
pub(super) fn class(class: RecordClass) -> (&'static str, &'static str) {
    match class {
        RecordClass::Organisation => ("RC1", "HSCOrg"),
        RecordClass::Site => ("RC2", "HSCSite"),
    }
}

fn telecom((kind, value): &(&str, &str)) -> Option<Parts> {
    let system = match kind.to_ascii_lowercase().as_str() {
        "tel" | "telephone" => "phone",
        "fax" => "fax",
        "mail" | "mailto" | "email" => "email",
        "http" | "https" | "url" => "url",
        _ => return None,
    };
    Some(parts().with("system", system).with("value", *value))
}

fn address(address: &AddressView<'_>) -> Parts {
    let uprn = address.uprn.map(|uprn| {
        let kind = concept(coding(ADDRESS_KEY_TYPE, "UPRN", Some("Unique Property Reference Number")));
        let of = [extension("type", "valueCodeableConcept", kind), extension("value", "valueString", uprn)];
        parts().with("url", ADDRESS_KEY).with("extension", of.to_vec())
    });
    parts()
        .with("extension", uprn.into_iter().collect::<Vec<_>>())
        .with("line", address.lines.clone())
        .with("city", address.town)
        .with("district", address.county)
        .with("postalCode", address.postcode)
        .with("country", address.country)
}

/// A relationship: of the organisation that has it to the one that takes part.
pub(crate) fn affiliation(affiliation: &Affiliation) -> Parts {
    let one = &affiliation.relationship;
    let refers = |code: &str| {
        let identifier = parts().with("system", ORGANISATION).with("value", code);
        parts().with("reference", format!("Organization/{code}")).with("identifier", identifier)
    };
    let identifier = parts().with("system", RELATIONSHIP_INSTANCE).with("value", &one.instance);
    let code = coding(RELATIONSHIP, &one.relationship, relationship_name(&one.relationship));
    resource("OrganizationAffiliation")
        .with("id", &one.instance)
        .with("meta", parts().with("profile", vec![AFFILIATION_PROFILE]))
        .with("extension", periods(&one.dates))
        .with("identifier", vec![identifier])
        .with("active", one.status == OrganisationStatus::Active)
        .with("period", period(one.dates.operational))
        .with("organization", refers(affiliation.organisation.as_str()))
        .with("participatingOrganization", refers(one.target.as_str()))
        .with("code", vec![concept(code)])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::{
        OrganisationAddress, OrganisationContact, OrganisationRelationship, OrganisationRole, RoleWeight,
    };

    fn days(from: &str, to: Option<&str>) -> Dates {
        let period = Period { from: Some(from.parse().unwrap()), to: to.map(|to| to.parse().unwrap()) };
        Dates { legal: period, operational: period }
    }

    /// The pharmacy of the published example, with its profiles and without the name of who assigned its code.
    #[test]
    fn a_published_organisation_is_told() {
        let record = OrganisationRecord {
            ods: "FCE71".parse().unwrap(),
            name: "LLOYDS PHARMACY".to_owned(),
            record_class: RecordClass::Organisation,
            record_use: RecordUse::Full,
            status: OrganisationStatus::Inactive,
            last_change: Some("2024-01-15".parse().unwrap()),
            dates: Dates::default(),
            address: OrganisationAddress {
                lines: vec!["DARTMOUTH STATIONERS".to_owned(), "126 LICHFIELD STREET".to_owned()],
                town: Some("WALSALL".to_owned()),
                county: Some("WEST MIDLANDS".to_owned()),
                postcode: Some("WS1 1SY".to_owned()),
                country: Some("ENGLAND".to_owned()),
                uprn: Some("100071066809".to_owned()),
            },
            contacts: vec![OrganisationContact { kind: "tel".to_owned(), value: "01922 646521".to_owned() }],
            roles: vec![OrganisationRole {
                instance: "214621".to_owned(),
                role: "RO182".to_owned(),
                weight: RoleWeight::Primary,
                status: OrganisationStatus::Inactive,
                dates: days("1948-01-01", Some("2023-04-23")),
            }],
            relationships: Vec::new(),
            successions: Vec::new(),
        };
        let told: Value = serde_json::from_str(&organisation(&record).json()).unwrap();
        let role = &told["extension"][0];
        assert_eq!(role["extension"][0], serde_json::json!({"url": "instanceID", "valueInteger": 214_621}));
        assert_eq!(role["extension"][1]["valueCodeableConcept"]["coding"][0]["display"], "PHARMACY");
        assert_eq!(role["extension"][2]["extension"][0]["valueCoding"]["code"], "Legal");
        assert_eq!(role["extension"][3]["extension"][1]["valuePeriod"]["end"], "2023-04-23");
        assert_eq!(role["extension"][4], serde_json::json!({"url": "active", "valueBoolean": false}));
        assert_eq!(told["extension"][1]["extension"][1]["valueDateTime"], "2024-01-15");
        let xml = organisation(&record).xml();
        for part in [
            "<identifier><use value=\"official\"/><system value=\"https://fhir.nhs.uk/Id/ods-organization-code\"/><value value=\"FCE71\"/>",
            "<active value=\"false\"/><type><coding><system value=\"https://fhir.nhs.uk/England/CodeSystem/England-ODSRecordUseType\"/>\
             <code value=\"Full\"/><display value=\"Full\"/></coding></type><type><coding>\
             <system value=\"https://digital.nhs.uk/services/organisation-data-service/CodeSystem/ODSRecordClass\"/>\
             <code value=\"RC1\"/><display value=\"HSCOrg\"/></coding></type><name value=\"LLOYDS PHARMACY\"/>\
             <telecom><system value=\"phone\"/><value value=\"01922 646521\"/></telecom><address><extension url=\"",
            "<extension url=\"value\"><valueString value=\"100071066809\"/></extension></extension><line value=\"DARTMOUTH STATIONERS\"/>",
        ] {
            assert!(xml.contains(part), "{part}\n{xml}");
        }
    }

    /// The relationship of the published example.
    #[test]
    fn a_published_relationship_is_told() {
        let one = Affiliation {
            organisation: "G81086".parse().unwrap(),
            place: 0,
            relationship: OrganisationRelationship {
                instance: "256248".to_owned(),
                relationship: "RE4".to_owned(),
                target: "4VE03".parse().unwrap(),
                target_role: None,
                status: OrganisationStatus::Inactive,
                dates: days("1999-04-01", Some("2002-03-31")),
            },
        };
        let xml = affiliation(&one).xml();
        let end = "<active value=\"false\"/><period><start value=\"1999-04-01\"/><end value=\"2002-03-31\"/></period>\
            <organization><reference value=\"Organization/G81086\"/><identifier>\
            <system value=\"https://fhir.nhs.uk/Id/ods-organization-code\"/><value value=\"G81086\"/></identifier></organization>\
            <participatingOrganization><reference value=\"Organization/4VE03\"/><identifier>\
            <system value=\"https://fhir.nhs.uk/Id/ods-organization-code\"/><value value=\"4VE03\"/></identifier>\
            </participatingOrganization><code><coding>\
            <system value=\"https://digital.nhs.uk/services/organisation-data-service/CodeSystem/ODSRelationship\"/>\
            <code value=\"RE4\"/><display value=\"IS COMMISSIONED BY\"/></coding></code></OrganizationAffiliation>";
        assert!(xml.ends_with(end), "{xml}");
    }
}
