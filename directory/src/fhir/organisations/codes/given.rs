//! What an operation is given: parameters of a query, or the resource `Parameters`.

use serde_json::Value;

use super::super::errors::bad;
use super::system::System;
use crate::fhir::kit::{Asked, Outcome, parameters_of_xml, shown};

/// What is given, by its names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Given(Vec<(String, Value)>);

/// Reads what is given: the query, and in a body JSON or XML.
pub(crate) fn given(asked: &Asked, body: &[u8], is_xml: bool) -> Result<Given, Outcome> {
    let mut all: Vec<(String, Value)> =
        asked.0.iter().map(|one| (one.whole(), Value::from(one.value.clone()))).collect();
    if !body.is_empty() {
        let whole = if is_xml {
            parameters_of_xml(body)
                .map_err(|sentence| bad(format!("The body is no Parameters: {sentence}")))?
        } else {
            serde_json::from_slice(body).map_err(|error| bad(format!("The body is no JSON: {error}")))?
        };
        if whole["resourceType"] != "Parameters" {
            return Err(bad("The body is no Parameters."));
        }
        for one in whole["parameter"].as_array().into_iter().flatten() {
            let name = one["name"].as_str().ok_or_else(|| bad("A parameter has no name."))?;
            let members = one.as_object().into_iter().flatten();
            let value = members
                .filter(|(member, _)| member.starts_with("value") || *member == "resource")
                .map(|one| one.1);
            let value = value.into_iter().next();
            let value = value.ok_or_else(|| bad(format!("The parameter {} has no value.", shown(name))))?;
            all.push((name.to_owned(), value.clone()));
        }
    }
    if text_has_nul(&all) {
        return Err(bad("A parameter holds the character NUL, which no text has."));
    }
    Ok(Given(all))
}

/// Not every database takes it.
fn text_has_nul(all: &[(String, Value)]) -> bool {
    all.iter().any(|(_, value)| holds_nul(value))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(members) => members.values().any(holds_nul),
        _ => false,
    }
}

impl Given {
    /// The first value of this name.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|one| one.0 == name).map(|one| &one.1)
    }

    /// The first text of this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// Every text of this name; several may be joined by commas.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let of = self.0.iter().filter(|one| one.0 == name).filter_map(|one| one.1.as_str());
        of.flat_map(|text| text.split(','))
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// Goes on if every version of a code system that is asked for is the one that there is: what was before is not kept, and nobody is to
    /// take what is now for it.
    pub(crate) fn demand_version(&self, version: &str) -> Result<(), Outcome> {
        let Some(other) = self.versions().into_iter().find(|asked| *asked != version) else { return Ok(()) };
        let sentence =
            format!("Version {} is not kept here: code systems have version {version} alone.", shown(other));
        Err(Outcome { details: Some(sentence.clone()), ..Outcome::new(404, "not-found", sentence) })
    }

    /// The versions that are asked for, wherever they are said.
    fn versions(&self) -> Vec<&str> {
        let is_set_given = self.value("valueSet").is_some();
        let mut versions = Vec::new();
        for (name, value) in &self.0 {
            match name.as_str() {
                "version" | "systemVersion" => versions.extend(value.as_str()),
                // That of a set which is given is its own.
                "valueSetVersion" if !is_set_given => versions.extend(value.as_str()),
                "system" | "url" | "system-version" | "check-system-version" | "force-system-version" => {
                    versions.extend(value.as_str().and_then(System::pinned));
                }
                "coding" | "codingA" | "codingB" => versions.extend(of_part(value)),
                "codeableConcept" => versions.extend(of_part(&value["coding"][0])),
                "valueSet" => {
                    let lists = [&value["compose"]["include"], &value["compose"]["exclude"]];
                    versions
                        .extend(lists.into_iter().filter_map(Value::as_array).flatten().flat_map(of_part));
                }
                _ => {}
            }
        }
        versions.retain(|version| !version.is_empty());
        versions
    }

    /// Whether something is so; no if it is not said.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Outcome> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(bad(format!("{name} is true or false."))),
        }
    }

    /// A number of this name.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, Outcome> {
        let wrong = || bad(format!("{name} is a number, 0 or more."));
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong()),
            Some(value) => {
                value.as_u64().and_then(|number| u32::try_from(number).ok()).map(Some).ok_or_else(wrong)
            }
        }
    }

    /// A code with its system: by itself, as a coding, or the first of several codings whose system is right.
    pub(crate) fn coding(&self, system: &str) -> Option<(Option<String>, String, Option<String>)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(code) = self.text("code") {
            let own = self.text(system).map(str::to_owned);
            return Some((own, code.to_owned(), self.text("display").map(str::to_owned)));
        }
        let coding = match (self.value("coding"), self.value("codeableConcept")) {
            (Some(coding), _) => coding,
            (None, Some(concept)) => concept["coding"].as_array()?.first()?,
            (None, None) => return None,
        };
        Some((text(&coding["system"]), text(&coding["code"])?, text(&coding["display"])))
    }
}

/// The versions that a coding, or a part of a set, asks for.
fn of_part(part: &Value) -> impl Iterator<Item = &str> {
    part["version"].as_str().into_iter().chain(part["system"].as_str().and_then(System::pinned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A query and a body say the same; what is no `Parameters` is refused.
    #[test]
    fn operations_are_given() {
        let query = Asked::read("code=RO76&property=status&property=name,town&count=5", b"");
        let read = given(&query, b"", false).unwrap();
        assert_eq!(
            (read.text("code"), read.texts("property").len(), read.number("count")),
            (Some("RO76"), 3, Ok(Some(5)))
        );
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "coding", "valueCoding": {"system": "s", "code": "c"}}, {"name": "activeOnly", "valueBoolean": true}]});
        let read = given(&Asked::default(), body.to_string().as_bytes(), false).unwrap();
        assert_eq!(
            (read.coding("url"), read.flag("activeOnly")),
            (Some((Some("s".to_owned()), "c".to_owned(), None)), Ok(true))
        );
        for bad in [
            "{",
            "{}",
            r#"{"resourceType":"Parameters","parameter":[{"name":"x"}]}"#,
            r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"\u0000"}]}"#,
        ] {
            assert_eq!(given(&Asked::default(), bad.as_bytes(), false).unwrap_err().status, 400, "{bad}");
        }
        let url = System::Role.url();
        let set = json!({"compose": {"include": [{"system": url, "version": "2"}, {"system": format!("{url}|3")}],
            "exclude": [{"system": url, "version": "4"}, {"system": "urn:other|9"}]}});
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "version", "valueString": "1"}, {"name": "valueSet", "resource": set},
            {"name": "coding", "valueCoding": {"system": url, "version": "5"}}, {"name": "valueSetVersion", "valueString": "9"},
            {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"version": "6"}, {"version": "9"}]}},
            {"name": "system-version", "valueUri": format!("{url}|7")}, {"name": "system", "valueUri": url}]});
        let pinned =
            given(&Asked::read(&format!("url={url}|8?fhir_vs"), b""), body.to_string().as_bytes(), false)
                .unwrap();
        assert_eq!(pinned.versions(), ["8", "1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(pinned.demand_version("1").unwrap_err().status, 404);
        assert_eq!((read.demand_version("1"), read.versions().len()), (Ok(()), 0));
        assert!(read.number("activeOnly").is_err() && given(&Asked::default(), b"<a/>", true).is_err());
    }
}
