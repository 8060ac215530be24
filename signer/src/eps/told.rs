//! What is signed of a prescription, for the person who is asked to sign it. It is read from the very fragments that are hashed, so
//! that nothing is shown that is not signed; and from the one place where each part stands, so that a second one somewhere else, which
//! another reader might take, is refused and not passed over.

use serde::{Deserialize, Serialize};

use super::{Fault, Fragments, at_most_one, only};
use crate::xml::Element;

/// A prescription in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The patient's name, the first one, as far as it is written there.
    pub(crate) patient: String,
    /// The patient's further names, in their order: the one that somebody had before, say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) other_names: Vec<String>,
    /// The patient's NHS number, if it is written there.
    pub(crate) nhs_number: String,
    /// When the patient was born: `yyyy-mm-dd`, or as it is written there.
    pub(crate) born: String,
    /// In whose name it is signed.
    #[serde(default)]
    pub(crate) author: ToldAuthor,
    /// The items, in their order.
    pub(crate) items: Vec<ToldItem>,
}

/// Who is its author, in words.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct ToldAuthor {
    /// The name.
    pub(crate) name: String,
    /// The role profile, by its number; empty where it is not written there.
    pub(crate) role_profile: String,
    /// The organisation.
    pub(crate) organisation: String,
}

/// An item in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ToldItem {
    /// The medicine, in the words of the application.
    pub(crate) medicine: String,
    /// The medicine, by its code: what is dispensed.
    #[serde(default)]
    pub(crate) code: String,
    /// How much of it.
    pub(crate) quantity: String,
    /// How it is to be taken.
    pub(crate) dosage: String,
    /// What is said besides: a controlled drug's quantity in words, words for the patient.
    #[serde(default)]
    pub(crate) instructions: Vec<String>,
    /// What the prescriber endorses, by its codes.
    #[serde(default)]
    pub(crate) endorsements: Vec<String>,
    /// How often it is issued; empty for once.
    #[serde(default)]
    pub(crate) issues: String,
}

const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";
const ROLE_PROFILE: &str = "1.2.826.0.1285.0.2.0.67";
/// What stands in an item once, in its one place.
const ONCE: [&str; 4] =
    ["manufacturedRequestedMaterial", "lineItemQuantity", "quantity", "pertinentDosageInstructions"];

impl Fragments {
    /// In whose name it is written.
    pub(crate) fn author(&self) -> Result<ToldAuthor, Fault> {
        let (author, ..) = self.seen();
        Ok(ToldAuthor {
            name: name(at(author, &["agentPerson", "name"])?),
            role_profile: identifier(author, ROLE_PROFILE)?,
            organisation: text(at(author, &["representedOrganization", "name"])?),
        })
    }

    /// What it says, in words. What need not be written there is left empty; what stands there twice, or in another place than where
    /// readers look for it, is refused.
    pub(crate) fn told(&self) -> Result<Told, Fault> {
        let (_, target, items) = self.seen();
        let patient = at(target, &["Patient"])?;
        let person = at(patient, &["patientPerson"])?;
        for once in ["Patient", "patientPerson", "birthTime"] {
            at_most_one(target.descend().into_iter().filter(|found| found.is_named(once)), once)?;
        }
        let born = at_most_one(person.all("birthTime"), "patientPerson.birthTime")?;
        // Nobody could take one name for another: each of them is shown.
        let mut names = person.all("name").map(name);
        Ok(Told {
            patient: names.next().ok_or_else(|| Fault::at("patientPerson.name", "is missing"))?,
            other_names: names.filter(|name| !name.is_empty()).collect(),
            nhs_number: identifier(patient, NHS_NUMBER)?,
            born: day(born.and_then(|time| time.attribute("value")).unwrap_or_default()),
            author: self.author()?,
            items: items.iter().map(item).collect::<Result<_, _>>()?,
        })
    }
}

/// The one element at the end of a way of which each step is there once.
fn at<'a>(element: &'a Element, way: &[&'static str]) -> Result<&'a Element, Fault> {
    way.iter().try_fold(element, |element, step| only(element.all(step), step))
}

/// The extension of the `id` with this root, directly below.
fn identifier(element: &Element, root: &str) -> Result<String, Fault> {
    let found = at_most_one(element.all("id").filter(|id| id.attribute("root") == Some(root)), "id")?;
    Ok(found.and_then(|id| id.attribute("extension")).unwrap_or_default().to_owned())
}

fn name(name: &Element) -> String {
    let part = |local: &'static str| name.all(local).map(Element::text).collect::<Vec<_>>();
    let parts = [part("prefix"), part("given"), part("family"), part("suffix")].concat();
    let words: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    // A name that is not taken apart is its text.
    if words.is_empty() { text(name) } else { words.join(" ") }
}

fn text(element: &Element) -> String {
    element.text().trim().to_owned()
}

fn day(value: &str) -> String {
    match (value.get(..4), value.get(4..6), value.get(6..8)) {
        (Some(year), Some(month), Some(day)) if value.len() == 8 => format!("{year}-{month}-{day}"),
        _ => value.to_owned(),
    }
}

fn item(item: &Element) -> Result<ToldItem, Fault> {
    for once in ONCE {
        only(item.descend().into_iter().filter(|found| found.is_named(once)), once)?;
    }
    let code = at(item, &["product", "manufacturedProduct", "manufacturedRequestedMaterial", "code"])?;
    let quantity = at(item, &["component", "lineItemQuantity", "quantity"])?;
    let dosage = said(item, "pertinentDosageInstructions")?;
    let repeat = at_most_one(item.all("repeatNumber"), "repeatNumber")?;
    let high = repeat.map(|repeat| only(repeat.all("high"), "repeatNumber.high")).transpose()?;
    let codes = said(item, "pertinentPrescriberEndorsement")?;
    Ok(ToldItem {
        medicine: code.attribute("displayName").unwrap_or_default().to_owned(),
        code: code.attribute("code").unwrap_or_default().to_owned(),
        quantity: amount(quantity)?,
        dosage: only(dosage, "pertinentDosageInstructions").map(text)?,
        instructions: said(item, "pertinentAdditionalInstructions")?.into_iter().map(text).collect(),
        endorsements: codes.iter().filter_map(|it| it.attribute("code")).map(str::to_owned).collect(),
        issues: high.and_then(|high| high.attribute("value")).unwrap_or_default().to_owned(),
    })
}

/// A number and its unit. Both are signed twice, as a value of its own and in the unit that is named: they must be the same.
fn amount(quantity: &Element) -> Result<String, Fault> {
    let value = quantity.attribute("value").unwrap_or_default();
    let unit = at_most_one(quantity.all("translation"), "quantity.translation")?;
    if unit.and_then(|unit| unit.attribute("value")).is_some_and(|named| named != value) {
        return Err(Fault::at("quantity.translation", "says another number than the quantity"));
    }
    let unit = unit.map(|unit| {
        let words = unit.attribute("displayName").filter(|words| !words.is_empty());
        words.or_else(|| unit.attribute("code")).unwrap_or_default()
    });
    Ok(format!("{value} {}", unit.unwrap_or_default()).trim().to_owned())
}

/// The values of what is said about an item under this name, wherever in it; each has one.
fn said<'a>(item: &'a Element, observation: &'static str) -> Result<Vec<&'a Element>, Fault> {
    let found = item.descend().into_iter().filter(|found| found.is_named(observation));
    found.map(|found| only(found.all("value"), observation)).collect()
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::eps::{AuthorTime, Fault, Message, Prescription};

    const V3: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");
    const FHIR: &str = include_str!("../../../fixtures/prescription.json");

    fn told(v3: &str) -> Result<Told, Fault> {
        Prescription::read(v3.as_bytes()).unwrap().fragments().told()
    }

    /// Both forms of one prescription tell the same: patient, number, birth, author and every item.
    #[test]
    fn both_forms_tell_the_same() {
        let told = told(V3).unwrap();
        assert_eq!(
            (told.patient.as_str(), told.nhs_number.as_str()),
            ("MX FLORIMEL EXAMPLE-PERSON", "9990548609")
        );
        assert_eq!((told.born.as_str(), told.items.len()), ("1961-04-01", 2));
        let author = &told.author;
        assert_eq!(
            (author.name.as_str(), author.role_profile.as_str()),
            ("DR OTTOLINE MARCHBANKS", "555000000203")
        );
        assert_eq!(author.organisation, "LANYARD LANE SURGERY");
        let item = &told.items[0];
        assert_eq!(
            (item.medicine.as_str(), item.quantity.as_str()),
            ("Amoxicillin 250mg capsules", "21 capsule")
        );
        assert_eq!((item.code.as_str(), item.issues.as_str()), ("39732311000001104", ""));
        assert_eq!(item.dosage, "1 capsule 3 times a day for 7 days");
        let at = AuthorTime::from_v3("20261129170000").unwrap();
        let fhir = Message::read(FHIR.as_bytes()).unwrap();
        assert_eq!(fhir.fragments(at).unwrap().told().unwrap(), told);
    }

    /// How often it is issued, what is said besides and what is endorsed are told too.
    #[test]
    fn what_is_said_besides_is_told() {
        let said = |information: &str, observation: &str, value: &str| {
            format!("<{information}><{observation}>{value}</{observation}></{information}>")
        };
        let more = [
            "<repeatNumber><low value=\"2\"/><high value=\"6\"/></repeatNumber>".to_owned(),
            said("pertinentInformation1", "pertinentAdditionalInstructions", "<value>CD: twenty-one</value>"),
            said("pertinentInformation3", "pertinentPrescriberEndorsement", "<value code=\"SLS\"/>"),
        ];
        let told = told(&V3.replacen("<product", &format!("{}<product", more.concat()), 1)).unwrap();
        let item = &told.items[0];
        assert_eq!((item.issues.as_str(), &item.instructions[..]), ("6", &["CD: twenty-one".to_owned()][..]));
        assert_eq!(item.endorsements, ["SLS"]);
        assert!(told.items[1].instructions.is_empty() && told.items[1].issues.is_empty());
    }

    /// A patient may have several names, in both forms: every one of them is told, in their order, and none but those. Without one it is refused.
    #[test]
    fn every_name_of_a_patient_is_told() {
        let former =
            "<name use=\"PREVIOUS\"><prefix>MX</prefix><given>FLORIMEL</given><family>FORMER</family></name>";
        let (name, rest) = V3.split_once("<administrativeGenderCode").unwrap();
        let two =
            told(&format!("{name}{former}<name use=\"PREFERRED\"/><administrativeGenderCode{rest}")).unwrap();
        assert_eq!(two.patient, "MX FLORIMEL EXAMPLE-PERSON");
        assert_eq!(two.other_names, ["MX FLORIMEL FORMER"]);
        let before = told(&V3.replacen("<name use=\"L\">", &format!("{former}<name use=\"L\">"), 1)).unwrap();
        assert_eq!((before.patient.as_str(), before.other_names.len()), ("MX FLORIMEL FORMER", 1));

        let mut message: serde_json::Value = serde_json::from_str(FHIR).unwrap();
        let entries = message["entry"].as_array_mut().unwrap();
        let patient =
            entries.iter_mut().find(|entry| entry["resource"]["resourceType"] == "Patient").unwrap();
        let former =
            serde_json::json!({"use": "old", "family": "FORMER", "given": ["FLORIMEL"], "prefix": ["MX"]});
        let names = patient["resource"]["name"].as_array_mut().unwrap();
        names.extend([former, serde_json::json!({"use": "nickname"})]);
        let at = AuthorTime::from_v3("20261129170000").unwrap();
        let message = Message::read(message.to_string().as_bytes()).unwrap();
        assert_eq!(message.fragments(at).unwrap().told().unwrap(), two, "FHIR says the same");

        let kept = serde_json::to_value(told(V3).unwrap()).unwrap();
        assert!(kept.get("other_names").is_none(), "one name is kept as it always was");
        let (before, after) =
            (V3.find("<name use=\"L\">").unwrap(), V3.find("<administrativeGenderCode").unwrap());
        assert!(told(&format!("{}{}", &V3[..before], &V3[after..])).is_err(), "none");
    }

    /// A second quantity, medicine, dosage, birth, or name of the author, before the real one or anywhere else, is refused: somebody else
    /// might read that.
    #[test]
    fn decoys_are_refused() {
        let material = "<manufacturedRequestedMaterial><code code=\"1\"/></manufacturedRequestedMaterial>";
        for (before, decoy) in [
            ("<quantity value=\"21\"", "<quantity value=\"7\"/>"),
            ("<lineItemQuantity", "<lineItemQuantity><quantity value=\"7\"/></lineItemQuantity>"),
            ("<product", "<quantity value=\"7\"/>"),
            ("<manufacturedRequestedMaterial", material),
            ("<product", material),
            (
                "<pertinentDosageInstructions",
                "<pertinentDosageInstructions><value>none</value></pertinentDosageInstructions>",
            ),
            ("<id root=\"1.2.826.0.1285.0.2.1.54\"", "<name><family>OTHER</family></name>"),
            ("<patientPerson", "<patientPerson><name><family>OTHER</family></name></patientPerson>"),
            ("<birthTime", "<birthTime value=\"19000101\"/>"),
            ("<addr use=\"H\">", "<id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"9990548617\"/>"),
            ("<code code=\"R8000\"", "<id root=\"1.2.826.0.1285.0.2.0.67\" extension=\"555000000211\"/>"),
        ] {
            let changed = V3.replacen(before, &format!("{decoy}{before}"), 1);
            assert_ne!(changed, V3, "{before}");
            assert!(told(&changed).is_err(), "{decoy}");
        }
        let two = V3.replacen("<translation value=\"21\"", "<translation value=\"210\"", 1);
        assert!(told(&two).unwrap_err().to_string().contains("another number"));
    }
}
