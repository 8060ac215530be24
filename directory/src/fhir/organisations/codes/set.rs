//! Sets of concepts as whoever asks puts them together.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::task::yield_now;

use super::super::date;
use super::super::errors::{bad, too_costly};
use super::concept::{Concept, Value as Said};
use super::given::Given;
use super::system::System;
use crate::api::{OrganisationStatus, RecordClass, RecordUse};
use crate::fhir::kit::{Outcome, shown, token};
use crate::organisation::name_key;
use crate::store::organisation_faces::{Condition, HasRole, Place, Text};

/// How many parts, codes or filters a set is made of at most.
const PARTS: usize = 1_000;
/// How many filters a part of it has at most: all of them stand in one condition, which engines nest only so deep.
const FILTERS: usize = 100;
/// How many values the filters of a whole set have at most, each once in its filter: a statement has only so many places for them.
const VALUES: usize = 200;
/// Of how many concepts it is looked whether they are meant before others have their turn.
const AT_ONCE: usize = 64;

/// A comparison of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    property: String,
    op: String,
    value: String,
    /// What it compares with: one value, or with `in` and `not-in` several.
    values: BTreeSet<String>,
}

/// A part of a set: concepts of one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) system: System,
    /// The concepts that are named; otherwise all of them.
    pub(super) codes: Option<Vec<String>>,
    filters: Vec<Filter>,
}

/// A set that is asked for, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetAsked {
    pub(super) includes: Vec<Include>,
    pub(super) excludes: Vec<Include>,
    pub(crate) is_active_only: bool,
    /// Text that the display has in it.
    pub(crate) filter: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) offset: u32,
    /// Properties that are told of each member.
    pub(crate) properties: Vec<String>,
}

impl SetAsked {
    pub(super) fn count(&self) -> u32 {
        self.count.unwrap_or(u32::MAX)
    }

    /// The systems of which it has members.
    pub(crate) fn systems(&self) -> Vec<System> {
        let mut systems: Vec<System> = self.includes.iter().map(|include| include.system).collect();
        systems.sort_unstable();
        systems.dedup();
        systems
    }

    /// The same set, and of it one concept alone.
    pub(crate) fn only(mut self, system: System, code: &str) -> Self {
        // What is left out too: all of it may be more than is told, and no more than this one matters.
        for parts in [&mut self.includes, &mut self.excludes] {
            parts.retain(|part| part.system == system);
            for part in parts {
                match &mut part.codes {
                    Some(codes) => codes.retain(|one| one == code),
                    None => part.codes = Some(vec![code.to_owned()]),
                }
            }
        }
        self
    }
}

/// Reads which set is asked for: one that is given, or all of a code system as `…?fhir_vs`.
pub(crate) fn set_of(given: &Given) -> Result<SetAsked, Outcome> {
    let (includes, excludes) = match (given.value("valueSet"), given.text("url")) {
        (Some(set @ Value::Object(_)), _) => {
            let compose = &set["compose"];
            (all(&compose["include"])?, all(&compose["exclude"])?)
        }
        (None, Some(url)) => {
            let system = System::of_set(url).ok_or_else(|| {
                let sentence =
                    format!("The value set {} is not known here: give it as valueSet.", shown(url));
                Outcome { details: Some(sentence.clone()), ..Outcome::new(404, "not-found", sentence) }
            })?;
            (vec![Include { system, codes: None, filters: Vec::new() }], Vec::new())
        }
        _ => return Err(bad("Give the set as valueSet, or the url of one.")),
    };
    if includes.is_empty() {
        return Err(bad("The set has no compose.include."));
    }
    let filters = includes.iter().chain(&excludes).flat_map(|part| &part.filters);
    if filters.map(|filter| filter.values.len()).sum::<usize>() > VALUES {
        return Err(too_costly(format!(
            "The set exceeds size limit: its filters have more than {VALUES} values, all of them together. Ask in parts."
        )));
    }
    let filter = given.text("filter").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(SetAsked {
        includes,
        excludes,
        is_active_only: given.flag("activeOnly")?,
        filter,
        count: given.number("count")?,
        offset: given.number("offset")?.unwrap_or(0),
        properties: given.texts("property"),
    })
}

fn all(parts: &Value) -> Result<Vec<Include>, Outcome> {
    let parts = parts.as_array().map_or(&[][..], Vec::as_slice);
    if parts.len() > PARTS {
        return Err(too_costly(format!("The set exceeds size limit: it has more than {PARTS} parts.")));
    }
    parts.iter().map(include).collect()
}

fn include(part: &Value) -> Result<Include, Outcome> {
    if part.get("valueSet").is_some() {
        return Err(bad(
            "A part of the set refers to another set, which is not supported: write out what is in it.",
        ));
    }
    let url = part["system"].as_str().unwrap_or_default();
    let system = System::of(url).ok_or_else(|| {
        let sentence = format!("The code system {} is not known here.", shown(url));
        Outcome { details: Some(sentence.clone()), ..Outcome::new(404, "not-found", sentence) }
    })?;
    let listed = |name: &str| part[name].as_array().map_or(&[][..], Vec::as_slice);
    if listed("concept").len() > PARTS || listed("filter").len() > FILTERS {
        return Err(too_costly(format!(
            "The set exceeds size limit: a part has more than {PARTS} codes or {FILTERS} filters."
        )));
    }
    let codes = listed("concept").iter().map(|one| one["code"].as_str().map(str::to_owned));
    let codes: Option<Vec<String>> = codes.collect();
    let codes = codes.ok_or_else(|| bad("A concept of the set has no code."))?;
    let mut filters: Vec<Filter> = Vec::new();
    for filter in listed("filter") {
        let filter = Filter::read(filter)?;
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }
    let codes = part.get("concept").is_some().then_some(codes);
    Ok(Include { system, codes, filters })
}

impl Filter {
    fn read(filter: &Value) -> Result<Self, Outcome> {
        let text = |name: &str| filter[name].as_str().map(str::to_owned);
        let (Some(property), Some(op), Some(value)) = (text("property"), text("op"), text("value")) else {
            return Err(bad("A filter of the set lacks property, op or value."));
        };
        let several: Vec<&str> =
            if op == "=" { vec![value.as_str()] } else { value.split(',').take(PARTS + 1).collect() };
        if several.len() > PARTS {
            return Err(too_costly(format!(
                "The set exceeds size limit: a filter has more than {PARTS} values."
            )));
        }
        let values = several.into_iter().map(|value| token(value).1.to_owned()).collect();
        Ok(Self { property, op, value, values })
    }

    fn undeclared(&self, system: System) -> Outcome {
        too_costly(format!(
            "{} has no declared filter for the property {} with {}.",
            system.url(),
            shown(&self.property),
            shown(&self.op)
        ))
    }

    /// What it means of organisations.
    fn condition(&self) -> Result<Condition, Outcome> {
        let undeclared = || self.undeclared(System::Organisation);
        let is_equal = self.op == "=";
        if !is_equal && !matches!(self.op.as_str(), "in" | "not-in") {
            return Err(undeclared());
        }
        let is_not = self.op == "not-in";
        let role = |is_primary| {
            let any = self.values.iter().cloned().collect();
            Condition::Role(HasRole { any, is_active: true, is_primary, is_not })
        };
        let word = self.values.first().map_or("", String::as_str);
        Ok(match self.property.as_str() {
            "role" => role(false),
            "primaryRole" => role(true),
            _ if !is_equal => return Err(undeclared()),
            "lastChangeDate" => {
                let (from, before) = date::range(&self.value)?;
                Condition::Changed(from, before)
            }
            "status" | "inactive" => Condition::Status(vec![match word {
                "Active" | "active" | "false" => OrganisationStatus::Active,
                "Inactive" | "inactive" | "true" => OrganisationStatus::Inactive,
                _ => return Err(bad(format!("{} is no {}.", shown(word), self.property))),
            }]),
            "orgRecordClass" => Condition::Class(match word {
                "RC1" => vec![RecordClass::Organisation],
                "RC2" => vec![RecordClass::Site],
                _ => Vec::new(),
            }),
            "refOnly" => Condition::Use(vec![match word {
                "true" => RecordUse::ReferenceOnly,
                "false" => RecordUse::Full,
                _ => return Err(bad(format!("{} is neither true nor false.", shown(word)))),
            }]),
            "name" => Condition::Name(Text::Is, vec![self.value.clone()]),
            "town" => Condition::Address(Place::Town, Text::Is, vec![self.value.clone()]),
            "country" => Condition::Address(Place::Country, Text::Is, vec![self.value.clone()]),
            "postcode" => Condition::Address(Place::Postcode, Text::Is, vec![self.value.clone()]),
            relationship if relationship.starts_with("RE") => {
                Condition::Related(relationship.to_owned(), vec![word.to_ascii_uppercase()])
            }
            _ => return Err(undeclared()),
        })
    }

    /// Whether it holds of a concept by what is said of it.
    fn holds(&self, concept: &Concept) -> bool {
        let is_among = |text: &str| self.values.contains(text);
        let holds = match self.property.as_str() {
            "code" | "concept" => is_among(&concept.code),
            "display" | "name" => is_among(&concept.display),
            property => {
                let mut of = concept.properties.iter().filter(|one| one.0 == property);
                of.any(|(_, value)| match value {
                    Said::Code(text) | Said::Text(text) | Said::Coding(_, text, _) => is_among(text),
                    Said::Flag(flag) => is_among(if *flag { "true" } else { "false" }),
                    Said::Day(day) => is_among(&day.to_string()),
                })
            }
        };
        holds != (self.op == "not-in")
    }
}

impl Include {
    /// What it means of organisations.
    pub(super) fn conditions(&self, set: &SetAsked) -> Result<Vec<Condition>, Outcome> {
        let mut conditions = self.filters.iter().map(Filter::condition).collect::<Result<Vec<_>, _>>()?;
        conditions.extend(self.codes.clone().map(Condition::Codes));
        if set.is_active_only {
            conditions.push(Condition::Status(vec![OrganisationStatus::Active]));
        }
        if let Some(text) = set.filter.as_ref().filter(|text| !name_key(text).is_empty()) {
            let how = if name_key(text).chars().count() < 3 { Text::Begins } else { Text::Contains };
            conditions.push(Condition::Name(how, vec![text.clone()]));
        }
        Ok(conditions)
    }

    /// Those of some concepts that it has.
    pub(super) async fn among(
        &self,
        set: &SetAsked,
        concepts: Vec<Concept>,
    ) -> Result<Vec<Concept>, Outcome> {
        let is_declared = |filter: &&Filter| matches!(filter.op.as_str(), "=" | "in" | "not-in");
        if let Some(filter) = self.filters.iter().find(|filter| !is_declared(filter)) {
            return Err(filter.undeclared(self.system));
        }
        let codes: Option<BTreeSet<&str>> =
            self.codes.as_ref().map(|codes| codes.iter().map(String::as_str).collect());
        let wanted = set.filter.as_deref().map(name_key);
        let mut among = Vec::with_capacity(concepts.len());
        for (place, concept) in concepts.into_iter().enumerate() {
            if place.is_multiple_of(AT_ONCE) {
                // So that the time for an answer ends this too.
                yield_now().await;
            }
            let is_named = codes.as_ref().is_none_or(|codes| codes.contains(concept.code.as_str()));
            let is_live = !(set.is_active_only && concept.is_inactive);
            let has_text = || wanted.as_ref().is_none_or(|text| name_key(&concept.display).contains(text));
            if is_named && is_live && has_text() && self.filters.iter().all(|filter| filter.holds(&concept)) {
                among.push(concept);
            }
        }
        Ok(among)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::given;
    use super::*;
    use crate::fhir::kit::Asked;

    fn set(include: &Value) -> Result<SetAsked, Outcome> {
        let set = json!({"resourceType": "ValueSet", "compose": {"include": [include]}});
        let body =
            json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": set}]});
        set_of(&given(&Asked::default(), body.to_string().as_bytes(), false)?)
    }

    /// A filter has so many values at most.
    #[test]
    fn values_of_filters_are_bounded() {
        let of = |many: usize| {
            let value = vec!["RO76"; many].join(",");
            set(&json!({"system": System::Organisation.url(),
                "filter": [{"property": "role", "op": "in", "value": value}]}))
        };
        assert!(of(PARTS).is_ok());
        assert_eq!(of(PARTS + 1).unwrap_err().status, 422);
        let one = json!({"property": "role", "op": "=", "value": "RO76"});
        let of = |many: usize| {
            set(&json!({"system": System::Organisation.url(), "filter": vec![one.clone(); many]}))
        };
        assert!(of(FILTERS).is_ok());
        assert_eq!(of(FILTERS + 1).unwrap_err().status, 422);
    }

    /// Of a set whose one concept is asked about, what is left out is narrowed as what is in it is; what is of other systems goes.
    #[test]
    fn one_concept_is_asked_about_alone() {
        let named = |system: System, codes: &[&str]| {
            let concepts: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
            json!({"system": system.url(), "concept": concepts})
        };
        let gone = json!({"system": System::Organisation.url(),
            "filter": [{"property": "status", "op": "=", "value": "Inactive"}]});
        let compose = json!({
            "include": [{"system": System::Organisation.url()}],
            "exclude": [gone, named(System::Organisation, &["RXX", "A81001"]), {"system": System::RoleInstance.url()}],
        });
        let set = json!({"resourceType": "ValueSet", "compose": compose});
        let body =
            json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": set}]});
        let set = set_of(&given(&Asked::default(), body.to_string().as_bytes(), false).unwrap()).unwrap();
        let codes = |parts: &[Include]| parts.iter().map(|part| part.codes.clone()).collect::<Vec<_>>();
        let alone = Some(vec!["A81001".to_owned()]);
        let one = set.clone().only(System::Organisation, "A81001");
        assert_eq!(codes(&one.includes), std::slice::from_ref(&alone));
        assert_eq!(codes(&one.excludes), [alone.clone(), alone], "nothing of another system");
        assert_eq!(one.excludes[0].filters, set.excludes[0].filters, "filters stay");
        let other = set.only(System::RoleInstance, "1");
        assert!(other.includes.is_empty());
        assert_eq!(codes(&other.excludes), [Some(vec!["1".to_owned()])]);
    }

    /// The filters of a whole set have so many different values at most, whichever parts they are in.
    #[test]
    fn values_of_sets_are_bounded() {
        let of = |parts: usize, many: usize| {
            let value = (0..many).map(|one| format!("RO{one}")).collect::<Vec<_>>().join(",");
            let part = json!({"system": System::Organisation.url(),
                "filter": [{"property": "role", "op": "in", "value": value}]});
            let set = json!({"resourceType": "ValueSet",
                "compose": {"include": vec![part.clone(); parts], "exclude": [part]}});
            let body =
                json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": set}]});
            set_of(&given(&Asked::default(), body.to_string().as_bytes(), false)?)
        };
        assert!(of(3, VALUES / 4).is_ok());
        assert_eq!(of(4, VALUES / 4).unwrap_err().status, 422, "of all parts together");
        assert_eq!(of(1, VALUES).unwrap_err().status, 422, "what is left out counts too");
    }

    /// Filters on organisations become conditions; what has none is said to have none.
    #[test]
    fn filters_become_conditions() {
        let of = |property: &str, op: &str, value: &str| {
            let filter = json!({"property": property, "op": op, "value": value});
            let set = set(&json!({"system": System::Organisation.url(), "filter": [filter]}))?;
            set.includes[0].conditions(&set)
        };
        assert_eq!(
            of("lastChangeDate", "=", "gt2024-01-31").unwrap(),
            [Condition::Changed(Some("2024-02-01".to_owned()), None)]
        );
        assert_eq!(
            of("RE6", "=", "rxx").unwrap(),
            [Condition::Related("RE6".to_owned(), vec!["RXX".to_owned()])]
        );
        assert!(
            matches!(&of("role", "not-in", "RO76,RO72").unwrap()[0], Condition::Role(role) if role.is_not && role.any.len() == 2)
        );
        for (property, op) in [("colour", "="), ("role", "regex"), ("town", "in")] {
            let outcome = of(property, op, ".*").unwrap_err();
            assert!(
                outcome.status == 422 && outcome.diagnostics.contains("no declared filter"),
                "{property} {op}"
            );
        }
        assert_eq!(
            (of("status", "=", "x").unwrap_err().status, of("lastChangeDate", "=", "x").unwrap_err().status),
            (400, 400)
        );
    }

    /// Parts of small systems are looked through; what is not known, or is no set, is refused.
    #[tokio::test]
    async fn sets_are_read() {
        let system = System::Role.url();
        let small =
            set(&json!({"system": system, "concept": [{"code": "RO76"}, {"code": "RO9999"}]})).unwrap();
        let among = small.includes[0].among(&small, System::Role.concepts()).await.unwrap();
        assert_eq!(among.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["RO76"]);
        let by_name = set(
            &json!({"system": system, "filter": [{"property": "display", "op": "=", "value": "PHARMACY"}]}),
        )
        .unwrap();
        let pharmacies = by_name.includes[0].among(&by_name, System::Role.concepts()).await.unwrap();
        assert_eq!(pharmacies[0].code, "RO182");
        let either = |op: &str| json!({"property": "code", "op": op, "value": "RO76,RO182,RO76"});
        let both = set(&json!({"system": system, "filter": [either("in"), either("in"), either("not-in")]}))
            .unwrap();
        assert_eq!(
            (both.includes[0].filters.len(), both.includes[0].filters[0].values.len()),
            (2, 2),
            "each once"
        );
        assert!(both.includes[0].among(&both, System::Role.concepts()).await.unwrap().is_empty());
        let regex =
            set(&json!({"system": system, "filter": [{"property": "code", "op": "regex", "value": "x"}]}))
                .unwrap();
        assert_eq!(regex.includes[0].among(&regex, Vec::new()).await.unwrap_err().status, 422);
        for (bad, status) in [
            (json!({"system": "urn:other"}), 404),
            (json!({"valueSet": ["x"]}), 400),
            (json!({"system": system, "concept": [{}]}), 400),
            (json!({"system": system, "filter": [{"property": "x"}]}), 400),
            (json!({"system": system, "concept": vec![json!({"code": "RO76"}); 1_001]}), 422),
        ] {
            assert_eq!(set(&bad).unwrap_err().status, status, "{bad}");
        }
        let whole = |url: &str| set_of(&given(&Asked::read(&format!("url={url}"), b""), b"", false).unwrap());
        assert_eq!(whole(&format!("{system}?fhir_vs")).unwrap().systems(), [System::Role]);
        assert_eq!(whole("urn:other").unwrap_err().status, 404);
    }
}
