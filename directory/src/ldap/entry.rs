//! An entry of the directory, whatever part of the register it is made of.
//!
//! Its values lie one behind the other in one text, so that making an entry of fifty values takes a few pieces of memory and no fifty.
//! What follows from its name, which nearly nobody asks for, is made when it is asked for.

use std::fmt;
use std::slice;
use std::sync::{LazyLock, OnceLock};

use uuid::{Builder, Uuid};

use super::dn::Dn;
use super::schema::{AttributeType, SUBSCHEMA, attribute};

/// How many attributes and values there is room for at first, and octets of text.
const ATTRIBUTES: usize = 24;
const VALUES: usize = 32;
const TEXT: usize = 512;

/// An entry: its name and its attributes in the order in which they are shown, none of them without a value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) dn: Dn,
    attributes: Vec<Attribute>,
    /// Where in the text each value is; those of one attribute follow each other.
    spans: Vec<Span>,
    text: String,
    /// The name as text, and the unique id, once they were asked for.
    name: OnceLock<String>,
    id: OnceLock<String>,
}

/// Its name alone: the text may still have what was hidden.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("dn", &self.dn.to_string()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attribute {
    of: &'static AttributeType,
    held: Held,
}

/// Where the values of an attribute are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// From one span to before another.
    Spans(usize, usize),
    /// Words of the schema.
    Words(&'static [&'static str]),
    Word(&'static str),
    /// It is the name.
    Name,
    /// It is the unique id.
    Id,
}

/// Where a value is in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: usize,
    to: usize,
}

/// The types of what every entry has, in the order in which they are shown.
static OF_EVERY: LazyLock<[Option<&'static AttributeType>; 5]> = LazyLock::new(|| {
    ["objectClass", "structuralObjectClass", "entryDN", "entryUUID", "subschemaSubentry"].map(attribute)
});

impl Entry {
    /// An entry with its classes, the one that says what it is among them, and what every entry has.
    pub(super) fn new(dn: Dn, classes: &'static [&'static str], structural: &'static str) -> Self {
        let held =
            [Held::Words(classes), Held::Word(structural), Held::Name, Held::Id, Held::Word(SUBSCHEMA)];
        let mut attributes = Vec::with_capacity(ATTRIBUTES);
        for (of, held) in OF_EVERY.iter().zip(held) {
            let is_empty = match held {
                Held::Words(words) => words.is_empty(),
                // That of the root is.
                Held::Name => dn.0.is_empty(),
                _ => false,
            };
            if let Some(of) = *of
                && !is_empty
            {
                attributes.push(Attribute { of, held });
            }
        }
        Self {
            dn,
            attributes,
            spans: Vec::with_capacity(VALUES),
            text: String::with_capacity(TEXT),
            name: OnceLock::new(),
            id: OnceLock::new(),
        }
    }

    /// Adds values to an attribute; those that are empty are none. A name that the schema lacks adds nothing.
    pub(super) fn put(&mut self, name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        let Some(of) = attribute(name) else { return };
        let first = self.spans.len();
        for value in values {
            let from = self.text.len();
            self.text.push_str(value.as_ref());
            let to = self.text.len();
            if from < to {
                self.spans.push(Span { from, to });
            }
        }
        let end = self.spans.len();
        if first == end {
            return;
        }
        match self.place(of) {
            None => self.attributes.push(Attribute { of, held: Held::Spans(first, end) }),
            Some(place) => self.join(place, end - first),
        }
    }

    /// Puts so many values, which came last, behind those that an attribute has.
    fn join(&mut self, place: usize, many: usize) {
        let Held::Spans(_, behind) = self.attributes[place].held else {
            // What follows from something else has no other values.
            self.spans.truncate(self.spans.len() - many);
            return;
        };
        self.spans[behind..].rotate_right(many);
        for (at, one) in self.attributes.iter_mut().enumerate() {
            if let Held::Spans(from, to) = &mut one.held {
                if at == place {
                    *to += many;
                } else if *from >= behind {
                    *from += many;
                    *to += many;
                }
            }
        }
    }

    /// The same with another value of an attribute, in place of all that it has.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut entry = self.without(name);
        entry.put(name, [value]);
        entry
    }

    /// The same without an attribute.
    pub(super) fn without(mut self, name: &str) -> Self {
        if let Some(one) = attribute(name) {
            self.hide(one);
        }
        self
    }

    /// Takes an attribute away.
    pub(super) fn hide(&mut self, one: &AttributeType) {
        self.attributes.retain(|here| !std::ptr::eq(here.of, one));
    }

    /// The types of the attributes, in the order in which they are shown.
    pub(super) fn types(&self) -> impl Iterator<Item = &'static AttributeType> {
        self.attributes.iter().map(|here| here.of)
    }

    /// The place of an attribute among them.
    pub(super) fn place(&self, one: &AttributeType) -> Option<usize> {
        // There is one of each.
        self.attributes.iter().position(|here| std::ptr::eq(here.of, one))
    }

    /// The values of the attribute at a place.
    pub(super) fn at(&self, place: usize) -> Values<'_> {
        match self.attributes[place].held {
            Held::Spans(from, to) => Values::Spans(&self.text, self.spans[from..to].iter()),
            Held::Words(words) => Values::Words(words.iter()),
            Held::Word(word) => Values::One(Some(word)),
            Held::Name => Values::One(Some(self.name.get_or_init(|| self.dn.to_string()).as_str())),
            Held::Id => Values::One(Some(self.id.get_or_init(|| uuid_of(&self.dn).to_string()).as_str())),
        }
    }

    /// Whether it has an attribute.
    pub(super) fn has(&self, one: &AttributeType) -> bool {
        self.place(one).is_some()
    }

    /// The values of an attribute type.
    pub(super) fn of(&self, one: &AttributeType) -> Values<'_> {
        self.place(one).map_or(Values::One(None), |place| self.at(place))
    }

    /// The values of an attribute.
    pub(super) fn values(&self, name: &str) -> Values<'_> {
        attribute(name).map_or(Values::One(None), |one| self.of(one))
    }

    /// The first of them.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }
}

impl PartialEq for Entry {
    /// Whether both were made alike, whatever was asked of them since.
    fn eq(&self, other: &Self) -> bool {
        self.dn == other.dn
            && self.attributes == other.attributes
            && self.spans == other.spans
            && self.text == other.text
    }
}

impl Eq for Entry {}

/// Values of an attribute.
#[derive(Debug, Clone)]
pub(super) enum Values<'e> {
    /// In a text.
    Spans(&'e str, slice::Iter<'e, Span>),
    Words(slice::Iter<'static, &'static str>),
    One(Option<&'e str>),
}

impl<'e> Iterator for Values<'e> {
    type Item = &'e str;

    fn next(&mut self) -> Option<&'e str> {
        match self {
            Self::Spans(text, spans) => {
                let text = *text;
                spans.next().map(|span| &text[span.from..span.to])
            }
            Self::Words(words) => words.next().copied(),
            Self::One(one) => one.take(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let many = match self {
            Self::Spans(_, spans) => spans.len(),
            Self::Words(words) => words.len(),
            Self::One(one) => usize::from(one.is_some()),
        };
        (many, Some(many))
    }
}

impl ExactSizeIterator for Values<'_> {}

/// The unique id of an entry (RFC 4530): of its name, which is for life. A UUID of version 8 (RFC 9562 5.8) over SHA-256.
pub(super) fn uuid_of(dn: &Dn) -> Uuid {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, dn.normal().as_bytes());
    let mut octets = [0u8; 16];
    octets.copy_from_slice(&digest.as_ref()[..16]);
    Builder::from_custom_bytes(octets).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<'e>(entry: &'e Entry, name: &str) -> Vec<&'e str> {
        entry.values(name).collect()
    }

    /// Empty values are none, names are found in any spelling, and equal names have one unique id.
    #[test]
    fn entries_have_what_they_were_given() {
        let dn = Dn::parse("o=nhs").unwrap();
        let mut entry = Entry::new(dn, &["organization", "top"], "organization");
        entry.put("o", ["nhs", ""]);
        entry.put("description", [""]);
        entry.put("nhsNothing", ["x"]);
        assert_eq!(all(&entry, "O"), ["nhs"]);
        assert!(all(&entry, "description").is_empty() && all(&entry, "nhsNothing").is_empty());
        let id = uuid_of(&Dn::parse("O=NHS").unwrap()).to_string();
        assert_eq!(all(&entry, "entryUUID"), [id.as_str()]);
        assert_eq!(all(&entry, "entryDN"), ["o=nhs"]);
        assert_eq!(all(&entry, "structuralObjectClass"), ["organization"]);
        assert_eq!(all(&entry, "objectClass"), ["organization", "top"]);
        assert_eq!(entry.values("objectClass").len(), 2);
        assert_eq!(Entry::new(Dn::default(), &["top"], "top").first("entryDN"), None, "the root has no name");
    }

    /// Values that come later stand behind those that the attribute has, wherever those are, and nothing else moves; what is taken away
    /// is not there, and what is put in its place comes last.
    #[test]
    fn values_are_gathered() {
        let mut entry = Entry::new(Dn::parse("o=nhs").unwrap(), &["organization", "top"], "organization");
        for (name, value) in [("mail", "a"), ("o", "b"), ("l", "c"), ("o", "d"), ("mail", "e"), ("l", "f")] {
            entry.put(name, [value]);
        }
        let shown = |entry: &Entry| {
            let own = entry.types().enumerate().skip(5);
            let said = own.map(|(at, one)| format!("{} {}", one.name(), entry.at(at).collect::<String>()));
            said.collect::<Vec<_>>()
        };
        assert_eq!(shown(&entry), ["mail ae", "o bd", "l cf"]);
        let mut entry = entry.with("mail", "g");
        entry.put("o", ["h", "i"]);
        assert_eq!(shown(&entry), ["o bdhi", "l cf", "mail g"]);
        let hidden = entry.clone().without("ENTRYUUID").without("o");
        assert!(hidden.first("entryUUID").is_none() && hidden.first("o").is_none());
        let before = entry.clone();
        assert!(entry.first("entryUUID").is_some());
        assert_eq!(entry, before, "whatever was asked of it");
        assert_ne!(entry, hidden);
    }
}
