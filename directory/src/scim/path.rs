//! Paths of attributes (RFC 7644 3.10, 3.5.2): `name.familyName`, `emails[type eq "work"].value`, with or without the schema.

use serde_json::Value;

use super::attribute::{self, Attribute};
use super::filter::{Filter, items_filter};
use super::resource::{EXTENSION, USER};

/// Of which schema an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Core,
    Register,
}

/// An attribute, and a part of it where one is named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) of: Of,
    pub(crate) attribute: &'static Attribute,
    pub(crate) part: Option<&'static Attribute>,
}

/// Where an operation does something.
#[derive(Debug)]
pub(crate) enum Place {
    /// Everything of the extension.
    Extension,
    /// An attribute, a part of it, or of some of its items.
    Attribute(Target, Option<Filter>),
}

/// Why a path is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It cannot be read.
    Path,
    /// The filter in it cannot be read.
    Filter,
    /// No schema has such an attribute.
    Unknown,
}

/// Of which schema a name is, and the name without it. An empty name is the schema itself.
pub(crate) fn within(text: &str) -> (Of, &str) {
    let after = |schema: &str| {
        let (head, rest) = text.split_at_checked(schema.len())?;
        let rest = if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') };
        rest.filter(|_| head.eq_ignore_ascii_case(schema))
    };
    match (after(EXTENSION), after(USER)) {
        (Some(rest), _) => (Of::Register, rest),
        (None, Some(rest)) => (Of::Core, rest),
        (None, None) => (Of::Core, text),
    }
}

/// An attribute or a part of it by its path without filters.
pub(crate) fn target(text: &str) -> Result<Target, Unreadable> {
    let (of, rest) = within(text);
    let (head, part) = rest.split_once('.').map_or((rest, None), |(head, part)| (head, Some(part)));
    if rest.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("urn:")) {
        return Err(Unreadable::Unknown);
    }
    if !is_name(head) || part.is_some_and(|part| !is_name(part)) {
        return Err(Unreadable::Path);
    }
    let found = match of {
        Of::Core => attribute::core(head),
        Of::Register => attribute::register(head),
    };
    let attribute = found.ok_or(Unreadable::Unknown)?;
    let part = part.map(|part| attribute.part(part).ok_or(Unreadable::Unknown)).transpose()?;
    Ok(Target { of, attribute, part })
}

/// Reads the path of an operation.
pub(crate) fn place(text: &str) -> Result<Place, Unreadable> {
    let text = text.trim();
    if matches!(within(text), (Of::Register, "")) {
        return Ok(Place::Extension);
    }
    let Some((head, rest)) = text.split_once('[') else {
        return target(text).map(|target| Place::Attribute(target, None));
    };
    let Target { of, attribute, part: None } = target(head)? else { return Err(Unreadable::Path) };
    let (filter, after) = rest.rsplit_once(']').ok_or(Unreadable::Path)?;
    if !attribute.is_plural || attribute.parts.is_empty() {
        return Err(Unreadable::Path);
    }
    let filter = items_filter(filter, attribute).map_err(|_| Unreadable::Filter)?;
    let part = match after.strip_prefix('.') {
        None if after.is_empty() => None,
        Some(name) if is_name(name) => Some(attribute.part(name).ok_or(Unreadable::Unknown)?),
        None | Some(_) => return Err(Unreadable::Path),
    };
    Ok(Place::Attribute(Target { of, attribute, part }, Some(filter)))
}

/// RFC 7643 2.1: a letter, then letters, digits, hyphens and underscores; `$ref` begins with a sign.
fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$');
    begins && text.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Target {
    /// The values of it in a resource.
    pub(crate) fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let within = match self.of {
            Of::Core => resource,
            Of::Register => &resource[EXTENSION],
        };
        let here = each(&within[self.attribute.name]);
        let part = self.part.map(|part| part.name);
        // Of an attribute with parts its value is meant (RFC 7644 3.4.2.2).
        let part = part.or_else(|| self.attribute.part("value").map(|part| part.name));
        match part {
            Some(part) => here.into_iter().flat_map(|item| each(&item[part])).collect(),
            None => here,
        }
    }

    /// What is compared.
    pub(crate) fn compared(&self) -> &'static Attribute {
        self.part.or_else(|| self.attribute.part("value")).unwrap_or(self.attribute)
    }
}

/// A value, or each of several; nothing for nothing.
pub(crate) fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

impl Target {
    /// The items of a list in a resource.
    pub(crate) fn values_whole<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let within = match self.of {
            Of::Core => resource,
            Of::Register => &resource[EXTENSION],
        };
        each(&within[self.attribute.name])
    }
}
