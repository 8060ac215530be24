//! Members of a JSON object, read straight into what they are to be: no tree of values, no copy of what can be
//! borrowed, and what is of another type is told apart from what is no JSON, as each has its own error.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Parameter;

/// A member as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Member<T> {
    /// Left out, or null.
    #[default]
    Absent,
    /// Of the type that is wanted.
    Given(T),
    /// Of another type.
    Other,
}

/// A text, borrowed from the body where nothing in it is escaped.
pub(super) type Text<'a> = Member<Cow<'a, str>>;

impl Text<'_> {
    /// A string that has to be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Parameter> {
        match self {
            Self::Given(text) => Ok(text),
            Self::Absent | Self::Other => Err(Parameter::MissingString(name)),
        }
    }

    /// A string that may be left out.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, Parameter> {
        match self {
            Self::Given(text) => Ok(Some(text)),
            Self::Absent => Ok(None),
            Self::Other => Err(Parameter::Invalid(name)),
        }
    }

    /// The string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Given(text) => Some(text),
            Self::Absent | Self::Other => None,
        }
    }
}

/// A list. What goes beyond [`MOST`] is read over: nobody has us keep millions of small things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// One more than the most documents a configuration can allow, so that too many are still seen to be too many.
const MOST: usize = crate::config::MOST_DOCUMENTS + 1;

/// What a member can be. A kind of value that is not overridden here is of another type.
pub(super) trait Wanted<'de>: Sized {
    /// From a string.
    fn text(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    /// From a yes or no.
    fn flag(_flag: bool) -> Option<Self> {
        None
    }

    /// From a whole number.
    fn number(_number: i64) -> Option<Self> {
        None
    }

    /// From an array.
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// From an object.
    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de: 'a, 'a> Wanted<'de> for Cow<'a, str> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl Wanted<'_> for bool {
    fn flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Wanted<'_> for i64 {
    fn number(number: i64) -> Option<Self> {
        Some(number)
    }
}

impl<'de, T: Deserialize<'de>> Wanted<'de> for List<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MOST {
            match list.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(Some(Self(kept))),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Self(kept)))
    }
}

impl<'de, T: Wanted<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading(PhantomData))
    }
}

struct Reading<T>(PhantomData<T>);

impl<'de, T: Wanted<'de>> Visitor<'de> for Reading<T> {
    type Value = Member<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Member<T>, E> {
        Ok(Member::Absent)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Member<T>, E> {
        Ok(given(T::flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member<T>, E> {
        Ok(given(T::number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member<T>, E> {
        Ok(given(i64::try_from(number).ok().and_then(T::number)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member<T>, E> {
        Ok(Member::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Member<T>, E> {
        Ok(given(T::text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<T>, E> {
        Ok(given(T::text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Member<T>, A::Error> {
        T::list(list).map(given)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Member<T>, A::Error> {
        T::object(object).map(given)
    }
}

fn given<T>(value: Option<T>) -> Member<T> {
    value.map_or(Member::Other, Member::Given)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of value is of the wanted type, absent or of another type; what is no JSON is an error.
    #[test]
    fn kinds_are_told_apart() {
        for (json, expected) in [
            (r#""text""#, Member::Given("text".into())),
            (r#""with \"quotes\"""#, Member::Given("with \"quotes\"".into())),
            ("null", Member::Absent),
            ("7", Member::Other),
            ("-7", Member::Other),
            ("7.5", Member::Other),
            ("true", Member::Other),
            (r#"["text", {"a": [1]}]"#, Member::Other),
            (r#"{"a": {"b": "text"}}"#, Member::Other),
        ] {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap(), expected, "{json}");
        }
        for malformed in ["", "[1, ]", r#"{"a": }"#, r#""text"#, r#""text" 1"#] {
            serde_json::from_str::<Text<'_>>(malformed).expect_err(malformed);
        }
    }

    /// A whole number is one where one is wanted.
    #[test]
    fn numbers_are_read() {
        let read = |json| serde_json::from_str::<Member<i64>>(json).unwrap();
        assert_eq!((read("7"), read("-7")), (Member::Given(7), Member::Given(-7)));
        for other in ["7.5", "\"7\"", "18446744073709551615"] {
            assert_eq!(read(other), Member::Other, "{other}");
        }
    }

    /// A list is kept up to its bound and read to its end, and a text without escapes is not copied.
    #[test]
    fn lists_are_bounded() {
        let many = format!("[{}\"last\"]", "\"x\",".repeat(5 * MOST));
        let Member::Given(List(texts)) = serde_json::from_str::<Member<List<Text<'_>>>>(&many).unwrap()
        else {
            panic!("it is a list");
        };
        assert_eq!(texts.len(), MOST);
        assert!(matches!(&texts[0], Member::Given(Cow::Borrowed("x"))));
    }
}
