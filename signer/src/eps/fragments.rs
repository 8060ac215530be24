//! The parts of a prescription that are signed, in their one order and form.

use super::{Fault, MOST_ITEMS, V3};
use crate::xml::{Attribute, Content, Element, Name, canonical};

/// What is signed of a prescription: who, for whom, when, which items. Nothing else is: not the nominated pharmacy, the
/// types of prescription and treatment, the responsible party, the short id and the status of the items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fragments {
    time: Element,
    id: Element,
    agent_person: Element,
    record_target: Element,
    line_items: Vec<Element>,
}

/// The parts as a reader found them.
pub(crate) struct Parts<'a> {
    pub(crate) time: &'a Element,
    /// The long id of the prescription.
    pub(crate) id: &'a Element,
    pub(crate) agent_person: &'a Element,
    pub(crate) record_target: &'a Element,
    pub(crate) line_items: Vec<&'a Element>,
}

impl Fragments {
    /// Brings the parts into their form; what could be read in two ways is refused.
    pub(crate) fn new(parts: &Parts<'_>) -> Result<Self, Fault> {
        if parts.line_items.is_empty() || parts.line_items.len() > MOST_ITEMS {
            let sentence = format!("a prescription has one to {MOST_ITEMS} items");
            return Err(Fault::at("pertinentLineItem", sentence));
        }
        let items = parts.line_items.iter().map(|item| plain(&without_what_changes(item)));
        Ok(Self {
            time: plain(parts.time)?,
            id: plain(parts.id)?,
            agent_person: plain(parts.agent_person)?,
            record_target: plain(parts.record_target)?,
            line_items: items.collect::<Result<_, _>>()?,
        })
    }

    /// Whose it is, whom it is for, and the items: what a person is shown of it.
    pub(super) fn seen(&self) -> (&Element, &Element, &[Element]) {
        (&self.agent_person, &self.record_target, &self.line_items)
    }

    /// The text that is hashed.
    pub(crate) fn canonical(&self) -> String {
        let fragment =
            |parts: Vec<&Element>| Element::new("", "Fragment").holding(parts.into_iter().cloned());
        let items = self.line_items.iter().map(|item| fragment(vec![item]));
        let all = Element::new("", "FragmentsToBeHashed")
            .holding([
                fragment(vec![&self.time, &self.id]),
                fragment(vec![&self.agent_person]),
                fragment(vec![&self.record_target]),
            ])
            .holding(items);
        canonical(&all)
    }
}

/// An item without what dispensing changes: which of the issues of a repeat it is, and its status.
fn without_what_changes(item: &Element) -> Element {
    let mut kept = Element { content: Vec::new(), ..item.clone() };
    for content in &item.content {
        match content {
            Content::Element(child) if is_part(item, child, "pertinentInformation4") => {}
            Content::Element(child) if is_part(item, child, "repeatNumber") => {
                kept.content.push(Content::Element(without_low(child)));
            }
            other => kept.content.push(other.clone()),
        }
    }
    kept
}

/// How often, without which of them it is.
fn without_low(repeat: &Element) -> Element {
    let is_low = |part: &Content| matches!(part, Content::Element(child) if is_part(repeat, child, "low"));
    let content = repeat.content.iter().filter(|part| !is_low(part)).cloned().collect();
    Element { content, ..repeat.clone() }
}

/// Whether it is the part of this name, and does not only look like it by another namespace.
fn is_part(whole: &Element, part: &Element, local: &str) -> bool {
    part.is_named(local) && part.name.namespace == whole.name.namespace
}

/// The same in the namespace of HL7 V3 without prefixes, without white space between elements, and with attributes on one line.
fn plain(element: &Element) -> Result<Element, Fault> {
    plain_in(&element.name.namespace, element)
}

/// The same, of a document in this namespace. In one that had both, a reader who looks at namespaces would miss what is signed.
fn plain_in(namespace: &str, element: &Element) -> Result<Element, Fault> {
    let local = &element.name.local;
    if element.name.namespace != namespace || !(namespace.is_empty() || namespace == V3) {
        return Err(Fault::at(local, "is of a namespace that is not signed"));
    }
    let mut attributes = Vec::with_capacity(element.attributes.len());
    for Attribute { name, value } in &element.attributes {
        // A prefix would bring a namespace into the signed text that the readers of today do not write there.
        if !name.namespace.is_empty() {
            return Err(Fault::at(local, format!("the attribute {} has a prefix", name.local)));
        }
        attributes.push(Attribute { name: Name::plain("", &name.local), value: on_one_line(value) });
    }
    let mut content = Vec::with_capacity(element.content.len());
    for part in &element.content {
        match part {
            Content::Element(child) => content.push(Content::Element(plain_in(namespace, child)?)),
            Content::Text(text) if text.trim().is_empty() => {}
            Content::Text(text) => content.push(Content::Text(text.clone())),
        }
    }
    Ok(Element { name: Name::plain(V3, local), attributes, content })
}

/// Tabs in a row, and each end of line, become a blank.
fn on_one_line(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\t' => {
                while characters.next_if_eq(&'\t').is_some() {}
                out.push(' ');
            }
            '\r' if characters.next_if_eq(&'\n').is_some() => out.push(' '),
            '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read;

    const ITEM: &str = "<i:pertinentLineItem xmlns:i='urn:hl7-org:v3' moodCode='RQO' classCode='SBADM'>\n <i:id root='B'/>\
        <i:repeatNumber>\n <i:low value='2'/><i:high value='6'/></i:repeatNumber>\
        <i:pertinentInformation4><i:status/></i:pertinentInformation4>\n<i:value>1 &amp; 2</i:value></i:pertinentLineItem>";

    fn fragments(item: &str) -> Result<String, Fault> {
        let part = |text: &str| read(text.as_bytes(), 10_000).unwrap();
        let (time, id) = (part("<time value='20261129170000'/>"), part("<id root='A'/>"));
        let (who, whom) =
            (part("<AgentPerson note='a\tb'/>"), part("<recordTarget><a> x </a> </recordTarget>"));
        let item = part(item);
        let parts =
            Parts { time: &time, id: &id, agent_person: &who, record_target: &whom, line_items: vec![&item] };
        Ok(Fragments::new(&parts)?.canonical())
    }

    /// The text has the order and form that is hashed everywhere; status and the low of a repeat are not in it.
    #[test]
    fn fragments_have_one_form() {
        let text = fragments(ITEM).unwrap();
        let expected = "<FragmentsToBeHashed><Fragment><time xmlns=\"urn:hl7-org:v3\" value=\"20261129170000\"></time>\
            <id xmlns=\"urn:hl7-org:v3\" root=\"A\"></id></Fragment><Fragment><AgentPerson xmlns=\"urn:hl7-org:v3\" note=\"a b\">\
            </AgentPerson></Fragment><Fragment><recordTarget xmlns=\"urn:hl7-org:v3\"><a> x </a></recordTarget></Fragment>\
            <Fragment><pertinentLineItem xmlns=\"urn:hl7-org:v3\" classCode=\"SBADM\" moodCode=\"RQO\"><id root=\"B\"></id>\
            <repeatNumber><high value=\"6\"></high></repeatNumber><value>1 &amp; 2</value></pertinentLineItem></Fragment>\
            </FragmentsToBeHashed>";
        assert_eq!(text, expected);
        // Another issue of the same repeat, with another status: the signature stays good.
        let later =
            ITEM.replace("low value='2'", "low value='3'").replace("<i:status/>", "<i:status code='0001'/>");
        assert_eq!(fragments(&later).unwrap(), expected);
        assert_ne!(fragments(&ITEM.replace("high value='6'", "high value='7'")).unwrap(), expected);
        for more in
            ["<i:repeatNumber nullFlavor='NI'>", "<i:repeatNumber><i:width value='9'/>", "<i:repeatNumber>9"]
        {
            assert_ne!(fragments(&ITEM.replace("<i:repeatNumber>", more)).unwrap(), expected, "{more}");
        }
    }

    /// Elements of another namespace and attributes with a prefix are refused, not passed over.
    #[test]
    fn foreign_names_are_refused() {
        let foreign = ITEM.replace("<i:id root='B'/>", "<id xmlns='urn:other' root='B'/>");
        assert!(fragments(&foreign).unwrap_err().to_string().contains("namespace"));
        for (from, to) in [
            ("<i:id root='B'/>", "<id root='B'/>"),
            ("<i:pertinentInformation4>", "<pertinentInformation4/><i:pertinentInformation4>"),
            ("<i:low value='2'/>", "<low value='2'/>"),
        ] {
            assert!(
                ITEM.contains(from)
                    && fragments(&ITEM.replace(from, to)).unwrap_err().to_string().contains("namespace")
            );
        }
        let prefixed = ITEM.replace("moodCode='RQO'", "xmlns:x='urn:x' x:moodCode='RQO'");
        assert!(fragments(&prefixed).unwrap_err().to_string().contains("prefix"));
    }

    /// Ends of lines and tabs in attributes become blanks, as signers have always done it.
    #[test]
    fn attributes_stand_on_one_line() {
        for (value, expected) in [("a\t\tb", "a b"), ("a\r\nb\n\nc", "a b  c"), ("a\rb", "a\rb"), ("", "")] {
            assert_eq!(on_one_line(value), expected, "{value:?}");
        }
    }
}
