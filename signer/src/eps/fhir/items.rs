//! The items: what, how much, how to take it.

use super::model::{
    Coding, CommunicationRequest, Dosage, List, Medication, MedicationRequest, RepeatExtension,
};
use super::{Resources, identified};
use crate::eps::v3::{annotation, checked, element, global_id, snomed, text};
use crate::eps::{Fault, at_most_one, only};
use crate::xml::Element;

/// Where it stands how often an item is issued.
const REPEATS: &str = "MedicationRequest.dispenseRequest.numberOfRepeatsAllowed";

/// The items in their order. What is told to the patient beside them goes with the first.
pub(super) fn line_items(
    resources: &Resources<'_>,
    requests: &[MedicationRequest],
) -> Result<Vec<Element>, Fault> {
    let repeat = repeat_number(requests)?;
    let told = told_beside(resources)?;
    let mut items = Vec::with_capacity(requests.len());
    for (at, request) in requests.iter().enumerate() {
        let beside = if at == 0 { told.as_str() } else { "" };
        items.push(line_item(resources, request, repeat.as_ref(), beside)?);
    }
    Ok(items)
}

fn line_item(
    resources: &Resources<'_>,
    request: &MedicationRequest,
    repeat: Option<&Element>,
    beside: &str,
) -> Result<Element, Fault> {
    const ID: &str = "MedicationRequest.identifier";
    let id = identified(&request.identifier, "https://fhir.nhs.uk/Id/prescription-order-item-number", ID)?;
    let treatment = snomed("code", "225426007", Some("Administration of therapeutic substance (procedure)"));
    let dosage = dosage(&request.dosage_instruction)?;
    let dosage = text("value", &dosage, "MedicationRequest.dosageInstruction.text")?;
    Ok(element("pertinentLineItem")
        .with("classCode", "SBADM")
        .with("moodCode", "RQO")
        .holding([global_id(checked(id, ID)?), treatment, element("effectiveTime").with("nullFlavor", "NA")])
        .holding(repeat.cloned())
        .holding([product(resources, request)?, quantity(request)?])
        .holding(additional(request, beside)?)
        .holding(endorsements(request)?)
        .holding([annotation("pertinentInformation2", "pertinentDosageInstructions", "DI", dosage)]))
}

/// `repeatNumber`: none for acute, once for continuous, and how often for repeat dispensing.
fn repeat_number(requests: &[MedicationRequest]) -> Result<Option<Element>, Fault> {
    const PATH: &str = "MedicationRequest.courseOfTherapyType";
    let codings = requests.iter().flat_map(|request| &request.course_of_therapy_type.coding);
    let mut kinds: Vec<&str> = codings.map(|coding| coding.code.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let high = match kinds[..] {
        ["acute"] | ["acute", "continuous"] => return Ok(None),
        ["continuous"] => 1,
        ["continuous-repeat-dispensing"] => repeats_of_all(requests)?,
        _ => return Err(Fault::at(PATH, "is not one kind of therapy that prescriptions have")),
    };
    let number = |name: &str, value: u32| element(name).with("value", value.to_string());
    Ok(Some(element("repeatNumber").holding([number("low", 1), number("high", high)])))
}

/// How often each is issued: it is signed once for all of them.
fn repeats_of_all(requests: &[MedicationRequest]) -> Result<u32, Fault> {
    let all = requests.iter().map(repeats).collect::<Result<Vec<u32>, Fault>>()?;
    match all.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => Ok(*first),
        _ => Err(Fault::at(REPEATS, "is not the same in all items")),
    }
}

/// How often it is issued: one more than it is repeated. What an item goes back to knows better than itself.
fn repeats(request: &MedicationRequest) -> Result<u32, Fault> {
    const URL: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-EPS-RepeatInformation";
    // FHIR R4, MedicationRequest: 0 is one issue. Releases to pharmacies say it beside the number of what they go back to.
    let own = request.dispense_request.number_of_repeats_allowed;
    let own = own.ok_or_else(|| Fault::at(REPEATS, "is missing"))?;
    let told = request.based_on.iter().flat_map(|based_on| &based_on.extension);
    let told: Option<&RepeatExtension> =
        at_most_one(told.filter(|it| it.url == URL), "MedicationRequest.basedOn")?;
    let before = told.and_then(|told| {
        told.inner.iter().find(|it| it.url == "numberOfRepeatsAllowed").and_then(|it| it.value_integer)
    });
    before.unwrap_or(own).checked_add(1).ok_or_else(|| Fault::at(REPEATS, "is too large"))
}

/// `product`: the medication by its code.
fn product(resources: &Resources<'_>, request: &MedicationRequest) -> Result<Element, Fault> {
    let coding = match (&request.medication_codeable_concept, &request.medication_reference) {
        (Some(concept), None) => medication(&concept.coding)?,
        (None, Some(reference)) => {
            let path = "MedicationRequest.medicationReference";
            let found: Medication = resources.resolve(reference, "Medication", path)?;
            medication(&found.code.coding)?
        }
        _ => return Err(Fault::at("MedicationRequest.medication", "is not there exactly once")),
    };
    let display =
        coding.display.as_deref().map(|it| checked(it, "MedicationRequest.medication")).transpose()?;
    let material = element("manufacturedRequestedMaterial")
        .with("classCode", "MMAT")
        .with("determinerCode", "KIND")
        .holding([snomed("code", checked(&coding.code, "MedicationRequest.medication")?, display)]);
    Ok(element("product").with("typeCode", "PRD").with("contextControlCode", "OP").holding([element(
        "manufacturedProduct",
    )
    .with("classCode", "MANU")
    .holding([material])]))
}

fn medication(codings: &[Coding]) -> Result<Coding, Fault> {
    let known = codings.iter().filter(|coding| coding.system == "http://snomed.info/sct");
    only(known, "MedicationRequest.medication").cloned()
}

/// `component`: how much, in the unit that is named.
fn quantity(request: &MedicationRequest) -> Result<Element, Fault> {
    const PATH: &str = "MedicationRequest.dispenseRequest.quantity";
    let quantity = &request.dispense_request.quantity;
    let value = quantity.value.as_ref().map(|value| value.get()).unwrap_or_default();
    // As it was written: 10.50 is not 10.5 to a hash.
    let value = value.trim_matches('"');
    let number = value.starts_with(|first: char| first.is_ascii_digit())
        && value.parse::<f64>().is_ok_and(f64::is_finite);
    if !number {
        return Err(Fault::at(PATH, "has no number as its value"));
    }
    let unit = quantity.unit.as_deref().map(|unit| checked(unit, PATH)).transpose()?;
    let translation = snomed("translation", checked(&quantity.code, PATH)?, unit).with("value", value);
    let amount = element("quantity").with("value", value).with("unit", "1").holding([translation]);
    let supply = element("lineItemQuantity")
        .with("classCode", "SPLY")
        .with("moodCode", "RQO")
        .holding([snomed("code", "373784005", Some("Dispensing medication (procedure)")), amount]);
    let separable = element("seperatableInd").with("value", "false");
    Ok(element("component").with("typeCode", "COMP").holding([separable, supply]))
}

/// The words for taking it. Several dosages have a sequence: those of one number are taken together, one number after the other.
fn dosage(dosages: &[Dosage]) -> Result<String, Fault> {
    const PATH: &str = "MedicationRequest.dosageInstruction";
    let words = |dosage: &Dosage| {
        let text = dosage.text.clone().filter(|text| !text.is_empty());
        text.ok_or_else(|| Fault::at(PATH, "has no text"))
    };
    if let [single] = dosages {
        return words(single);
    }
    let mut steps: std::collections::BTreeMap<u32, Vec<String>> = std::collections::BTreeMap::new();
    for dosage in dosages {
        let sequence = dosage.sequence.filter(|sequence| *sequence > 0);
        let sequence = sequence.ok_or_else(|| Fault::at(PATH, "has several dosages without a sequence"))?;
        steps.entry(sequence).or_default().push(words(dosage)?);
    }
    if steps.is_empty() {
        return Err(Fault::at(PATH, "is missing"));
    }
    Ok(steps.into_values().map(|together| together.join(", and ")).collect::<Vec<_>>().join(", then "))
}

/// What an item says besides: in words a controlled drug's quantity, and a note.
fn additional(request: &MedicationRequest, beside: &str) -> Result<Option<Element>, Fault> {
    const DRUG: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-DM-ControlledDrug";
    let drug =
        at_most_one(request.extension.iter().filter(|it| it.url == DRUG), "MedicationRequest.extension")?;
    let words = match drug {
        Some(drug) => {
            let words = drug.inner.iter().filter(|it| it.url == "quantityWords");
            at_most_one(words, "MedicationRequest.extension(ControlledDrug)")?
                .and_then(|words| words.value_string.as_deref())
        }
        None => None,
    };
    let words = words.filter(|words| !words.is_empty()).map(|words| format!("CD: {words}"));
    let note = at_most_one(&request.note, "MedicationRequest.note")?.map(|note| note.text.clone());
    let own: Vec<String> = [words, note].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let value = format!("{beside}{}", as_markup(&own.join("\n")));
    if value.is_empty() {
        return Ok(None);
    }
    let value = text("value", &value, "MedicationRequest.note")?;
    Ok(Some(annotation("pertinentInformation1", "pertinentAdditionalInstructions", "AI", value)))
}

/// What is told beside the items: medication lists, then words for the patient, as mark-up inside a text.
fn told_beside(resources: &Resources<'_>) -> Result<String, Fault> {
    let requests: Vec<CommunicationRequest> = resources.every("CommunicationRequest")?;
    let (mut medication, mut patient) = (String::new(), String::new());
    for payload in requests.iter().flat_map(|request| &request.payload) {
        if let Some(reference) = &payload.content_reference {
            let list: List = resources.resolve(reference, "List", "CommunicationRequest.payload")?;
            for display in list.entry.iter().filter_map(|entry| entry.item.display.as_deref()) {
                medication.push_str(&tagged("medication", display));
            }
        }
        if let Some(words) = &payload.content_string {
            patient.push_str(&tagged("patientInfo", words));
        }
    }
    Ok(medication + &patient)
}

fn tagged(name: &str, words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("<{name}>{}</{name}>", as_markup(words)) }
}

/// Text inside that mark-up. What is an escaped ampersand already stays one.
fn as_markup(text: &str) -> String {
    text.replace("&amp;", "&").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the prescriber endorses.
fn endorsements(request: &MedicationRequest) -> Result<Vec<Element>, Fault> {
    const URL: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-DM-PrescriptionEndorsement";
    const SYSTEM: &str = "https://fhir.nhs.uk/CodeSystem/medicationrequest-endorsement";
    const PATH: &str = "MedicationRequest.extension(PrescriptionEndorsement)";
    let mut found = Vec::new();
    for extension in request.extension.iter().filter(|it| it.url == URL) {
        let concept =
            extension.value_codeable_concept.as_ref().ok_or_else(|| Fault::at(PATH, "has no code"))?;
        let coding = only(concept.coding.iter().filter(|coding| coding.system == SYSTEM), PATH)?;
        let value = element("value")
            .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.16.32")
            .with("code", checked(&coding.code, PATH)?);
        found.push(annotation("pertinentInformation3", "pertinentPrescriberEndorsement", "PE", value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dosages(all: &[(&str, Option<u32>)]) -> Vec<Dosage> {
        all.iter()
            .map(|(text, sequence)| Dosage { text: Some((*text).to_owned()), sequence: *sequence })
            .collect()
    }

    /// One dosage is its text; several are put together by their sequence, and without one refused.
    #[test]
    fn dosages_are_put_together() {
        assert_eq!(dosage(&dosages(&[("one a day", None)])).unwrap(), "one a day");
        let several = [("two a day", Some(2)), ("one a day", Some(1)), ("with food", Some(2))];
        assert_eq!(dosage(&dosages(&several)).unwrap(), "one a day, then two a day, and with food");
        assert!(dosage(&dosages(&[("a", Some(1)), ("b", None)])).is_err());
        assert!(dosage(&dosages(&[("", None)])).is_err());
        assert!(dosage(&[]).is_err());
    }

    /// Therapies of one kind have their number; acute and continuous together count as acute; others are refused.
    #[test]
    fn repeats_follow_the_therapy() {
        let number = |kinds: &[&str], repeats: Option<u32>| {
            let requests: Vec<MedicationRequest> = kinds
                .iter()
                .map(|kind| {
                    let mut request = MedicationRequest::default();
                    request.course_of_therapy_type.coding =
                        vec![Coding { code: (*kind).to_owned(), ..Coding::default() }];
                    request.dispense_request.number_of_repeats_allowed = repeats;
                    request
                })
                .collect();
            repeat_number(&requests).map(|found| {
                found.map(|it| it.all("high").next().unwrap().attribute("value").unwrap().to_owned())
            })
        };
        assert_eq!(number(&["acute", "acute"], None).unwrap(), None);
        assert_eq!(number(&["acute", "continuous"], None).unwrap(), None);
        assert_eq!(number(&["continuous"], None).unwrap().as_deref(), Some("1"));
        assert_eq!(number(&["continuous-repeat-dispensing"], Some(5)).unwrap().as_deref(), Some("6"));
        assert_eq!(number(&["continuous-repeat-dispensing"], Some(0)).unwrap().as_deref(), Some("1"));
        assert!(number(&["continuous-repeat-dispensing"], None).is_err());
        assert!(number(&["continuous-repeat-dispensing", "acute"], Some(5)).is_err());
        assert!(number(&["seasonal"], None).is_err());
    }

    /// Mark-up that stands inside a text is escaped once, whether the ampersand came escaped or not.
    #[test]
    fn words_become_markup_once() {
        assert_eq!(as_markup("salt & <pepper>"), "salt &amp; &lt;pepper&gt;");
        assert_eq!(as_markup("salt &amp; pepper"), "salt &amp; pepper");
        assert_eq!(tagged("patientInfo", "a & b"), "<patientInfo>a &amp; b</patientInfo>");
    }
}
