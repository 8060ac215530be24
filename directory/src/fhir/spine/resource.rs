//! Entries of the directory as resources. What an entry lacks, its resource lacks.

use serde_json::{Map, Value, json};

use super::asked::{INTERACTION, ORGANISATION, PARTY_KEY};
use crate::ldap::Entry;

const ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";
const FQDN: &str = "https://fhir.nhs.uk/Id/nhsMhsFQDN";
const CPA_ID: &str = "https://fhir.nhs.uk/Id/nhsMhsCPAId";
const MHS_ID: &str = "https://fhir.nhs.uk/Id/nhsMHSId";
const MADE_BY: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ManufacturingOrganisation";
const TAKES_PART: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId";
const RELIABILITY: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ReliabilityConfiguration";

/// How reliably messages are exchanged, in the order in which it is told; one is a number.
const RELIABLE: [&str; 7] = [
    "nhsMHSSyncReplyMode",
    "nhsMHSRetryInterval",
    "nhsMHSRetries",
    "nhsMHSPersistDuration",
    "nhsMHSDuplicateElimination",
    "nhsMHSAckRequested",
    "nhsMHSActor",
];

/// An accredited system. One of several clients is its owner, since a device has one.
pub(crate) fn devices(entry: &Entry, id: impl Fn(usize) -> String) -> Vec<Value> {
    let mut device = Map::new();
    device.insert("resourceType".to_owned(), json!("Device"));
    device.insert("id".to_owned(), json!(id(0)));
    let identifiers = [(ASID, "uniqueIdentifier"), (PARTY_KEY, "nhsMHSPartyKey")];
    put(
        &mut device,
        "identifier",
        identifiers.into_iter().filter_map(|(system, name)| first(entry, system, name)),
    );
    let made_by =
        first(entry, ORGANISATION, "nhsMhsManufacturerOrg").map(|made_by| refers(MADE_BY, &made_by));
    put(&mut device, "extension", made_by.into_iter().chain(interactions(entry, "nhsAsSvcIA")));
    if let Some(owner) = first(entry, ORGANISATION, "nhsAsClient") {
        device.insert("owner".to_owned(), json!({"identifier": owner}));
    }
    vec![Value::Object(device)]
}

/// A message handling system: one resource for each of its addresses, one without if it has none.
pub(crate) fn endpoints(entry: &Entry, id: impl Fn(usize) -> String) -> Vec<Value> {
    let addresses = entry.values("nhsMHSEndPoint");
    let addresses: Vec<Option<&String>> =
        if addresses.is_empty() { vec![None] } else { addresses.iter().map(Some).collect() };
    let endpoint = |(place, address): (usize, Option<&String>)| endpoint(entry, &id(place), address);
    addresses.into_iter().enumerate().map(endpoint).collect()
}

fn endpoint(entry: &Entry, id: &str, address: Option<&String>) -> Value {
    let mut endpoint = Map::new();
    let fixed = json!({
        "resourceType": "Endpoint",
        "id": id,
        "status": "active",
        "connectionType": {
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
            "code": "hl7-fhir-msg",
            "display": "HL7 FHIR Messaging",
        },
        "payloadType": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
            "code": "any",
            "display": "Any",
        }]}],
    });
    if let Value::Object(fixed) = fixed {
        endpoint.extend(fixed);
    }
    if let Some(address) = address {
        endpoint.insert("address".to_owned(), json!(address));
    }
    if let Some(organisation) = first(entry, ORGANISATION, "nhsIDCode") {
        endpoint.insert("managingOrganization".to_owned(), json!({"identifier": organisation}));
    }
    let identifiers = [
        (FQDN, "nhsMhsFQDN"),
        (PARTY_KEY, "nhsMHSPartyKey"),
        (CPA_ID, "nhsMhsCPAId"),
        (MHS_ID, "uniqueIdentifier"),
    ];
    put(
        &mut endpoint,
        "identifier",
        identifiers.into_iter().filter_map(|(system, name)| first(entry, system, name)),
    );
    let parts: Vec<Value> = RELIABLE.into_iter().filter_map(|name| reliable(entry, name)).collect();
    let reliability = (!parts.is_empty()).then(|| json!({"url": RELIABILITY, "extension": parts}));
    put(&mut endpoint, "extension", reliability.into_iter().chain(interactions(entry, "nhsMhsSvcIA")));
    Value::Object(endpoint)
}

fn reliable(entry: &Entry, name: &str) -> Option<Value> {
    let value = entry.values(name).first()?;
    if name == "nhsMHSRetries" {
        return value.trim().parse::<i32>().ok().map(|number| json!({"url": name, "valueInteger": number}));
    }
    Some(json!({"url": name, "valueString": value}))
}

fn interactions<'e>(entry: &'e Entry, name: &str) -> impl Iterator<Item = Value> + use<'e> {
    let interaction = |value: &String| refers(TAKES_PART, &json!({"system": INTERACTION, "value": value}));
    entry.values(name).iter().map(interaction)
}

fn refers(url: &str, identifier: &Value) -> Value {
    json!({"url": url, "valueReference": {"identifier": identifier}})
}

fn first(entry: &Entry, system: &str, name: &str) -> Option<Value> {
    entry.values(name).first().map(|value| json!({"system": system, "value": value}))
}

fn put(resource: &mut Map<String, Value>, member: &str, values: impl Iterator<Item = Value>) {
    let values: Vec<Value> = values.collect();
    if !values.is_empty() {
        resource.insert(member.to_owned(), Value::Array(values));
    }
}

/// What was found, or a page of it, of a total. `address` is that of the resource's kind; each link is a relation and an address.
pub(crate) fn bundle(
    id: &str,
    address: &str,
    total: usize,
    links: &[(&str, String)],
    resources: Vec<Value>,
) -> Value {
    let entry = |resource: Value| {
        let full = format!("{address}/{}", resource["id"].as_str().unwrap_or_default());
        json!({"fullUrl": full, "resource": resource, "search": {"mode": "match"}})
    };
    let link = |(relation, url): &(&str, String)| json!({"relation": relation, "url": url});
    json!({
        "resourceType": "Bundle",
        "id": id,
        "type": "searchset",
        "total": total,
        "link": links.iter().map(link).collect::<Vec<_>>(),
        "entry": resources.into_iter().map(entry).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        Entry::of_attributes(attributes.iter().map(|(name, value)| (*name, (*value).to_owned())))
    }

    /// An entry as a client of LDAP has it in JSON: a text, texts, or a number.
    fn read(text: &str) -> Entry {
        let members: Map<String, Value> = serde_json::from_str(text).unwrap();
        let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all = members.iter().flat_map(|(name, value)| {
            let values =
                value.as_array().map_or_else(|| vec![told(value)], |list| list.iter().map(told).collect());
            values.into_iter().map(|value| (name.as_str(), value)).collect::<Vec<_>>()
        });
        Entry::of_attributes(all)
    }

    /// Entries in the form in which the national directory is read become what its FHIR API makes of them, member by member.
    #[test]
    fn pairs_map_exactly() {
        let expected = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
        let device = read(include_str!("../../../../fixtures/systems/device.entry.json"));
        let resources = expected(include_str!("../../../../fixtures/systems/device.resources.json"));
        assert_eq!(devices(&device, |place| place.to_string()), resources);
        let endpoint = read(include_str!("../../../../fixtures/systems/endpoint.entry.json"));
        let resources = expected(include_str!("../../../../fixtures/systems/endpoint.resources.json"));
        assert_eq!(endpoints(&endpoint, |place| place.to_string()), resources);
    }

    /// Every attribute that is mapped, in the form in which it is told.
    #[test]
    fn devices_have_everything() {
        let all = entry(&[
            ("uniqueIdentifier", "200000000149"),
            ("nhsMhsPartyKey", "RXX-0000001"),
            ("nhsMhsManufacturerOrg", "YGM"),
            ("nhsAsSvcIA", "urn:a:b"),
            ("nhsAsSvcIA", "urn:a:c"),
            ("nhsAsClient", "RXX01"),
        ]);
        let expected = json!({
            "resourceType": "Device",
            "id": "0",
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "200000000149"},
                {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey", "value": "RXX-0000001"},
            ],
            "extension": [
                {
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ManufacturingOrganisation",
                    "valueReference": {"identifier":
                        {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "YGM"}},
                },
                {
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId",
                    "valueReference": {"identifier":
                        {"system": "https://fhir.nhs.uk/Id/nhsServiceInteractionId", "value": "urn:a:b"}},
                },
                {
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId",
                    "valueReference": {"identifier":
                        {"system": "https://fhir.nhs.uk/Id/nhsServiceInteractionId", "value": "urn:a:c"}},
                },
            ],
            "owner": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX01"}},
        });
        assert_eq!(devices(&all, |place| place.to_string()), [expected]);
    }

    /// One resource for each address, with everything that is mapped.
    #[test]
    fn endpoints_have_everything() {
        let all = entry(&[
            ("nhsMHSEndPoint", "https://one.example/"),
            ("nhsMHSEndPoint", "https://two.example/"),
            ("uniqueIdentifier", "S918999410559"),
            ("nhsMHSActor", "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"),
            ("nhsIDCode", "RXX"),
            ("nhsMhsFQDN", "mhs.example.nhs.uk"),
            ("nhsMHSPartyKey", "RXX-0000001"),
            ("nhsMhsCPAId", "S918999410559"),
            ("nhsMHSSyncReplyMode", "None"),
            ("nhsMHSRetryInterval", "PT1M"),
            ("nhsMHSRetries", "2"),
            ("nhsMHSPersistDuration", "PT5M"),
            ("nhsMHSDuplicateElimination", "always"),
            ("nhsMHSAckRequested", "never"),
            ("nhsMhsSvcIA", "urn:a:b"),
        ]);
        let made = endpoints(&all, |place| place.to_string());
        assert_eq!(
            (made.len(), &made[1]["address"], &made[1]["id"]),
            (2, &json!("https://two.example/"), &json!("1"))
        );
        let text = |url: &str, value: &str| json!({"url": url, "valueString": value});
        let expected = json!({
            "resourceType": "Endpoint",
            "id": "0",
            "status": "active",
            "connectionType": {
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                "code": "hl7-fhir-msg",
                "display": "HL7 FHIR Messaging",
            },
            "payloadType": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
                "code": "any",
                "display": "Any",
            }]}],
            "address": "https://one.example/",
            "managingOrganization": {"identifier":
                {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX"}},
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/nhsMhsFQDN", "value": "mhs.example.nhs.uk"},
                {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey", "value": "RXX-0000001"},
                {"system": "https://fhir.nhs.uk/Id/nhsMhsCPAId", "value": "S918999410559"},
                {"system": "https://fhir.nhs.uk/Id/nhsMHSId", "value": "S918999410559"},
            ],
            "extension": [
                {
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ReliabilityConfiguration",
                    "extension": [
                        text("nhsMHSSyncReplyMode", "None"),
                        text("nhsMHSRetryInterval", "PT1M"),
                        {"url": "nhsMHSRetries", "valueInteger": 2},
                        text("nhsMHSPersistDuration", "PT5M"),
                        text("nhsMHSDuplicateElimination", "always"),
                        text("nhsMHSAckRequested", "never"),
                        text("nhsMHSActor", "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"),
                    ],
                },
                {
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId",
                    "valueReference": {"identifier":
                        {"system": "https://fhir.nhs.uk/Id/nhsServiceInteractionId", "value": "urn:a:b"}},
                },
            ],
        });
        assert_eq!(made[0], expected);
    }

    /// What is empty is left out, and what has no address is told without one.
    #[test]
    fn empty_values_are_left_out() {
        let bare = entry(&[
            ("uniqueIdentifier", "a"),
            ("nhsMhsFQDN", ""),
            ("nhsMHSRetries", "many"),
            ("nhsMhsSvcIA", ""),
        ]);
        let made = endpoints(&bare, |place| place.to_string());
        let members: Vec<&String> = made[0].as_object().unwrap().keys().collect();
        let expected = ["connectionType", "id", "identifier", "payloadType", "resourceType", "status"];
        assert!(made.len() == 1 && expected.iter().all(|name| members.iter().any(|member| member == name)));
        assert_eq!(members.len(), expected.len(), "{members:?}");
        let bare = devices(&entry(&[]), |place| place.to_string());
        assert_eq!(bare, [json!({"resourceType": "Device", "id": "0"})]);
    }
}
