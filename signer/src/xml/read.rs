//! Reading a document into a tree: whole, of bounded size and depth, without anything that a DTD could bring.

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, PrefixDeclaration, ResolveResult};

use super::{Attribute, Content, Element, Name};

/// How deep elements may lie.
const DEEPEST: usize = 64;
/// How many elements, attributes and texts a document may have.
const MOST_PARTS: usize = 200_000;
/// How many attributes an element may have: each is compared with the others.
const MOST_ATTRIBUTES: usize = 32;

/// Why a document was not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// Larger than is read.
    #[error("it has more than {most} octets")]
    TooLarge {
        /// How many it may have.
        most: usize,
    },
    /// Not UTF-8, which is the only encoding that is read.
    #[error("it is not UTF-8")]
    Encoding,
    /// The XML is not well-formed.
    #[error("the XML is not well-formed: {0}")]
    NotWellFormed(String),
    /// It has a DTD, which could define entities without end and name files elsewhere.
    #[error("it has a DTD, which is not read")]
    Dtd,
    /// An entity other than the five of XML.
    #[error("the entity {0} is not defined")]
    Entity(String),
    /// A processing instruction, which would be signed and is shown nowhere.
    #[error("it has a processing instruction, which is not read")]
    Instruction,
    /// A name, or a character, that is not taken.
    #[error("it has a name or a character that is not taken")]
    Characters,
    /// A prefix without a namespace.
    #[error("the prefix {0} is not declared")]
    Prefix(String),
    /// An attribute twice.
    #[error("an element has an attribute twice")]
    AttributeTwice,
    /// Elements too deep.
    #[error("elements lie more than {DEEPEST} deep")]
    TooDeep,
    /// Too many parts.
    #[error("it has too many elements or attributes")]
    TooMany,
    /// No root element, or more than one.
    #[error("it has not exactly one root element")]
    Root,
}

/// Reads a document of at most so many octets. White space and comments around the root are passed over.
pub(crate) fn read(octets: &[u8], most: usize) -> Result<Element, Unreadable> {
    if octets.len() > most {
        return Err(Unreadable::TooLarge { most });
    }
    let text = std::str::from_utf8(octets).map_err(|_| Unreadable::Encoding)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = NsReader::from_str(text);
    let mut tree = Tree::default();
    loop {
        let event = reader.read_event().map_err(|error| Unreadable::NotWellFormed(error.to_string()))?;
        match event {
            Event::Start(start) => tree.open(begun(&reader, &start)?)?,
            Event::Empty(start) => {
                tree.open(begun(&reader, &start)?)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.text(&referred(&reference)?)?,
            Event::Comment(_) => {}
            Event::Decl(declaration) => tree.declared(declaration.as_ref())?,
            Event::DocType(_) => return Err(Unreadable::Dtd),
            Event::PI(_) => return Err(Unreadable::Instruction),
            Event::Eof => return tree.finish(),
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    parts: usize,
    declared: bool,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), Unreadable> {
        if self.root.is_some() {
            return Err(Unreadable::Root);
        }
        if self.open.len() >= DEEPEST {
            return Err(Unreadable::TooDeep);
        }
        self.count(1 + element.attributes.len())?;
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        let element = self.open.pop().ok_or(Unreadable::Root)?;
        match self.open.last_mut() {
            Some(parent) => parent.content.push(Content::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Unreadable> {
        if !text.chars().all(is_character) {
            return Err(Unreadable::Characters);
        }
        self.count(1)?;
        let Some(parent) = self.open.last_mut() else {
            return if text.chars().all(is_blank) { Ok(()) } else { Err(Unreadable::Root) };
        };
        match parent.content.last_mut() {
            Some(Content::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parent.content.push(Content::Text(text.to_owned())),
        }
        Ok(())
    }

    /// XML 2.8: at most one declaration, before anything else; it may name no other encoding.
    fn declared(&mut self, text: &str) -> Result<(), Unreadable> {
        if self.declared || self.parts > 0 || self.root.is_some() {
            return Err(Unreadable::NotWellFormed("a declaration stands in the middle".to_owned()));
        }
        self.declared = true;
        let lower = text.to_ascii_lowercase();
        let utf8 = !lower.contains("encoding") || lower.contains("utf-8") || lower.contains("us-ascii");
        if utf8 { Ok(()) } else { Err(Unreadable::Encoding) }
    }

    fn count(&mut self, parts: usize) -> Result<(), Unreadable> {
        self.parts += parts;
        if self.parts > MOST_PARTS { Err(Unreadable::TooMany) } else { Ok(()) }
    }

    fn finish(self) -> Result<Element, Unreadable> {
        if self.open.is_empty() { self.root.ok_or(Unreadable::Root) } else { Err(Unreadable::Root) }
    }
}

/// The element that begins here, without its declarations of namespaces.
fn begun(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, Unreadable> {
    let qualified = start.name();
    let prefix = qualified.prefix().map(|prefix| prefix.into_inner().to_owned());
    let namespace = namespace(&reader.resolver().resolve_element(qualified).0)?;
    let name = named(namespace, qualified.local_name().into_inner(), prefix.unwrap_or_default())?;
    let mut element = Element { name, attributes: Vec::new(), content: Vec::new() };
    for (at, attribute) in start.attributes().enumerate() {
        if at >= MOST_ATTRIBUTES {
            return Err(Unreadable::TooMany);
        }
        let attribute = attribute.map_err(|error| Unreadable::NotWellFormed(error.to_string()))?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| Unreadable::NotWellFormed(error.to_string()))?;
        if !value.chars().all(is_character) || attribute.value.contains('<') {
            return Err(Unreadable::Characters);
        }
        match attribute.key.as_namespace_binding() {
            // Namespaces in XML 3: a prefix cannot be bound to nothing.
            Some(PrefixDeclaration::Named(prefix)) if value.is_empty() => {
                return Err(Unreadable::Prefix(prefix.to_owned()));
            }
            Some(_) => continue,
            None => {}
        }
        let prefix = attribute.key.prefix().map(|prefix| prefix.into_inner().to_owned());
        let resolved = reader.resolver().resolve_attribute(attribute.key).0;
        let local = attribute.key.local_name().into_inner();
        let name = named(self::namespace(&resolved)?, local, prefix.unwrap_or_default())?;
        let twice = element
            .attributes
            .iter()
            .any(|other| other.name.local == name.local && other.name.namespace == name.namespace);
        if twice {
            return Err(Unreadable::AttributeTwice);
        }
        element.attributes.push(Attribute { name, value: value.into_owned() });
    }
    Ok(element)
}

fn namespace(resolved: &ResolveResult<'_>) -> Result<String, Unreadable> {
    match resolved {
        ResolveResult::Bound(Namespace(namespace)) => Ok((*namespace).to_owned()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(Unreadable::Prefix((*prefix).clone())),
    }
}

/// Names are of ASCII: the formats that are read here have no others, and what all readers agree on is small.
fn named(namespace: String, local: &str, prefix: String) -> Result<Name, Unreadable> {
    let good = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.'))
    };
    if good(local) && (prefix.is_empty() || good(&prefix)) {
        Ok(Name { namespace, local: local.to_owned(), prefix })
    } else {
        Err(Unreadable::Characters)
    }
}

/// What a reference stands for: a character, or one of the five entities of XML.
fn referred(reference: &BytesRef<'_>) -> Result<String, Unreadable> {
    let name: &str = reference;
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => {
            resolve_xml_entity(name).map(str::to_owned).ok_or_else(|| Unreadable::Entity(name.to_owned()))
        }
        Err(error) => Err(Unreadable::NotWellFormed(error.to_string())),
    }
}

/// XML 2.3: white space.
fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' ')
}

/// XML 2.2: the characters that a document may hold.
pub(crate) fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Result<Element, Unreadable> {
        read(text.as_bytes(), 1 << 20)
    }

    /// Names are resolved, references put in, and text around a comment is one text.
    #[test]
    fn documents_are_read() {
        let text = "\u{FEFF}<?xml version='1.0' encoding='UTF-8'?>\n<!-- a -->\n<x:a xmlns:x='urn:x' b='1&amp;&#10;2'>\
                    <c xmlns='urn:c'>one<!-- -->&lt;two<![CDATA[ & three]]></c>\r\n</x:a>\n";
        let read = root(text).unwrap();
        assert_eq!((read.name.namespace.as_str(), read.name.prefix.as_str()), ("urn:x", "x"));
        assert_eq!(read.attribute("b"), Some("1&\n2"));
        let child = read.children().next().unwrap();
        assert_eq!((child.name.namespace.as_str(), child.text().as_str()), ("urn:c", "one<two & three"));
        assert_eq!(child.content.len(), 1, "a comment does not cut the text");
        assert_eq!(read.text(), "\n");
    }

    /// A DTD, entities of its own or from elsewhere, instructions, too much depth and whatever is not well-formed are refused.
    #[test]
    fn what_is_unsafe_is_refused() {
        let refused = |text: &str| root(text).unwrap_err();
        assert_eq!(refused("<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>"), Unreadable::Dtd);
        assert_eq!(refused("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), Unreadable::Dtd);
        assert_eq!(refused("<a>&b;</a>"), Unreadable::Entity("b".to_owned()));
        assert!(matches!(refused("<a b='&c;'/>"), Unreadable::NotWellFormed(_)));
        assert_eq!(refused("<?xml-stylesheet href='x'?><a/>"), Unreadable::Instruction);
        assert_eq!(refused("<?xml version='1.0' encoding='UTF-16'?><a/>"), Unreadable::Encoding);
        assert_eq!(refused(&"<a>".repeat(100)), Unreadable::TooDeep);
        assert_eq!(refused("<x:a/>"), Unreadable::Prefix("x".to_owned()));
        assert_eq!(refused("<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>"), Unreadable::AttributeTwice);
        assert_eq!(refused("<a>&#1;</a>"), Unreadable::Characters);
        assert_eq!(refused("<a b='<'/>"), Unreadable::Characters);
        assert_eq!(refused("<a/><b/>"), Unreadable::Root);
        assert_eq!(refused("<a/>b"), Unreadable::Root);
        assert_eq!(refused(""), Unreadable::Root);
        assert_eq!(refused("<a>"), Unreadable::Root);
        assert!(matches!(refused("<a></b>"), Unreadable::NotWellFormed(_)));
        assert!(matches!(refused("<a b='1' b='2'/>"), Unreadable::NotWellFormed(_)));
        assert_eq!(read(b"<a>\xFF</a>", 100), Err(Unreadable::Encoding));
        assert_eq!(read(&[b' '; 101], 100), Err(Unreadable::TooLarge { most: 100 }));
        assert_eq!(refused(&format!("<a>{}</a>", "<b/>".repeat(MOST_PARTS))), Unreadable::TooMany);
        let many: String = (0..40).fold(String::new(), |all, number| all + &format!(" b{number}=''"));
        assert_eq!(refused(&format!("<a{many}/>")), Unreadable::TooMany);
    }
}
