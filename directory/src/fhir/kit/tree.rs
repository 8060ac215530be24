//! A resource as a tree whose members have the order of FHIR, which its XML is written in.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;

use super::version::tag;
use crate::day::Day;

/// A value. What is empty is left out where it is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    Nothing,
    Text(String),
    Flag(bool),
    Number(i64),
    List(Vec<Tree>),
    Parts(Parts),
    /// A resource of a face that has no XML.
    Json(Value),
}

/// Members in their order; of a resource, with its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(super) kind: Option<&'static str>,
    pub(super) members: Vec<(&'static str, Tree)>,
}

/// What a resource has room for at first, in members, and as JSON in octets: more than one of a person has.
const MEMBERS: usize = 10;
const ROOM: usize = 1_024;

/// A resource without members.
pub(crate) fn resource(kind: &'static str) -> Parts {
    Parts { kind: Some(kind), members: Vec::with_capacity(MEMBERS) }
}

/// Something within a resource, without members.
pub(crate) fn parts() -> Parts {
    Parts::default()
}

/// What tells a text from every other.
pub(super) fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hex::encode(&digest.as_ref()[..16])
}

impl Parts {
    /// Puts a member at the end, unless it is empty.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Tree>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.members.push((name, value));
        }
        self
    }

    /// A member.
    pub(crate) fn member(&self, name: &str) -> Option<&Tree> {
        self.members.iter().find(|member| member.0 == name).map(|member| &member.1)
    }

    /// What kind of resource it is; nothing of what is none.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind.unwrap_or_default()
    }

    /// The id of a resource.
    pub(crate) fn id(&self) -> &str {
        match self.member("id") {
            Some(Tree::Text(id)) => id,
            _ => "",
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> String {
        let mut octets = Vec::with_capacity(ROOM);
        // Texts, numbers and names of members: nothing of it can fail.
        let written = serde_json::to_writer(&mut octets, self);
        written.ok().and_then(|()| String::from_utf8(octets).ok()).unwrap_or_default()
    }

    /// How many octets it takes at least, as JSON or as XML.
    pub(crate) fn least(&self) -> usize {
        // A name with what parts it from its value.
        2 + self.members.iter().map(|(name, value)| name.len() + 2 + value.least()).sum::<usize>()
    }

    /// What tells it from every other: equal resources have equal ones, and no others.
    pub(crate) fn digest(&self) -> String {
        digest(&self.json())
    }

    /// A weak entity tag (RFC 9110 8.8.3): its version, or of what has none, over what it says.
    pub(crate) fn tag(&self) -> String {
        let version = match self.member("meta") {
            Some(Tree::Parts(meta)) => meta.version(),
            _ => None,
        };
        version.map_or_else(|| tag(&self.digest()), tag)
    }

    /// The version that stands in `meta`.
    fn version(&self) -> Option<&str> {
        match self.member("versionId") {
            Some(Tree::Text(version)) => Some(version),
            _ => None,
        }
    }
}

impl Tree {
    fn least(&self) -> usize {
        match self {
            Self::Nothing => 0,
            // In quotes.
            Self::Text(text) => text.len() + 2,
            Self::Flag(_) => 4,
            Self::Number(_) => 1,
            Self::List(list) => list.iter().map(Self::least).sum(),
            Self::Parts(parts) => parts.least(),
            Self::Json(_) => 2,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Parts(parts) => parts.kind.is_none() && parts.members.is_empty(),
            Self::Json(value) => value.is_null(),
            Self::Flag(_) | Self::Number(_) => false,
        }
    }
}

/// Whether a text is of letters, digits, blanks and marks of ASCII alone, as nearly all are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

/// The text with blanks in place of characters that XML has not (FHIR R4 2.24.0.1 forbids them in JSON too).
fn without_bad(text: &str) -> String {
    let is_bad = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if is_bad(c) { ' ' } else { c }).collect()
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(if is_plain(text) { text.to_owned() } else { without_bad(text) })
    }
}

impl From<&String> for Tree {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        if is_plain(&text) { Self::Text(text) } else { text.as_str().into() }
    }
}

impl From<Value> for Tree {
    fn from(resource: Value) -> Self {
        Self::Json(resource)
    }
}

impl From<bool> for Tree {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Tree {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Tree {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Day> for Tree {
    fn from(day: Day) -> Self {
        Self::Text(day.to_string())
    }
}

impl From<Parts> for Tree {
    fn from(parts: Parts) -> Self {
        Self::Parts(parts)
    }
}

impl<T: Into<Tree>> From<Option<T>> for Tree {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl<T: Into<Tree>> From<Vec<T>> for Tree {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).filter(|value| !value.is_empty()).collect())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Parts(parts) => parts.serialize(serializer),
            Self::Json(value) => value.serialize(serializer),
            Self::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|one| seq.serialize_element(one))?;
                seq.end()
            }
        }
    }
}

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(kind) = self.kind {
            map.serialize_entry("resourceType", kind)?;
        }
        self.members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members keep their order, and what is empty is left out, however deep.
    #[test]
    fn trees_are_written_in_order() {
        let tree = resource("Basic")
            .with("id", "1")
            .with("empty", "")
            .with("none", None::<String>)
            .with("list", vec![parts(), parts().with("url", "a\u{0}b")])
            .with("flag", false)
            .with("nothing", Vec::<String>::new())
            .with("text", "é\u{85}\u{fffe}\t~".to_owned());
        assert_eq!(
            tree.json(),
            r#"{"resourceType":"Basic","id":"1","list":[{"url":"a b"}],"flag":false,"text":"é  \t~"}"#
        );
        assert_eq!((tree.id(), tree.kind()), ("1", "Basic"));
    }

    /// What a resource takes at least is no more than what it takes, and not much less.
    #[test]
    fn sizes_are_foreseen() {
        let extension = |name: &str| parts().with("url", name).with("valueString", "<a town>");
        let tree = resource("Basic")
            .with("id", "1")
            .with("extension", vec![extension("urn:one"), extension("urn:two")])
            .with("flag", true)
            .with("count", 7_usize);
        let (least, json, xml) = (tree.least(), tree.json().len(), tree.xml().len());
        assert!(least <= json.min(xml) && least * 2 > json, "{least} {json} {xml}");
    }

    /// Equal resources have equal tags.
    #[test]
    fn tags_are_of_what_is_said() {
        let one = || resource("Basic").with("id", "1");
        assert_eq!(one().tag(), one().tag());
        assert_ne!(one().tag(), one().with("flag", true).tag());
    }
}
