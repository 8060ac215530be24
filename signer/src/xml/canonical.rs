//! Exclusive canonical XML 1.0 without comments, of a whole tree (RFC 3741).
//!
//! Only the trees of this program come here: without comments, instructions and DTD, from their root down, and with no list
//! of prefixes. What is left of the standard is the order of attributes, where a namespace is declared, and which characters
//! are written as references (`docs/adr/0016-own-canonical-xml.md`).

use super::{Content, Element, Name};

/// The namespace of the prefix `xml`, which is never declared.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The canonical form, in UTF-8.
pub(crate) fn canonical(element: &Element) -> String {
    let mut out = String::new();
    write(element, &[], &mut out);
    out
}

/// A declaration that stands in an element around: prefix and namespace.
type Declared<'a> = (&'a str, &'a str);

fn write<'a>(element: &'a Element, above: &[Declared<'a>], out: &mut String) {
    let name = qualified(&element.name);
    out.push('<');
    out.push_str(&name);
    let mut declared = above.to_vec();
    // RFC 3741 3: a namespace is declared where its prefix is used and the nearest declaration around says something else.
    let mut new: Vec<Declared<'a>> = Vec::new();
    let used = element.attributes.iter().map(|attribute| &attribute.name);
    for used in used.filter(|name| !name.prefix.is_empty()).chain([&element.name]) {
        let declaration = (used.prefix.as_str(), used.namespace.as_str());
        if used.namespace != XML && in_force(&declared, declaration.0) != declaration.1 {
            declared.push(declaration);
            new.push(declaration);
        }
    }
    // Canonical XML 2.3: declarations first, ordered by prefix, the default one before all.
    new.sort_unstable();
    for (prefix, namespace) in new {
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.push_str(prefix);
        attribute(namespace, out);
    }
    // Canonical XML 2.3: attributes ordered by namespace, then by local name.
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    attributes.sort_unstable_by(|one, other| {
        (&one.name.namespace, &one.name.local).cmp(&(&other.name.namespace, &other.name.local))
    });
    for found in attributes {
        out.push(' ');
        out.push_str(&qualified(&found.name));
        attribute(&found.value, out);
    }
    out.push('>');
    for content in &element.content {
        match content {
            Content::Element(child) => write(child, &declared, out),
            Content::Text(text) => escape(text, Place::Text, out),
        }
    }
    out.push_str("</");
    out.push_str(&name);
    out.push('>');
}

/// What a prefix stands for here. Nothing is declared for the root, where no prefix means no namespace.
fn in_force<'a>(declared: &[Declared<'a>], prefix: &str) -> &'a str {
    declared.iter().rev().find(|(known, _)| *known == prefix).map_or("", |(_, namespace)| namespace)
}

fn qualified(name: &Name) -> String {
    if name.prefix.is_empty() { name.local.clone() } else { format!("{}:{}", name.prefix, name.local) }
}

fn attribute(value: &str, out: &mut String) {
    out.push_str("=\"");
    escape(value, Place::Attribute, out);
    out.push('"');
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Attribute,
    Text,
}

/// Canonical XML 2.3: which characters are written as references.
fn escape(text: &str, place: Place, out: &mut String) {
    for character in text.chars() {
        match (character, place) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('\r', _) => out.push_str("&#xD;"),
            ('>', Place::Text) => out.push_str("&gt;"),
            ('"', Place::Attribute) => out.push_str("&quot;"),
            ('\t', Place::Attribute) => out.push_str("&#x9;"),
            ('\n', Place::Attribute) => out.push_str("&#xA;"),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn check(text: &str, expected: &str) {
        let element = read(text.as_bytes(), 1 << 20).unwrap();
        assert_eq!(canonical(&element), expected);
        // What is canonical stays as it is.
        assert_eq!(canonical(&read(expected.as_bytes(), 1 << 20).unwrap()), expected);
    }

    /// Canonical XML 3.2 and 3.3: white space stays, attributes are ordered, empty elements get an end tag.
    #[test]
    fn examples_of_canonical_xml() {
        check(
            "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n</doc>",
            "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n</doc>",
        );
        check(
            "<doc><e1   /><e2   ></e2><e3   name = \"elem3\"   id=\"elem3\"   /><e5 a:attr='out' b:attr='sorted' attr2='all' \
             attr=\"I'm\" xmlns:b='http://www.ietf.org' xmlns:a='http://www.w3.org' xmlns='http://example.org'/></doc>",
            "<doc><e1></e1><e2></e2><e3 id=\"elem3\" name=\"elem3\"></e3><e5 xmlns=\"http://example.org\" \
             xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" \
             a:attr=\"out\"></e5></doc>",
        );
    }

    /// Canonical XML 3.4: what is written as a reference, and what is not.
    #[test]
    fn characters_are_written_in_one_way() {
        check(
            "<doc><text>First line&#x0d;&#10;Second &#233;</text><value>&#x32;</value><compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\
             <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; \"&lt;>'/></doc>"
                .replace("\"&lt;>'", "&quot;&lt;>'")
                .as_str(),
            "<doc><text>First line&#xD;\nSecond é</text><value>2</value><compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\
             <norm attr=\" '    &#xD;&#xA;&#x9;   ' &quot;&lt;>\"></norm></doc>",
        );
    }

    /// RFC 3741 2.2: a namespace that is not used where it is declared moves to where it is.
    #[test]
    fn namespaces_move_to_where_they_are_used() {
        check(
            "<n0:pdu xmlns:n0='http://a.example' xmlns:n1='http://b.example'><n1:elem2 xmlns:n3='ftp://example.org' \
             xml:lang='en'><n3:stuff/></n1:elem2></n0:pdu>",
            "<n0:pdu xmlns:n0=\"http://a.example\"><n1:elem2 xmlns:n1=\"http://b.example\" xml:lang=\"en\"><n3:stuff \
             xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2></n0:pdu>",
        );
        check(
            "<a><b xmlns='urn:b'><c/><d xmlns=''/></b><b xmlns='urn:b'/></a>",
            "<a><b xmlns=\"urn:b\"><c></c><d xmlns=\"\"></d></b><b xmlns=\"urn:b\"></b></a>",
        );
    }
}
