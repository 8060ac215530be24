//! Filters (RFC 7644 3.4.2.2): read into a tree, and asked of a resource or of an item of a list.

use serde_json::Value;

use super::attribute::{Attribute, Kind};
use super::path::{Target, each, target};

/// The longest filter, in bytes.
const LONGEST: usize = 2000;
/// How deep brackets stand in each other.
const DEEPEST: usize = 12;

/// A filter.
#[derive(Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Operand, Operator, Value),
    Present(Operand),
    /// One item of a list that has all of it.
    Items(Target, Box<Filter>),
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand {
    /// An attribute of the resource.
    Of(Target),
    /// A part of the item.
    Part(&'static Attribute),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// By what somebody is found without looking at everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key<'f> {
    /// The name that the system gave.
    UserName(&'f str),
    /// The id that the system gave.
    ExternalId(&'f str),
    /// Our id.
    Id(&'f str),
}

/// A filter that cannot be read or is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoFilter;

/// Reads a filter of resources.
pub(crate) fn filter(text: &str) -> Result<Filter, NoFilter> {
    Reader::new(text, None)?.whole()
}

/// Reads a filter of the items of an attribute.
pub(crate) fn items_filter(text: &str, of: &'static Attribute) -> Result<Filter, NoFilter> {
    Reader::new(text, Some(of))?.whole()
}

struct Reader<'t> {
    rest: &'t str,
    of: Option<&'static Attribute>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, of: Option<&'static Attribute>) -> Result<Self, NoFilter> {
        // One of the engines stores NUL in no text.
        if text.len() > LONGEST || text.contains('\0') || text.contains("\\u0000") {
            return Err(NoFilter);
        }
        Ok(Self { rest: text, of, depth: 0 })
    }

    fn whole(mut self) -> Result<Filter, NoFilter> {
        let filter = self.any()?;
        self.blanks();
        if self.rest.is_empty() { Ok(filter) } else { Err(NoFilter) }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// `or` binds less than `and` does.
    fn any(&mut self) -> Result<Filter, NoFilter> {
        let mut several = vec![self.all()?];
        while self.word("or") {
            several.push(self.all()?);
        }
        Ok(if several.len() == 1 { several.remove(0) } else { Filter::Any(several) })
    }

    fn all(&mut self) -> Result<Filter, NoFilter> {
        let mut several = vec![self.one()?];
        while self.word("and") {
            several.push(self.one()?);
        }
        Ok(if several.len() == 1 { several.remove(0) } else { Filter::All(several) })
    }

    fn one(&mut self) -> Result<Filter, NoFilter> {
        self.blanks();
        let not = self.word("not");
        self.blanks();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let inside = self.nested(Self::any)?;
            self.blanks();
            self.rest = self.rest.strip_prefix(')').ok_or(NoFilter)?;
            return Ok(if not { Filter::Not(Box::new(inside)) } else { inside });
        }
        if not {
            return Err(NoFilter);
        }
        let end = self.rest.find([' ', '[', '(', ')', ']']).ok_or(NoFilter)?;
        let (path, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some(rest) = self.rest.strip_prefix('[') {
            self.rest = rest;
            return self.items(path);
        }
        self.compared(path)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Filter, NoFilter>) -> Result<Filter, NoFilter> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NoFilter);
        }
        let inside = read(self);
        self.depth -= 1;
        inside
    }

    fn items(&mut self, path: &str) -> Result<Filter, NoFilter> {
        let list = target(path).map_err(|_| NoFilter)?;
        if self.of.is_some()
            || list.part.is_some()
            || !list.attribute.is_plural
            || list.attribute.parts.is_empty()
        {
            return Err(NoFilter);
        }
        self.of = Some(list.attribute);
        let inside = self.nested(Self::any)?;
        self.of = None;
        self.blanks();
        self.rest = self.rest.strip_prefix(']').ok_or(NoFilter)?;
        Ok(Filter::Items(list, Box::new(inside)))
    }

    fn compared(&mut self, path: &str) -> Result<Filter, NoFilter> {
        let operand = match self.of {
            Some(attribute) => Operand::Part(attribute.part(path).ok_or(NoFilter)?),
            None => Operand::Of(target(path).map_err(|_| NoFilter)?),
        };
        if operand.compared().is_hidden {
            return Err(NoFilter);
        }
        self.blanks();
        let end = self.rest.find([' ', ')', ']']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let operator = match word.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Filter::Present(operand)),
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return Err(NoFilter),
        };
        let value = self.value()?;
        if operand.takes(operator, &value) {
            Ok(Filter::Compare(operand, operator, value))
        } else {
            Err(NoFilter)
        }
    }

    /// A text, which ends where JSON says, or a word.
    fn value(&mut self) -> Result<Value, NoFilter> {
        self.blanks();
        if !self.rest.starts_with('"') {
            let end = self.rest.find([' ', ')', ']']).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            return serde_json::from_str(word).map_err(|_| NoFilter);
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next().and_then(Result::ok).ok_or(NoFilter)?;
        self.rest = &self.rest[values.byte_offset()..];
        Ok(value)
    }

    /// Whether a word comes next, which then is read.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        let is_word = head.eq_ignore_ascii_case(word) && rest.starts_with([' ', '(']);
        if is_word {
            self.rest = rest;
        }
        is_word
    }
}

impl Operand {
    fn compared(&self) -> &'static Attribute {
        match self {
            Self::Of(target) => target.compared(),
            Self::Part(part) => part,
        }
    }

    fn values<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Of(target) => target.values(value),
            Self::Part(part) => each(&value[part.name]),
        }
    }

    /// RFC 7644 3.4.2.2: Booleans are not ordered, and what has parts is not compared as a whole.
    fn takes(&self, operator: Operator, value: &Value) -> bool {
        let plain = matches!(operator, Operator::Equal | Operator::NotEqual);
        match (self.compared().kind, value) {
            (Kind::Complex, _) => false,
            (_, Value::Null) | (Kind::Flag, Value::Bool(_)) => plain,
            (Kind::Text | Kind::Moment, Value::String(_)) => true,
            _ => false,
        }
    }
}

impl Filter {
    /// Whether a resource, or an item, is one of those that are asked for.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match self {
            Self::All(several) => several.iter().all(|one| one.takes(value)),
            Self::Any(several) => several.iter().any(|one| one.takes(value)),
            Self::Not(one) => !one.takes(value),
            Self::Present(operand) => operand.values(value).into_iter().any(is_something),
            Self::Items(list, inside) => list.values_whole(value).into_iter().any(|item| inside.takes(item)),
            Self::Compare(operand, operator, asked) => {
                let values = operand.values(value);
                let equal = || match asked {
                    Value::Null => !values.iter().any(|value| is_something(value)),
                    asked => values.iter().any(|value| operand.compares(value, Operator::Equal, asked)),
                };
                match operator {
                    Operator::Equal => equal(),
                    Operator::NotEqual => !equal(),
                    _ => values.iter().any(|value| operand.compares(value, *operator, asked)),
                }
            }
        }
    }

    /// By what the one who is asked for is found, where nobody else can be.
    pub(crate) fn key(&self) -> Option<Key<'_>> {
        match self {
            Self::All(several) => several.iter().find_map(Self::key),
            Self::Compare(Operand::Of(target), Operator::Equal, Value::String(text)) => {
                match target.attribute.name {
                    "userName" => Some(Key::UserName(text)),
                    "externalId" => Some(Key::ExternalId(text)),
                    "id" => Some(Key::Id(text)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The one attribute that equals a text, if nothing else is asked: what is added where there is no such item.
    pub(crate) fn as_item(&self) -> Option<(&'static Attribute, &Value)> {
        match self {
            Self::Compare(Operand::Part(part), Operator::Equal, value) if !value.is_null() => {
                Some((part, value))
            }
            _ => None,
        }
    }
}

impl Operand {
    fn compares(&self, value: &Value, operator: Operator, asked: &Value) -> bool {
        let (Value::String(value), Value::String(asked)) = (value, asked) else { return value == asked };
        let attribute = self.compared();
        let (value, asked) = if attribute.is_exact || attribute.kind == Kind::Moment {
            (value.clone(), asked.clone())
        } else {
            (value.to_lowercase(), asked.to_lowercase())
        };
        match operator {
            Operator::Equal | Operator::NotEqual => value == asked,
            Operator::Contains => value.contains(&asked),
            Operator::StartsWith => value.starts_with(&asked),
            Operator::EndsWith => value.ends_with(&asked),
            Operator::Greater => value > asked,
            Operator::GreaterOrEqual => value >= asked,
            Operator::Less => value < asked,
            Operator::LessOrEqual => value <= asked,
        }
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => members.values().any(is_something),
        Value::Array(items) => items.iter().any(is_something),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::scim::resource::EXTENSION;

    fn user() -> Value {
        json!({"id": "000000000013", "userName": "Ann.Example", "externalId": "A1", "active": true,
               "name": {"familyName": "Example"}, "meta": {"lastModified": "2026-11-24T00:00:00Z"},
               "emails": [{"value": "a@b.example", "type": "work", "primary": true}, {"value": "h@c.example", "type": "home"}],
               EXTENSION: {"dateOfBirth": "1984-07-23"}})
    }

    /// Every operator, brackets, parts and items; small and capital letters differ where the schema says so.
    #[test]
    fn filters_are_asked_of_a_resource() {
        let birth = format!("{EXTENSION}:dateOfBirth lt \"1985\"");
        for (text, expected) in [
            ("userName eq \"ann.example\"", true),
            ("externalId eq \"a1\"", false),
            ("userName sw \"ANN\" and active eq true", true),
            ("userName co \"zz\" or name.familyName ew \"ple\"", true),
            ("userName co \"zz\" or name.familyName ew \"x\" and active eq true", false),
            ("not (active eq false)", true),
            ("active ne true", false),
            ("emails eq \"h@c.example\"", true),
            ("emails.type eq \"other\"", false),
            ("emails[type eq \"home\" and primary eq true]", false),
            ("emails[type eq \"work\" and primary eq true] and not (title2 pr)", false),
            ("emails[type eq \"work\" and (primary eq true or value co \"x\")]", true),
            ("phoneNumbers pr", false),
            ("phoneNumbers eq null", true),
            ("meta.lastModified ge \"2026-11-23T12:00:00Z\"", true),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName pr", true),
            (birth.as_str(), true),
        ] {
            let read = filter(text);
            assert_eq!(read.is_ok_and(|filter| filter.takes(&user())), expected, "{text}");
        }
    }

    /// What is no filter, or compares what cannot be compared, is refused.
    #[test]
    fn other_texts_are_no_filters() {
        let deep = format!("{}active eq true{}", "(".repeat(20), ")".repeat(20));
        for bad in [
            "",
            "userName",
            "userName eq",
            "userName eq ann",
            "userName xx \"a\"",
            "title eq \"a\"",
            "active eq \"true\"",
            "active gt true",
            "name eq \"a\"",
            "userName eq 7",
            "userName eq \"a\" and",
            "(userName pr",
            "userName pr)",
            "not active eq true",
            "emails[type eq \"work\"",
            "emails[type[value pr]]",
            "userName[value pr]",
            "userName eq \"a\\u0000\"",
            "active co null",
            "linkTo pr",
            &deep,
            &format!("userName eq \"{}\"", "a".repeat(LONGEST)),
        ] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    /// A name or an id that must be equal finds the one whom it means.
    #[test]
    fn keys_are_found_in_filters() {
        let key = |text: &str| filter(text).unwrap().key().map(|key| format!("{key:?}"));
        assert_eq!(key("userName eq \"ann\"").as_deref(), Some("UserName(\"ann\")"));
        assert_eq!(key("active eq true and (externalId eq \"1\")").as_deref(), Some("ExternalId(\"1\")"));
        assert_eq!(key("id eq \"1\" or id eq \"2\""), None);
        assert_eq!(key("not (id eq \"1\")"), None);
    }

    proptest! {
        /// Whatever text comes, reading ends, and what was read can be asked.
        #[test]
        fn any_text_ends_in_an_answer(text in "([a-zA-Z.]{1,9}|[\\[\\]() \"]| eq | and | or |not |\"a\"|true){0,12}") {
            if let Ok(filter) = filter(&text) {
                let _taken = filter.takes(&user());
            }
        }
    }
}
