//! Resources as XML (FHIR R4 2.1.0.1), and what is sent as XML read into the JSON of it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::tree::{Parts, Tree};
use crate::xml::{Document, Node};

const NAMESPACE: &str = "http://hl7.org/fhir";
/// Members that are attributes of their element.
const ATTRIBUTES: [&str; 1] = ["url"];
/// Elements of which an attribute is what they are told by.
const WITH_URL: &str = "extension";
/// Members that are lists wherever they occur in what is read here: `Parameters` with value sets.
const LISTS: [&str; 9] =
    ["parameter", "part", "include", "exclude", "filter", "concept", "designation", "coding", "valueSet"];

impl Parts {
    /// As XML, with its declaration.
    pub(crate) fn xml(&self) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
        resource(&mut text, self, Some(NAMESPACE));
        text
    }
}

fn resource(text: &mut String, parts: &Parts, namespace: Option<&str>) {
    let kind = parts.kind();
    let _ = write!(text, "<{kind}");
    if let Some(namespace) = namespace {
        let _ = write!(text, " xmlns=\"{namespace}\"");
    }
    text.push('>');
    members(text, parts, &[]);
    let _ = write!(text, "</{kind}>");
}

fn members(text: &mut String, parts: &Parts, without: &[&str]) {
    for (name, value) in parts.members.iter().filter(|member| !without.contains(&member.0)) {
        element(text, name, value);
    }
}

fn element(text: &mut String, name: &str, value: &Tree) {
    match value {
        // What is told as JSON alone is of a face that has no XML.
        Tree::Nothing | Tree::Json(_) => {}
        Tree::List(list) => list.iter().for_each(|one| element(text, name, one)),
        // The one text that is no value but XHTML; it is made here and escaped where it was made.
        Tree::Text(value) if name == "div" => text.push_str(value),
        Tree::Text(value) => primitive(text, name, value),
        Tree::Flag(flag) => primitive(text, name, if *flag { "true" } else { "false" }),
        Tree::Number(number) => primitive(text, name, &number.to_string()),
        Tree::Parts(parts) if parts.kind.is_some() => {
            let _ = write!(text, "<{name}>");
            resource(text, parts, None);
            let _ = write!(text, "</{name}>");
        }
        Tree::Parts(parts) => {
            let _ = write!(text, "<{name}");
            let without: &[&str] = if name == WITH_URL { &ATTRIBUTES } else { &[] };
            for attribute in without {
                if let Some(Tree::Text(value)) = parts.member(attribute) {
                    let _ = write!(text, " {attribute}=\"");
                    escape(text, value);
                    text.push('"');
                }
            }
            text.push('>');
            members(text, parts, without);
            let _ = write!(text, "</{name}>");
        }
    }
}

fn primitive(text: &mut String, name: &str, value: &str) {
    let _ = write!(text, "<{name} value=\"");
    escape(text, value);
    text.push_str("\"/>");
}

/// Text for an attribute or for XHTML.
pub(super) fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // XML 1.0 3.3.3: in an attribute they would become blanks.
            '\t' | '\n' | '\r' => {
                let _ = write!(text, "&#{};", u32::from(character));
            }
            other => text.push(other),
        }
    }
}

/// Reads `Parameters` in XML as the JSON that says the same; what is wrong, for people.
pub(crate) fn parameters(octets: &[u8]) -> Result<Value, String> {
    let fault = |fault: crate::xml::Fault| format!("line {}: {}", fault.line, fault.sentence);
    let mut document = Document::open(octets, NAMESPACE, &["Parameters"]).map_err(fault)?;
    let mut whole = Map::new();
    whole.insert("resourceType".to_owned(), Value::from("Parameters"));
    while let Some(start) = document.next_child().map_err(fault)? {
        let node = document.take(start).map_err(fault)?;
        put(&mut whole, &node);
    }
    Ok(Value::Object(whole))
}

fn put(into: &mut Map<String, Value>, node: &Node) {
    let value = value(node);
    if LISTS.contains(&node.name.as_str()) {
        let list = into.entry(node.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
    } else {
        into.insert(node.name.clone(), value);
    }
}

fn value(node: &Node) -> Value {
    if let ("resource", [inner]) = (node.name.as_str(), &node.children[..]) {
        let mut resource = Map::new();
        resource.insert("resourceType".to_owned(), Value::from(inner.name.clone()));
        inner.children.iter().for_each(|child| put(&mut resource, child));
        return Value::Object(resource);
    }
    if node.children.is_empty() {
        let text = node.attribute("value").unwrap_or_default();
        return match (node.name.as_str(), text) {
            ("valueBoolean" | "inactive" | "activeOnly", "true") => Value::Bool(true),
            ("valueBoolean" | "inactive" | "activeOnly", "false") => Value::Bool(false),
            ("valueInteger", number) => {
                number.parse::<i64>().map_or_else(|_| Value::from(number), Value::from)
            }
            (_, text) => Value::from(text),
        };
    }
    let mut members = Map::new();
    node.children.iter().for_each(|child| put(&mut members, child));
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::super::tree::{parts, resource};
    use super::*;

    /// Values are attributes, lists repeat, extensions have their URL, resources lie in elements, and nothing breaks out.
    #[test]
    fn resources_are_written() {
        let inner = resource("Basic").with("id", "<&\"\n");
        let extension = parts().with("url", "u").with("valueBoolean", true);
        let tree = resource("Bundle")
            .with("total", 2_i64)
            .with("extension", vec![extension])
            .with("entry", vec![parts().with("resource", inner)])
            .with("link", vec![parts().with("relation", "self").with("url", "x")]);
        assert_eq!(
            tree.xml(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Bundle xmlns=\"http://hl7.org/fhir\"><total value=\"2\"/>\
             <extension url=\"u\"><valueBoolean value=\"true\"/></extension>\
             <entry><resource><Basic><id value=\"&lt;&amp;&quot;&#10;\"/></Basic></resource></entry>\
             <link><relation value=\"self\"/><url value=\"x\"/></link></Bundle>"
        );
    }

    /// `Parameters` are read with their resources and lists; documents with entities, or of another kind, are not.
    #[test]
    fn parameters_are_read() {
        let text = "<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name value=\"count\"/><valueInteger value=\"2\"/>\
            </parameter><parameter><name value=\"valueSet\"/><resource><ValueSet><compose><include><system value=\"s\"/>\
            <filter><property value=\"role\"/><op value=\"=\"/><value value=\"RO1\"/></filter></include></compose></ValueSet>\
            </resource></parameter></Parameters>";
        let read = parameters(text.as_bytes()).unwrap();
        assert_eq!(read["parameter"][0]["valueInteger"], 2);
        let set = &read["parameter"][1]["resource"];
        assert_eq!(set["resourceType"], "ValueSet");
        assert_eq!(set["compose"]["include"][0]["filter"][0]["value"], "RO1");
        for bad in
            ["", "<Patient xmlns=\"http://hl7.org/fhir\"/>", "<!DOCTYPE a [<!ENTITY b \"c\">]><Parameters/>"]
        {
            assert!(parameters(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
