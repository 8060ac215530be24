//! How much of an answer is wanted: pages, `_summary` and `_elements`.

use serde_json::{Value, json};

use super::asked::{Asked, shown};
use super::outcome::Outcome;
use super::tree::{Parts, Tree, parts};

/// How much of each resource is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Summary {
    /// All of it.
    #[default]
    All,
    /// What belongs to a summary.
    Short,
    /// All but the narrative.
    Data,
    /// The narrative alone, with what must be there.
    Text,
    /// No resource: how many there are.
    Count,
}

/// How much is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many resources a page has.
    pub(crate) count: Option<u32>,
    /// After which resource the page begins; empty at the first.
    pub(crate) cursor: Option<String>,
    pub(crate) summary: Summary,
    elements: Vec<String>,
}

/// Parameters that are read here, beside `_format`.
pub(crate) const SHAPING: [&str; 5] = ["_count", "_cursor", "_summary", "_elements", "_pretty"];

/// What says that a resource is not whole (FHIR R4 3.1.1.5.8).
const SUBSETTED: &str = "SUBSETTED";
const OBSERVATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Members that must be there whatever is asked for.
const NEEDED: [&str; 5] = ["id", "meta", "status", "code", "content"];
/// Members that are no part of a summary, of the resources that there are here.
const LONG: [&str; 8] =
    ["text", "extension", "contact", "endpoint", "concept", "photo", "qualification", "availableTime"];

impl Shape {
    /// Reads what is said of pages and members; no page is larger than `most`.
    pub(crate) fn read(asked: &Asked, most: u32) -> Result<Self, Outcome> {
        let count = match asked.last("_count") {
            None => None,
            Some(text) => {
                let count = text.parse::<u32>().map_err(|_| bad("_count", text, "a number, 0 or more"))?;
                Some(count.min(most))
            }
        };
        let mut summary = match asked.last("_summary") {
            None | Some("false") => Summary::All,
            Some("true") => Summary::Short,
            Some("data") => Summary::Data,
            Some("text") => Summary::Text,
            Some("count") => Summary::Count,
            Some(text) => return Err(bad("_summary", text, "true, false, data, text or count")),
        };
        // FHIR R4 3.1.1.5.3: a page of nothing is a question for how many there are.
        if count == Some(0) {
            summary = Summary::Count;
        }
        let elements = asked.all("_elements").flat_map(super::Parameter::any);
        // An element may be told with its kind before it, as in Organization.name.
        let elements = elements.map(|one| one.rsplit('.').next().unwrap_or_default().to_owned()).collect();
        Ok(Self { count, cursor: asked.last("_cursor").map(str::to_owned), summary, elements })
    }

    /// Whether a member is wanted.
    fn keeps(&self, name: &str) -> bool {
        let by_elements = self.elements.is_empty() || self.elements.iter().any(|one| one == name);
        let by_summary = match self.summary {
            Summary::All | Summary::Count => true,
            Summary::Short => !LONG.contains(&name),
            Summary::Data => name != "text",
            Summary::Text => name == "text",
        };
        NEEDED.contains(&name) || (by_elements && by_summary)
    }

    /// The same of a resource that is no tree.
    pub(crate) fn of_value(&self, whole: Value) -> Value {
        let Value::Object(mut members) = whole else { return whole };
        let many = members.len();
        members.retain(|name, _| name == "resourceType" || self.keeps(name));
        if members.len() < many {
            let meta = members.entry("meta").or_insert_with(|| json!({}));
            meta["tag"] = json!([{"system": OBSERVATION, "code": SUBSETTED}]);
        }
        Value::Object(members)
    }

    /// A resource with what is wanted of it. One that is not whole says so.
    pub(crate) fn of(&self, whole: Parts) -> Parts {
        if matches!(self.summary, Summary::All | Summary::Count) && self.elements.is_empty() {
            return whole;
        }
        let many = whole.members.len();
        let kind = whole.kind;
        let members: Vec<_> = whole.members.into_iter().filter(|member| self.keeps(member.0)).collect();
        let asked_for_less = self.summary != Summary::All || !self.elements.is_empty();
        let is_less = members.len() < many && asked_for_less;
        let resource = Parts { kind, members };
        if is_less { subsetted(resource) } else { resource }
    }
}

/// The resource with the tag that says that it is not whole.
fn subsetted(resource: Parts) -> Parts {
    let tag = parts().with("system", OBSERVATION).with("code", SUBSETTED);
    let meta = match resource.member("meta") {
        Some(Tree::Parts(meta)) => meta.clone().with("tag", vec![tag]),
        _ => parts().with("tag", vec![tag]),
    };
    let mut made = Parts { kind: resource.kind, members: Vec::new() };
    let (id, rest): (Vec<_>, Vec<_>) =
        resource.members.into_iter().filter(|member| member.0 != "meta").partition(|member| member.0 == "id");
    made.members.extend(id);
    made = made.with("meta", meta);
    made.members.extend(rest);
    made
}

fn bad(name: &str, value: &str, expected: &str) -> Outcome {
    Outcome::new(400, "invalid", format!("Invalid {name} '{}': it is {expected}.", shown(value)))
}

#[cfg(test)]
mod tests {
    use super::super::tree::resource;
    use super::*;

    fn shape(query: &str) -> Result<Shape, Outcome> {
        Shape::read(&Asked::read(query, b""), 100)
    }

    fn told(query: &str) -> Vec<&'static str> {
        let whole = resource("Organization")
            .with("id", "1")
            .with("extension", vec![parts().with("url", "u")])
            .with("active", true)
            .with("name", "n");
        shape(query).unwrap().of(whole).members.iter().map(|member| member.0).collect()
    }

    /// What is asked for is told, with what must be there, and whoever gets less is told so.
    #[test]
    fn less_is_told() {
        assert_eq!(told(""), ["id", "extension", "active", "name"]);
        assert_eq!(told("_summary=true"), ["id", "meta", "active", "name"]);
        assert_eq!(told("_elements=name,Organization.active"), ["id", "meta", "active", "name"]);
        assert_eq!(told("_summary=text"), ["id", "meta"]);
        assert_eq!(told("_summary=data"), ["id", "extension", "active", "name"]);
    }

    /// Pages have bounds, a page of nothing counts, and what is no number is refused.
    #[test]
    fn pages_are_read() {
        assert_eq!(
            shape("_count=7&_cursor=a").unwrap(),
            Shape { count: Some(7), cursor: Some("a".to_owned()), ..Shape::default() }
        );
        assert_eq!(shape("_count=1000").unwrap().count, Some(100));
        assert_eq!(shape("_count=0").unwrap().summary, Summary::Count);
        for bad in ["_count=many", "_count=-1", "_count=1.5", "_summary=short"] {
            assert_eq!(shape(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
