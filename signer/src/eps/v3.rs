//! The elements of HL7 V3 that a prescription made from FHIR needs, each with the fixed values it always has.

use super::{Fault, V3, fhir::model::ContactPoint};
use crate::xml::{Element, is_character};

const ODS: &str = "1.2.826.0.1285.0.1.10";
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
const ANNOTATION: &str = "2.16.840.1.113883.2.1.3.2.4.17.30";

/// An empty element.
pub(super) fn element(name: &str) -> Element {
    Element::new(V3, name)
}

/// An element with text; characters that XML cannot hold are refused.
pub(super) fn text(name: &str, text: &str, path: &str) -> Result<Element, Fault> {
    Ok(element(name).saying(checked(text, path)?))
}

/// The same text, when XML can hold it.
pub(super) fn checked<'a>(text: &'a str, path: &str) -> Result<&'a str, Fault> {
    if text.chars().all(is_character) {
        Ok(text)
    } else {
        Err(Fault::at(path, "has a character that XML cannot hold"))
    }
}

/// `id` of a root with an extension.
pub(super) fn identifier(root: &str, extension: &str) -> Element {
    element("id").with("root", root).with("extension", extension)
}

/// `id` of an organisation.
pub(super) fn organisation_id(ods: &str) -> Element {
    identifier(ODS, ods)
}

/// `id` that is a UUID: in capital letters.
pub(super) fn global_id(uuid: &str) -> Element {
    let root = if is_uuid(uuid) { uuid.to_ascii_uppercase() } else { uuid.to_owned() };
    element("id").with("root", root)
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `code` of a system.
pub(super) fn code(system: &str, code: &str) -> Element {
    element("code").with("codeSystem", system).with("code", code)
}

/// `code` of SNOMED CT with its words.
pub(super) fn snomed(name: &str, value: &str, display: Option<&str>) -> Element {
    let found = element(name).with("codeSystem", SNOMED).with("code", value);
    match display {
        Some(display) => found.with("displayName", display),
        None => found,
    }
}

/// Something said about an item: `information` holds an observation with a code and a value.
pub(super) fn annotation(information: &str, observation: &str, kind: &str, value: Element) -> Element {
    let separable = element("seperatableInd").with("value", "false");
    let observed = element(observation)
        .with("classCode", "OBS")
        .with("moodCode", "EVN")
        .holding([code(ANNOTATION, kind), value]);
    element(information)
        .with("typeCode", "PERT")
        .with("contextConductionInd", "true")
        .holding([separable, observed])
}

/// `telecom`: without blanks, and as a telephone number.
pub(super) fn telecom(point: &ContactPoint, path: &str) -> Result<Element, Fault> {
    let mut found = element("telecom");
    if let Some(used) = &point.used {
        let letters = match used.as_str() {
            "home" => "HP",
            "work" => "WP",
            "temp" => "HV",
            "mobile" => "MC",
            other => return Err(Fault::at(format!("{path}.use"), format!("is {other}, which is not known"))),
        };
        found = found.with("use", letters);
    }
    if let Some(value) = &point.value {
        let value: String = checked(value, path)?.split_whitespace().collect();
        let prefix = if value.starts_with("tel:") { "" } else { "tel:" };
        found = found.with("value", format!("{prefix}{value}"));
    }
    Ok(found)
}
