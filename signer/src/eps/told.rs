//! What is signed of a prescription, for the person who is asked to sign it. It is read from the very fragments that are hashed, so
//! that nothing is shown that is not signed.

use serde::{Deserialize, Serialize};

use super::Fragments;
use crate::xml::Element;

/// A prescription in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The patient's name, as far as it is written there.
    pub(crate) patient: String,
    /// The patient's NHS number, if it is written there.
    pub(crate) nhs_number: String,
    /// When the patient was born: `yyyy-mm-dd`, or as it is written there.
    pub(crate) born: String,
    /// The items, in their order.
    pub(crate) items: Vec<ToldItem>,
}

/// An item in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ToldItem {
    /// The medicine.
    pub(crate) medicine: String,
    /// How much of it.
    pub(crate) quantity: String,
    /// How it is to be taken.
    pub(crate) dosage: String,
}

const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";

impl Fragments {
    /// What it says, in words. What is not written there is left empty.
    pub(crate) fn told(&self) -> Told {
        let (target, items) = self.seen();
        let born = first(target, "birthTime").and_then(|time| time.attribute("value")).unwrap_or_default();
        Told {
            patient: first(target, "name").map(name).unwrap_or_default(),
            nhs_number: nhs_number(target),
            born: day(born),
            items: items.iter().map(item).collect(),
        }
    }
}

fn first<'a>(element: &'a Element, local: &str) -> Option<&'a Element> {
    element.descend().into_iter().find(|found| found.is_named(local))
}

fn nhs_number(target: &Element) -> String {
    let everywhere = target.descend();
    let ids = everywhere.iter().filter(|found| found.is_named("id"));
    let mut numbers = ids.filter(|id| id.attribute("root") == Some(NHS_NUMBER));
    numbers.find_map(|id| id.attribute("extension")).unwrap_or_default().to_owned()
}

fn name(name: &Element) -> String {
    let part = |local: &'static str| name.all(local).map(Element::text).collect::<Vec<_>>();
    let parts = [part("prefix"), part("given"), part("family"), part("suffix")].concat();
    let words: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    // A name that is not taken apart is its text.
    if words.is_empty() { name.text().trim().to_owned() } else { words.join(" ") }
}

fn day(value: &str) -> String {
    match (value.get(..4), value.get(4..6), value.get(6..8)) {
        (Some(year), Some(month), Some(day)) if value.len() == 8 => format!("{year}-{month}-{day}"),
        _ => value.to_owned(),
    }
}

fn item(item: &Element) -> ToldItem {
    let medicine = first(item, "manufacturedRequestedMaterial").and_then(|material| first(material, "code"));
    let medicine = medicine.map(coded).unwrap_or_default();
    let quantity = first(item, "quantity").map(|quantity| {
        let value = quantity.attribute("value").unwrap_or_default();
        let unit = first(quantity, "translation").and_then(|unit| unit.attribute("displayName"));
        format!("{value} {}", unit.unwrap_or_default()).trim().to_owned()
    });
    let dosage = first(item, "pertinentDosageInstructions").and_then(|dosage| first(dosage, "value"));
    ToldItem {
        medicine,
        quantity: quantity.unwrap_or_default(),
        dosage: dosage.map(|value| value.text().trim().to_owned()).unwrap_or_default(),
    }
}

/// The words of a code, or the code itself where it has none.
fn coded(code: &Element) -> String {
    let words = code.attribute("displayName").filter(|words| !words.is_empty());
    words.or_else(|| code.attribute("code")).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use crate::eps::{AuthorTime, Message, Prescription};

    const V3: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");
    const FHIR: &str = include_str!("../../../fixtures/prescription.json");

    /// Both forms of one prescription tell the same: patient, number, birth and every item.
    #[test]
    fn both_forms_tell_the_same() {
        let v3 = Prescription::read(V3.as_bytes()).unwrap();
        let told = v3.fragments().told();
        assert_eq!(
            (told.patient.as_str(), told.nhs_number.as_str()),
            ("MX FLORIMEL EXAMPLE-PERSON", "9990548609")
        );
        assert_eq!((told.born.as_str(), told.items.len()), ("1961-04-01", 2));
        let item = &told.items[0];
        assert_eq!(
            (item.medicine.as_str(), item.quantity.as_str()),
            ("Amoxicillin 250mg capsules", "21 capsule")
        );
        assert_eq!(item.dosage, "1 capsule 3 times a day for 7 days");
        let at = AuthorTime::from_v3("20261129170000").unwrap();
        let fhir = Message::read(FHIR.as_bytes()).unwrap();
        assert_eq!(fhir.fragments(at).unwrap().told(), told);
    }
}
