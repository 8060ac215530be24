//! Large XML files of others, read piece by piece.
//!
//! Memory is bounded by one piece: an element that is taken whole may hold [`LARGEST`] bytes and no more. Every fault names
//! its line. Documents with a DTD are refused: it could define entities without end.

use std::io::{BufRead, Error as IoError, Read, Result as IoResult};

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

/// How many bytes one piece may have.
pub(crate) const LARGEST: usize = 4 * 1024 * 1024;
/// How deep elements may lie in a piece.
const DEEPEST: usize = 16;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, the first being 1.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) sentence: String,
}

/// An element taken whole.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name, without prefix.
    pub(crate) name: String,
    /// Its attributes.
    attributes: Vec<(String, String)>,
    /// The text in it, without that of elements in it.
    text: String,
    /// The elements in it.
    pub(crate) children: Vec<Node>,
    /// Where it begins.
    pub(crate) line: u64,
}

impl Node {
    /// An attribute without the blanks around it; none if nothing is left.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.0 == name);
        found.map(|attribute| attribute.1.trim()).filter(|value| !value.is_empty())
    }

    /// The first element of this name in it.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements of this name in an element of it that groups them.
    pub(crate) fn grouped<'a>(&'a self, group: &str, name: &'a str) -> impl Iterator<Item = &'a Self> {
        let children = self.child(group).map_or(&[][..], |group| &group.children);
        children.iter().filter(move |child| child.name == name)
    }

    /// What it says: its attribute `value`, or its text.
    pub(crate) fn value(&self) -> Option<&str> {
        let text = Some(self.text.trim()).filter(|text| !text.is_empty());
        self.attribute("value").or(text)
    }

    /// What its element of this name says.
    pub(crate) fn value_of(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Self::value)
    }
}

/// The beginning of an element.
#[derive(Debug)]
pub(crate) struct Start {
    node: Node,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// The element ended where it began.
    Empty,
    /// More of it follows.
    Follows,
}

impl Start {
    /// The name, without prefix.
    pub(crate) fn name(&self) -> &str {
        &self.node.name
    }

    /// Whether anything is in it: [`Document::next_child`] gives that next, unless it is taken or passed over.
    pub(crate) fn has_content(&self) -> bool {
        self.body == Body::Follows
    }
}

/// What comes next.
enum Token {
    Start(Start),
    Text(String),
    End,
    Eof,
}

/// A document that is being read.
pub(crate) struct Document<R> {
    reader: NsReader<Lines<R>>,
    buffer: Vec<u8>,
    namespace: &'static str,
}

impl<R: BufRead> Document<R> {
    /// Reads up to the root element, which is one of these and belongs to the namespace.
    pub(crate) fn open(reader: R, namespace: &'static str, roots: &[&str]) -> Result<Self, Fault> {
        let lines = Lines { inner: reader, line: 1, left: LARGEST };
        let mut document = Self { reader: NsReader::from_reader(lines), buffer: Vec::new(), namespace };
        loop {
            match document.token(Place::Root)? {
                Token::Start(start) if roots.contains(&start.name()) && start.body == Body::Follows => {
                    return Ok(document);
                }
                Token::Start(start) => {
                    let name = start.name();
                    return Err(document.fault(format!(
                        "the root element is {name}; expected {} with content",
                        roots.join(" or ")
                    )));
                }
                Token::Text(text) if text.trim().is_empty() => {}
                _ => return Err(document.fault("this is not an XML document")),
            }
        }
    }

    /// The next element in the one that is open; `None` where that ends.
    pub(crate) fn next_child(&mut self) -> Result<Option<Start>, Fault> {
        self.reader.get_mut().left = LARGEST;
        loop {
            match self.token(Place::Inside)? {
                Token::Start(start) => return Ok(Some(start)),
                Token::End => return Ok(None),
                Token::Text(_) => {}
                Token::Eof => return Err(self.fault("the file ends in the middle of its elements")),
            }
        }
    }

    /// Takes an element whole.
    pub(crate) fn take(&mut self, start: Start) -> Result<Node, Fault> {
        self.reader.get_mut().left = LARGEST;
        if start.body == Body::Empty {
            return Ok(start.node);
        }
        let mut open = vec![start.node];
        loop {
            let token = self.token(Place::Inside)?;
            let Some(node) = open.last_mut() else {
                return Err(self.fault("an element ends that did not begin"));
            };
            match token {
                Token::Text(text) => node.text.push_str(&text),
                Token::Start(Start { node: child, body: Body::Empty }) => node.children.push(child),
                Token::Start(_) if open.len() >= DEEPEST => {
                    return Err(self.fault(format!("elements lie more than {DEEPEST} deep")));
                }
                Token::Start(start) => open.push(start.node),
                Token::End => {
                    let Some(node) = open.pop() else { continue };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Ok(node),
                    }
                }
                Token::Eof => return Err(self.fault("the file ends in the middle of an element")),
            }
        }
    }

    /// Passes over an element, whatever its size.
    pub(crate) fn skip(&mut self, start: &Start) -> Result<(), Fault> {
        let mut depth = usize::from(start.body == Body::Follows);
        while depth > 0 {
            self.reader.get_mut().left = LARGEST;
            match self.token(Place::Inside)? {
                Token::Start(start) => depth += usize::from(start.body == Body::Follows),
                Token::End => depth -= 1,
                Token::Text(_) => {}
                Token::Eof => return Err(self.fault("the file ends in the middle of an element")),
            }
        }
        Ok(())
    }

    /// Reads to the end of the file, after the root element has ended.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        loop {
            match self.token(Place::Inside)? {
                Token::Eof => return Ok(()),
                Token::Text(text) if text.trim().is_empty() => {}
                _ => return Err(self.fault("something follows the root element")),
            }
        }
    }

    /// A fault at the present line.
    pub(crate) fn fault(&self, sentence: impl Into<String>) -> Fault {
        Fault { line: self.reader.get_ref().line, sentence: sentence.into() }
    }

    fn token(&mut self, place: Place) -> Result<Token, Fault> {
        loop {
            self.buffer.clear();
            let line = self.reader.get_ref().line;
            let fault = |sentence: String| Fault { line, sentence };
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => {
                    let line = self.reader.get_ref().line;
                    return Err(Fault { line, sentence: format!("the XML cannot be read on: {error}") });
                }
            };
            return match event {
                Event::Start(element) => {
                    check_namespace(&self.reader, &element, self.namespace, place).map_err(fault)?;
                    let node = begun(&element, line).map_err(fault)?;
                    Ok(Token::Start(Start { node, body: Body::Follows }))
                }
                Event::Empty(element) => {
                    check_namespace(&self.reader, &element, self.namespace, place).map_err(fault)?;
                    let node = begun(&element, line).map_err(fault)?;
                    Ok(Token::Start(Start { node, body: Body::Empty }))
                }
                Event::End(_) => Ok(Token::End),
                Event::Text(text) => Ok(Token::Text(text.xml10_content().into_owned())),
                Event::CData(text) => Ok(Token::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(reference) => Ok(Token::Text(referred(&reference).map_err(fault)?)),
                Event::Eof => Ok(Token::Eof),
                Event::DocType(_) => {
                    Err(fault("a DTD is not taken; send the file without DOCTYPE".to_owned()))
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => continue,
            };
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The root must belong to the namespace.
    Root,
    /// What is in it belongs to it, or to none: both forms are published.
    Inside,
}

fn check_namespace<R>(
    reader: &NsReader<R>,
    element: &BytesStart<'_>,
    expected: &str,
    place: Place,
) -> Result<(), String> {
    let name = element.local_name().into_inner();
    match reader.resolver().resolve_element(element.name()).0 {
        ResolveResult::Bound(namespace) if namespace.into_inner() == expected => Ok(()),
        ResolveResult::Unbound if place == Place::Inside => Ok(()),
        ResolveResult::Bound(namespace) => Err(format!(
            "the element {name} is of the namespace {}, which is not known; expected {expected}",
            namespace.into_inner()
        )),
        ResolveResult::Unbound => Err(format!("the element {name} is of no namespace; expected {expected}")),
        ResolveResult::Unknown(prefix) => {
            Err(format!("the prefix {prefix} of the element {name} is not declared"))
        }
    }
}

fn begun(element: &BytesStart<'_>, line: u64) -> Result<Node, String> {
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("an attribute cannot be read: {error}"))?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| format!("an attribute cannot be read: {error}"))?;
        attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
    }
    let name = element.local_name().into_inner().to_owned();
    Ok(Node { name, attributes, line, ..Node::default() })
}

/// What a reference stands for: a character, or one of the five entities of XML.
fn referred(reference: &BytesRef<'_>) -> Result<String, String> {
    let name: &str = reference;
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => match resolve_xml_entity(name) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("the entity {name} is not known")),
        },
        Err(error) => Err(format!("a reference to a character cannot be read: {error}")),
    }
}

/// Counts lines, and gives up when a piece is too large.
struct Lines<R> {
    inner: R,
    line: u64,
    left: usize,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let available = self.fill_buf()?;
        let many = available.len().min(into.len());
        into[..many].copy_from_slice(&available[..many]);
        self.consume(many);
        Ok(many)
    }
}

impl<R: BufRead> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        if self.left == 0 {
            return Err(IoError::other(format!("one element has more than {LARGEST} bytes")));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, many: usize) {
        if let Ok(available) = self.inner.fill_buf() {
            let passed = &available[..many.min(available.len())];
            self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        }
        self.left = self.left.saturating_sub(many);
        self.inner.consume(many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "urn:example:things";

    fn first(text: &str) -> Result<Node, Fault> {
        let mut document = Document::open(text.as_bytes(), SPACE, &["Things"])?;
        let start = document.next_child()?.unwrap();
        let node = document.take(start)?;
        assert!(document.next_child()?.is_none());
        document.finish()?;
        Ok(node)
    }

    /// Prefixed and plain elements are read alike, entities are put in, and lines are counted.
    #[test]
    fn elements_are_taken_whole() {
        let text = "<?xml version=\"1.0\"?>\n<x:Things xmlns:x=\"urn:example:things\">\n <Thing id=' a&amp;b '>\n  \
                    <Name>One &amp; <![CDATA[<two>]]> &#163;</Name><Mark value=\"7\"/></Thing></x:Things>\n";
        let node = first(text).unwrap();
        assert_eq!((node.attribute("id"), node.line), (Some("a&b"), 3));
        assert_eq!((node.value_of("Name"), node.value_of("Mark")), (Some("One & <two> £"), Some("7")));
        assert_eq!((node.attribute("name"), node.value_of("Other")), (None, None));
    }

    /// A broken document, a foreign namespace, a DTD and an element without end are refused with their line.
    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, line: u64, words: &str| {
            let fault = first(text).unwrap_err();
            assert_eq!(fault.line, line, "{fault:?}");
            assert!(fault.sentence.contains(words), "{fault:?}");
        };
        let open = "<Things xmlns='urn:example:things'>";
        check(&format!("{open}\n<Thing>\n</Thong></Things>"), 3, "cannot be read on");
        check(&format!("{open}\n<Thing>"), 2, "ends in the middle");
        check(&format!("{open}\n<Thing xmlns='urn:other'/></Things>"), 2, "urn:other");
        check(&format!("{open}\n<Thing a='&none;'/></Things>"), 2, "attribute");
        check(&format!("{open}\n<Thing>&none;</Thing></Things>"), 2, "entity none");
        check("<Things/>", 1, "of no namespace");
        check("<Other xmlns='urn:example:things'></Other>", 1, "root element is Other");
        check(&format!("<!DOCTYPE x [<!ENTITY a 'b'>]>\n{open}</Things>"), 1, "DTD");
        check("", 1, "not an XML document");
        check("name,code\n", 2, "not an XML document");
        check(&format!("{open}<Thing/></Things>\n<More/>"), 2, "follows the root");
        let deep = "<Thing>".repeat(20);
        check(&format!("{open}{deep}"), 1, "deep");
    }

    /// An element that is larger than the bound is refused before it is read to its end; passing over one is not.
    #[test]
    fn large_elements_are_refused() {
        let large = "<Thing>x</Thing>".repeat(LARGEST / 10);
        let text = format!("<Things xmlns='urn:example:things'><Thing>{large}</Thing></Things>");
        assert!(first(&text).unwrap_err().sentence.contains("bytes"));
        let mut document = Document::open(text.as_bytes(), SPACE, &["Things"]).unwrap();
        let start = document.next_child().unwrap().unwrap();
        document.skip(&start).unwrap();
        assert!(document.next_child().unwrap().is_none());
        document.finish().unwrap();
    }
}
