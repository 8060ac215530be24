//! One prescription in both forms, and what is refused.

use serde_json::{Value, json};

use super::*;

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
const V3_TEXT: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");

fn at() -> AuthorTime {
    AuthorTime::from_v3("20261129170000").unwrap()
}

fn fhir() -> Value {
    serde_json::from_str(FHIR).unwrap()
}

fn resource<'a>(message: &'a mut Value, kind: &str) -> &'a mut Value {
    let entries = message["entry"].as_array_mut().unwrap();
    let found = entries.iter_mut().find(|entry| entry["resource"]["resourceType"] == kind);
    &mut found.unwrap()["resource"]
}

/// The items of a prescription that has two.
fn items(message: &mut Value) -> [&mut Value; 2] {
    let entries = message["entry"].as_array_mut().unwrap().iter_mut();
    let resources = entries.map(|entry| &mut entry["resource"]);
    let found: Vec<_> = resources.filter(|it| it["resourceType"] == "MedicationRequest").collect();
    found.try_into().unwrap()
}

fn of(message: &Value) -> Result<String, Fault> {
    Ok(Message::read(message.to_string().as_bytes())?.fragments(at())?.canonical())
}

fn of_v3(text: &str) -> Result<String, Fault> {
    Ok(Prescription::read(text.as_bytes())?.fragments().canonical())
}

/// A prescription in FHIR and the same in HL7 V3 have the same text to hash, and another time another one.
#[test]
fn both_forms_are_signed_alike() {
    let (fhir, v3) = (of(&fhir()).unwrap(), of_v3(V3_TEXT).unwrap());
    assert_eq!(fhir, v3);
    let later = of_v3(&V3_TEXT.replace("20261129170000", "20261129170001")).unwrap();
    assert_ne!(later, v3);
    let prefixed = V3_TEXT
        .replace("xmlns=", "xmlns:h=")
        .replace('<', "<h:")
        .replace("<h:/", "</h:")
        .replace("<h:?", "<?")
        .replace("<h:!", "<!");
    assert_eq!(of_v3(&prefixed).unwrap(), v3, "prefixes do not matter");
}

/// An ampersand, a quote and a number with a zero at its end are hashed as they are written, in both forms.
#[test]
fn characters_and_numbers_stay() {
    let mut message = fhir();
    resource(&mut message, "Organization")["name"] = json!("LANYARD & \"LANE\" <SURGERY>");
    // Whatever order its members are written in.
    let text = message.to_string().replace("\"value\":21}", "\"value\":21.50}");
    let text = text.replace("\"value\":21,", "\"value\":21.50,");
    let message = Message::read(text.as_bytes()).unwrap().fragments(at()).unwrap().canonical();
    let v3 = V3_TEXT
        .replace("<name>LANYARD LANE SURGERY</name>", "<name>LANYARD &amp; \"LANE\" &lt;SURGERY&gt;</name>")
        .replace("value=\"21\"", "value=\"21.50\"");
    assert_eq!(message, of_v3(&v3).unwrap());
    assert!(
        message.contains("LANYARD &amp; \"LANE\" &lt;SURGERY&gt;") && message.contains("value=\"21.50\"")
    );
}

/// The status of an item and how far its repeat is are no part of what is signed, in either form: they change while it is dispensed.
#[test]
fn what_changes_later_is_not_signed() {
    let signed = of(&fhir()).unwrap();
    for status in ["completed", "cancelled", "stopped"] {
        let mut message = fhir();
        for entry in message["entry"].as_array_mut().unwrap() {
            if entry["resource"]["resourceType"] == "MedicationRequest" {
                entry["resource"]["status"] = json!(status);
            }
        }
        assert_eq!(of(&message).unwrap(), signed, "{status}");
    }
    let with = |low: u32, status: &str| {
        let repeat =
            format!("<repeatNumber><low value=\"{low}\"/><high value=\"6\"/></repeatNumber><product");
        let status = format!(
            "<pertinentInformation4><pertinentItemStatus><value code=\"{status}\"/></pertinentItemStatus>\
             </pertinentInformation4></pertinentLineItem>"
        );
        let text = V3_TEXT.replacen("<product", &repeat, 1).replacen("</pertinentLineItem>", &status, 1);
        of_v3(&text).unwrap()
    };
    let first = with(1, "0007");
    assert_ne!(first, signed, "that it repeats, and how often, is");
    assert_eq!(with(2, "0001"), first);
}

/// Whatever is said of patient, prescriber and items beyond the usual has its place.
#[test]
fn everything_that_is_signed_has_its_place() {
    let mut message = fhir();
    let patient = resource(&mut message, "Patient");
    patient["telecom"] = json!([{"use": "mobile", "value": "07700 900 000"}]);
    patient["generalPractitioner"][0]["identifier"]["value"] = json!("V81999");
    let item = resource(&mut message, "MedicationRequest");
    item["note"] = json!([{"text": "with food"}]);
    item["extension"].as_array_mut().unwrap().extend([
        json!({"url": "https://fhir.nhs.uk/StructureDefinition/Extension-DM-ControlledDrug",
            "extension": [{"url": "quantityWords", "valueString": "twenty one"}]}),
        json!({"url": "https://fhir.nhs.uk/StructureDefinition/Extension-DM-PrescriptionEndorsement",
            "valueCodeableConcept": {"coding": [{"code": "SLS",
                "system": "https://fhir.nhs.uk/CodeSystem/medicationrequest-endorsement"}]}}),
    ]);
    message["entry"].as_array_mut().unwrap().push(json!({"fullUrl": "urn:uuid:1", "resource":
        {"resourceType": "CommunicationRequest", "payload": [{"contentString": "come & see me"}]}}));
    let text = of(&message).unwrap();
    for expected in [
        "<telecom use=\"MC\" value=\"tel:07700900000\"></telecom><patientPerson",
        "<healthCareProvider classCode=\"PROV\"><id nullFlavor=\"UNK\"></id></healthCareProvider>",
        "<value>&lt;patientInfo&gt;come &amp;amp; see me&lt;/patientInfo&gt;CD: twenty one\nwith food</value>",
        "<code code=\"PE\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.30\"></code>\
         <value code=\"SLS\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.16.32\"></value>",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let after = |one: &str, other: &str| text.find(one).unwrap() < text.find(other).unwrap();
    assert!(after("pertinentInformation1", "pertinentInformation3"));
    assert!(after("pertinentInformation3", "pertinentInformation2"));
}

/// What could be read in two ways, or is not there, is refused with its place.
#[test]
fn ambiguous_messages_are_refused() {
    let refused = |change: &dyn Fn(&mut Value), place: &str| {
        let mut message = fhir();
        change(&mut message);
        let said = of(&message).unwrap_err().to_string();
        assert!(said.starts_with(place), "{said}");
    };
    let again = |kind: &'static str| {
        move |message: &mut Value| {
            let copy = json!({"fullUrl": "urn:uuid:2", "resource": resource(message, kind).clone()});
            message["entry"].as_array_mut().unwrap().push(copy);
        }
    };
    refused(&again("Patient"), "Patient");
    refused(&again("MessageHeader"), "MessageHeader");
    refused(
        &|message| {
            let mut entry = message["entry"][5].clone();
            entry["resource"]["name"][0]["family"] = json!("SOMEBODY ELSE");
            message["entry"].as_array_mut().unwrap().push(entry);
        },
        "PractitionerRole.practitioner: is there more than once",
    );
    refused(
        &|it| it["entry"][2]["resource"]["requester"]["reference"] = json!("urn:uuid:9"),
        "MedicationRequest.requester",
    );
    refused(
        &|it| it["entry"][2]["resource"]["groupIdentifier"]["value"] = json!("other"),
        "MedicationRequest.groupIdentifier",
    );
    refused(&|it| resource(it, "Patient")["gender"] = json!("unsaid"), "Patient.gender");
    refused(&|it| resource(it, "Patient")["birthDate"] = json!("1 April"), "Patient.birthDate");
    refused(&|it| resource(it, "Practitioner")["identifier"] = json!([]), "Practitioner.identifier");
    refused(&|it| resource(it, "Organization")["name"] = json!("A\u{1}B"), "Organization.name");
    refused(
        &|it| resource(it, "MessageHeader")["eventCoding"]["code"] = json!("prescription-order-update"),
        "MessageHeader.eventCoding",
    );
    let five = |message: &mut Value| {
        for _ in 0..3 {
            again("MedicationRequest")(message);
        }
    };
    refused(&five, "pertinentLineItem: a prescription has one to 4 items");
    let twice = FHIR.replacen("\"gender\"", "\"gender\": \"male\", \"gender\"", 1);
    let said = Message::read(twice.as_bytes()).err().unwrap().to_string();
    assert!(said.contains("cannot be read") && !said.contains("EXAMPLE"), "{said}");
    assert!(matches!(Message::read(b"{\"entry\": 1}"), Err(Fault::Json(_))));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(Message::read(deep.as_bytes()), Err(Fault::Json(_))));
}

/// How often an item is issued is signed once, so that no item may say another number.
#[test]
fn items_are_issued_alike() {
    let mut message = fhir();
    for request in &mut items(&mut message) {
        request["courseOfTherapyType"]["coding"][0]["code"] = json!("continuous-repeat-dispensing");
        request["dispenseRequest"]["numberOfRepeatsAllowed"] = json!(5);
    }
    let mut other = message.clone();
    let alike = of(&message).unwrap();
    assert_eq!(alike.matches("<high value=\"6\"></high>").count(), 2);
    items(&mut other)[1]["dispenseRequest"]["numberOfRepeatsAllowed"] = json!(99);
    let said = of(&other).unwrap_err().to_string();
    assert!(said.contains("numberOfRepeatsAllowed: is not the same in all items"), "{said}");
}

/// An item that is not repeated is issued once; where it goes back to another, it is issued as often as that.
#[test]
fn items_without_a_repeat_are_issued() {
    let issues = |before: Option<u32>| {
        let mut message = fhir();
        for request in &mut items(&mut message) {
            request["courseOfTherapyType"]["coding"][0]["code"] = json!("continuous-repeat-dispensing");
            request["dispenseRequest"]["numberOfRepeatsAllowed"] = json!(0);
            if let Some(before) = before {
                request["basedOn"] = json!([{"reference": "urn:uuid:9", "extension": [{
                    "url": "https://fhir.nhs.uk/StructureDefinition/Extension-EPS-RepeatInformation",
                    "extension": [{"url": "numberOfRepeatsAllowed", "valueInteger": before}],
                }]}]);
            }
        }
        of(&message).unwrap()
    };
    for (before, high) in [(None, 1), (Some(0), 1), (Some(5), 6)] {
        let expected = format!("<high value=\"{high}\"></high>");
        assert_eq!(issues(before).matches(&expected).count(), 2, "{before:?}");
    }
}

/// In HL7 V3 the signed parts are looked for in one place, and a second prescription anywhere in the document is refused.
#[test]
fn wrapped_documents_are_refused() {
    let refused = |from: &str, to: &str, place: &str| {
        assert!(V3_TEXT.contains(from), "{from}");
        let said = of_v3(&V3_TEXT.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(said.starts_with(place), "{said}");
    };
    refused("<subject>", "<subject><ParentPrescription/>", "ParentPrescription: is there more than once");
    refused(
        "<id root=\"7A1C0000-0000-4000-8000-000000000001\"/>",
        "<x><ParentPrescription/></x>",
        "ParentPrescription",
    );
    refused(
        "<recordTarget typeCode=\"RCT\">",
        "<recordTarget/><recordTarget typeCode=\"RCT\">",
        "recordTarget",
    );
    refused("<time value", "<time/><time value", "time");
    refused("<AgentPerson classCode", "<AgentPerson/><AgentPerson classCode", "AgentPerson");
    refused("<seperatableInd value=\"true\"/>", "<pertinentLineItem/>", "pertinentLineItem");
    // A reader who looks at namespaces would see another prescription, or less of it.
    refused(
        "<pertinentInformation2 ",
        "<pertinentInformation2 xmlns=\"urn:other\" ",
        "pertinentInformation2",
    );
    refused("<birthTime ", "<birthTime xmlns=\"\" ", "birthTime");
    let (long, short) = (
        "<id root=\"7A1C0000-0000-4000-8000-000000000014\"/>",
        "<id root=\"2.16.840.1.113883.2.1.3.2.4.18.8\" extension=\"10A7C3-Z99901-4B2D98\"/>",
    );
    refused(long, &format!("<id xmlns=\"\" root=\"B\"/>{long}"), "id: is of another namespace");
    refused(long, &format!("{long}<id root=\"B\"/>"), "pertinentPrescription.id");
    refused(short, &format!("{short}<id root=\"B\"/>"), "pertinentPrescription.id");
    refused(long, short, "pertinentPrescription.id");
    assert_eq!(
        of_v3(&V3_TEXT.replacen(short, "", 1)).unwrap(),
        of_v3(V3_TEXT).unwrap(),
        "the short id is not signed"
    );
    refused("<ControlActEvent", "<ControlActEvent xmlns=\"urn:other\"", "ControlActEvent");
    refused(
        "<signatureText nullFlavor=\"NA\"/>",
        "<signatureText><a/></signatureText>",
        "author.signatureText",
    );
    refused(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>",
        "the document cannot be read",
    );
    assert!(of_v3(&"<a>".repeat(10_000)).is_err());
    assert!(Prescription::read(&vec![b' '; 10 * 1024 * 1024]).is_err(), "ten megabytes");
}

/// The Provenance carries the prescriber, the items and the signed time, and reads back as the prescriber's signature.
#[test]
fn provenance_reads_back() {
    let mut message = fhir();
    let read = Message::read(FHIR.as_bytes()).unwrap();
    let made = provenance("28828c55-8fa7-42d7-916f-fcf076e0c10e", read.author(), at(), "<Signature/>");
    assert_eq!(made["signature"][0]["when"], "2026-11-29T17:00:00+00:00");
    assert_eq!(made["target"].as_array().unwrap().len(), 2);
    let entry = json!({"fullUrl": "urn:uuid:3", "resource": made.clone()});
    message["entry"].as_array_mut().unwrap().push(entry.clone());
    let read = Message::read(message.to_string().as_bytes()).unwrap();
    let signed = read.signature().unwrap();
    assert_eq!((signed.when, signed.data.as_slice()), (at(), &b"<Signature/>"[..]));
    // FHIR allows white space in base64: lines of 76, a tab, an end of line at the end. What is no base64 is no signature, and not half of one.
    let data = made["signature"][0]["data"].as_str().unwrap();
    let (start, rest) = data.split_at(5);
    for (data, octets) in [
        (format!("{start}\r\n{rest}\n"), &b"<Signature/>"[..]),
        (format!(" {start}\t{rest}"), &b"<Signature/>"[..]),
        (format!("{start}\u{a0}{rest}"), &b""[..]),
        (format!("{start}%{rest}"), &b""[..]),
    ] {
        let mut message = message.clone();
        resource(&mut message, "Provenance")["signature"][0]["data"] = json!(data);
        let read = Message::read(message.to_string().as_bytes()).unwrap();
        assert_eq!(read.signature().unwrap().data, octets, "{data:?}");
    }
    // Somebody else's signature is not the prescriber's; two of the prescriber are refused.
    let mut other = message.clone();
    resource(&mut other, "Provenance")["signature"][0]["who"]["reference"] = json!("urn:uuid:9");
    assert!(Message::read(other.to_string().as_bytes()).unwrap().signature().is_none());
    message["entry"].as_array_mut().unwrap().push(entry);
    assert!(Message::read(message.to_string().as_bytes()).is_err());
}
