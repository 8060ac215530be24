//! Names of entries: RFC 4514, with the blanks around commas and equals signs that clients of the national directory send.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::schema::{Rule, attribute};

/// The longest name that is read.
const LONGEST: usize = 2_000;
/// How many parts a name has at most; the longest here has five.
const DEEPEST: usize = 16;

/// What is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no name as RFC 4514 has it")]
pub(super) struct NoName;

/// One part: an attribute and its value. Names below one another share the parts above.
#[derive(Debug)]
pub(super) struct Rdn {
    /// The name of the attribute as the schema spells it.
    pub(super) attribute: Cow<'static, str>,
    /// Both as they stand in a name. RFC 4514 2.3.
    text: String,
    /// The value as it was given, where it stands otherwise in the text.
    given: Option<String>,
    /// What [`Rdn::normal`] gives, once it was asked for.
    normal: OnceLock<String>,
}

impl Rdn {
    fn new(attribute: Cow<'static, str>, value: &str) -> Self {
        let escaped = escaped(value);
        let mut text = String::with_capacity(attribute.len() + 1 + escaped.len());
        text.push_str(&attribute);
        text.push('=');
        text.push_str(&escaped);
        let given = matches!(escaped, Cow::Owned(_)).then(|| value.to_owned());
        Self { attribute, text, given, normal: OnceLock::new() }
    }

    /// The value as it was given.
    pub(super) fn value(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.text[self.attribute.len() + 1..])
    }

    /// Both in one text that is the same for equal parts.
    fn normal(&self) -> &str {
        self.normal.get_or_init(|| {
            let rule = attribute(&self.attribute).and_then(|one| one.equality).unwrap_or(Rule::CaseIgnore);
            let value = rule.prepared(self.value()).unwrap_or_else(|| self.value().to_owned());
            format!("{}={}", self.attribute.to_ascii_lowercase(), escaped(&value))
        })
    }

    /// Whether both are equal, however they are written. Most are written alike, and what is written alike need not be prepared.
    fn is(&self, other: &Self) -> bool {
        self == other
            || self.attribute.eq_ignore_ascii_case(&other.attribute) && self.normal() == other.normal()
    }
}

impl PartialEq for Rdn {
    /// Whether both are written alike: no attribute has an equals sign, so the text says which it is and which value.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Rdn {}

/// The name of an entry, its own part first; the root's has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dn(pub(super) Vec<Arc<Rdn>>);

impl Dn {
    /// Reads a name. Parts of several values joined by a plus sign are none here, since no entry has such a name.
    pub(super) fn parse(text: &str) -> Result<Self, NoName> {
        if text.len() > LONGEST {
            return Err(NoName);
        }
        let mut parts = Vec::new();
        // Not at its end: a blank there may be escaped.
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or(NoName)?;
            let name = name.trim();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            if name.is_empty() || !name.bytes().all(plain) || parts.len() == DEEPEST {
                return Err(NoName);
            }
            let (value, after) = value(after.trim_start())?;
            let attribute = match attribute(name) {
                Some(one) => Cow::Borrowed(one.name()),
                None => Cow::Owned(name.to_owned()),
            };
            parts.push(Arc::new(Rdn::new(attribute, &value)));
            rest = match after {
                None => "",
                // A comma with nothing behind it.
                Some(after) if after.trim().is_empty() => return Err(NoName),
                Some(after) => after.trim_start(),
            };
        }
        Ok(Self(parts))
    }

    /// A name below another.
    pub(super) fn below(&self, attribute: &'static str, value: impl AsRef<str>) -> Self {
        let mut parts = Vec::with_capacity(self.0.len() + 1);
        parts.push(Arc::new(Rdn::new(Cow::Borrowed(attribute), value.as_ref())));
        parts.extend(self.0.iter().cloned());
        Self(parts)
    }

    /// The name above; none of the root.
    pub(super) fn above(&self) -> Option<Self> {
        self.0.split_first().map(|(_, above)| Self(above.to_vec()))
    }

    /// One text that is the same for equal names.
    pub(super) fn normal(&self) -> String {
        let parts: Vec<&str> = self.0.iter().map(|part| part.normal()).collect();
        parts.join(",")
    }

    /// How many parts lie between this name and one above it, or equal; `None` if it is not below.
    pub(super) fn depth_below(&self, base: &Self) -> Option<usize> {
        let between = self.0.len().checked_sub(base.0.len())?;
        let same = self.0[between..].iter().zip(&base.0).all(|(one, other)| one.is(other));
        same.then_some(between)
    }

    /// What it is written of: its parts and the commas between them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().enumerate().flat_map(|(at, part)| [if at == 0 { "" } else { "," }, part.text.as_str()])
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts().try_for_each(|text| f.write_str(text))
    }
}

/// The value before the next comma, and what follows it. RFC 4514 3.
fn value(text: &str) -> Result<(String, Option<&str>), NoName> {
    if let Some(quoted) = text.strip_prefix('"') {
        // RFC 2253 4: as the version before wrote values.
        let (inside, after) = quoted.split_once('"').ok_or(NoName)?;
        let after = after.trim_start();
        return match after.strip_prefix([',', ';']) {
            Some(after) => Ok((inside.to_owned(), Some(after))),
            None if after.is_empty() => Ok((inside.to_owned(), None)),
            None => Err(NoName),
        };
    }
    if text.starts_with('#') {
        return Err(NoName);
    }
    let mut octets = Vec::with_capacity(text.len());
    // How much of what was read is kept even if it ends in blanks: those that were escaped.
    let mut kept = 0;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ',' | ';' => return Ok((trimmed(octets, kept)?, Some(&text[at + 1..]))),
            '+' | '"' => return Err(NoName),
            '\\' => {
                let (_, first) = characters.next().ok_or(NoName)?;
                if first.is_ascii_hexdigit() {
                    let (_, second) = characters.next().ok_or(NoName)?;
                    let pair: String = [first, second].into_iter().collect();
                    octets.push(u8::from_str_radix(&pair, 16).map_err(|_| NoName)?);
                } else {
                    octets.extend(first.encode_utf8(&mut [0; 4]).as_bytes());
                }
                kept = octets.len();
            }
            other => octets.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok((trimmed(octets, kept)?, None))
}

/// Without the blanks at its end that were not escaped.
fn trimmed(octets: Vec<u8>, kept: usize) -> Result<String, NoName> {
    let text = String::from_utf8(octets).map_err(|_| NoName)?;
    let end = text.trim_end().len().max(kept);
    if text.is_empty() { Err(NoName) } else { Ok(text[..end].to_owned()) }
}

/// A value as it stands in a name. RFC 4514 2.4.
fn escaped(value: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| !matches!(byte, b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | 0);
    if value.bytes().all(is_plain) && !value.starts_with([' ', '#']) && !value.ends_with(' ') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        let special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || at == 0 && matches!(character, ' ' | '#')
            || at == last && character == ' ';
        if character == '\0' {
            text.push_str("\\00");
            continue;
        }
        if special {
            text.push('\\');
        }
        text.push(character);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names are equal whatever their blanks and letters; what RFC 4514 does not know is no name.
    #[test]
    fn names_are_read() {
        let read = |text: &str| Dn::parse(text).unwrap();
        assert_eq!(read(" UID = 1 , OU=People,o=nhs").normal(), "uid=1,ou=people,o=nhs");
        assert_eq!(read("0.9.2342.19200300.100.1.1=1").to_string(), "uid=1");
        assert_eq!(read("o=A\\, B\\20\\ ").0[0].value(), "A, B  ");
        assert_eq!(read("o=\"A, B\",o=nhs").0[0].value(), "A, B");
        assert_eq!(read("").0.len(), 0);
        assert_eq!(read("ou=services, o=nhs").depth_below(&read("O=NHS")), Some(1));
        assert_eq!(read("o=nhs").depth_below(&read("o=other")), None);
        for bad in ["nhs", "o=", "o=nhs,", "=x", "o=a+b=c", "o=#04", "o=a\\", "o=a\\z1\"", "o=\"a", "o=a\\c3"]
        {
            assert_eq!(Dn::parse(bad), Err(NoName), "{bad}");
        }
        assert_eq!(Dn::parse(&"o=x,".repeat(30)), Err(NoName));
    }

    /// Names that are written otherwise are equal all the same, and each has the value that it was given.
    #[test]
    fn parts_are_shared_and_compared() {
        let above = Dn::parse("ou=People,o=nhs").unwrap();
        let name = above.below("uid", "1").below("uniqueIdentifier", "a, b");
        assert_eq!(name.to_string(), "uniqueIdentifier=a\\, b,uid=1,ou=People,o=nhs");
        assert_eq!(name.0[0].value(), "a, b");
        let other = Dn::parse("UNIQUEIDENTIFIER=A\\,  B,UID=1,OU=people,O=NHS").unwrap();
        assert_ne!(name, other);
        assert_eq!((name.depth_below(&other), other.depth_below(&name)), (Some(0), Some(0)));
        assert_eq!(name.normal(), other.normal());
        assert_eq!(other.depth_below(&above), Some(2));
        assert_eq!(above.below("sn", "1").depth_below(&above.below("cn", "1")), None);
        assert_eq!(name.above().and_then(|name| name.above()), Some(above));
    }

    proptest! {
        /// Whatever a value is, the name that shows it reads back as it.
        #[test]
        fn shown_names_read_back(value in "\\PC{1,40}") {
            prop_assume!(!value.trim().is_empty() && value.trim() == value);
            let name = Dn::parse("o=nhs").unwrap().below("o", value);
            prop_assert_eq!(Dn::parse(&name.to_string()), Ok(name));
        }
    }
}
