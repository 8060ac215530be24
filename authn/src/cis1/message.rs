//! Messages of the agent: a `gpOBJECT` with parameters, each on a line of its own, which is how agents look for them.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::xml;

/// How many parameters are read: more than any agent sends.
const MOST: usize = 64;

/// What an agent says.
#[derive(Debug)]
pub(crate) struct Message(Vec<(String, String)>);

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    /// For this reason.
    pub(super) fn because(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Where in a message the reader is.
enum Place {
    Before,
    Inside,
    Parameter(String, String),
    After,
}

impl Message {
    /// Reads one. A document type may be named, as agents do, and defines nothing: no entity is known but the five of XML.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::because("The message is not UTF-8."))?;
        let mut reader = Reader::from_str(text.trim_start());
        let (mut found, mut place) = (Self(Vec::new()), Place::Before);
        loop {
            let event = reader.read_event().map_err(|_| Unreadable::because("The message is not XML."))?;
            place = match (event, place) {
                (Event::Eof, Place::After) => return Ok(found),
                (Event::Eof, _) => return Err(Unreadable::because("The message ends too early.")),
                (Event::Decl(_) | Event::Comment(_) | Event::PI(_), place) => place,
                (Event::DocType(declared), Place::Before) if !declared.contains('[') => Place::Before,
                (Event::DocType(_), _) => {
                    return Err(Unreadable::because("The message defines entities, which is not taken."));
                }
                (Event::Start(element), Place::Before) if name_of(&element) == "gpOBJECT" => Place::Inside,
                (Event::Start(element), Place::Inside) if name_of(&element) == "gpPARAM" => {
                    Place::Parameter(parameter(&element)?, String::new())
                }
                (Event::Empty(element), Place::Inside) if name_of(&element) == "gpPARAM" => {
                    found.keep(parameter(&element)?, "")?;
                    Place::Inside
                }
                (Event::End(_), Place::Parameter(name, text)) => {
                    found.keep(name, text.trim())?;
                    Place::Inside
                }
                (Event::End(_), Place::Inside) => Place::After,
                (Event::Text(text), place) => said(&text.xml10_content(), place)?,
                (Event::CData(text), place @ Place::Parameter(..)) => said(&text.xml10_content(), place)?,
                (Event::GeneralRef(reference), place @ Place::Parameter(..)) => {
                    said(&referred(&reference)?, place)?
                }
                _ => return Err(Unreadable::because("The message is not a gpOBJECT of gpPARAMs.")),
            };
        }
    }

    fn keep(&mut self, name: String, text: &str) -> Result<(), Unreadable> {
        if self.0.len() >= MOST {
            return Err(Unreadable::because("The message has too many parameters."));
        }
        if self.0.iter().any(|(given, _)| *given == name) {
            return Err(Unreadable::because("A parameter of the message came more than once."));
        }
        if text.contains('\0') {
            return Err(Unreadable::because("A parameter of the message holds the character U+0000."));
        }
        self.0.push((name, text.to_owned()));
        Ok(())
    }

    /// Every parameter, by its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A parameter; empty where it was left out.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, text)| text.as_str())
    }
}

fn name_of(element: &BytesStart<'_>) -> String {
    element.local_name().into_inner().to_owned()
}

fn parameter(element: &BytesStart<'_>) -> Result<String, Unreadable> {
    let unreadable = || Unreadable::because("A parameter of the message has no name.");
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| unreadable())?;
        if attribute.key.local_name().into_inner() == "name" {
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| unreadable())?;
            return Ok(value.into_owned());
        }
    }
    Err(unreadable())
}

fn said(more: &str, place: Place) -> Result<Place, Unreadable> {
    match place {
        Place::Parameter(name, mut text) => {
            text.push_str(more);
            Ok(Place::Parameter(name, text))
        }
        place if more.trim().is_empty() => Ok(place),
        _ => Err(Unreadable::because("The message has text outside of its parameters.")),
    }
}

fn referred(reference: &BytesRef<'_>) -> Result<String, Unreadable> {
    let name: &str = reference;
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) if resolve_xml_entity(name).is_some() => {
            Ok(resolve_xml_entity(name).unwrap_or_default().to_owned())
        }
        _ => Err(Unreadable::because("The message refers to something that is not known.")),
    }
}

/// What an agent is told.
#[derive(Debug)]
pub(crate) struct Answer(String);

impl Answer {
    /// An answer of the server with this origin.
    pub(crate) fn new(origin: &str) -> Self {
        Self(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE USER SYSTEM \"{origin}/login/dtd\">\n<gpOBJECT>\n"
        ))
    }

    /// The same with one more parameter.
    #[must_use]
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        self.with_attributes(name, &[], text)
    }

    /// The same with one more parameter that has attributes beside its name.
    #[must_use]
    pub(crate) fn with_attributes(mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> Self {
        self.0.push_str("<gpPARAM");
        for (name, value) in [("name", name)].iter().chain(attributes) {
            xml::attribute(&mut self.0, name, value);
        }
        self.0.push('>');
        xml::content(&mut self.0, text);
        self.0.push_str("</gpPARAM>\n");
        self
    }

    /// As it is sent.
    pub(crate) fn text(mut self) -> String {
        self.0.push_str("</gpOBJECT>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as agents send it: a document type that is only named, parameters, blanks around them.
    const SENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n    <!DOCTYPE USER SYSTEM \"gpOBJECT.DTD\">\n    <gpOBJECT>\n    \
                        <gpPARAM name=\"auth_method\">3</gpPARAM>\n    <gpPARAM name=\"app_url\">NHST &amp; &#65;</gpPARAM>\n    \
                        <gpPARAM name=\"response\" encoding=\"base64\">\n      QUJD\n    </gpPARAM><gpPARAM name=\"empty\"/></gpOBJECT>\n";

    /// What an agent sends is read, and what an answer says can be found in it line by line.
    #[test]
    fn messages_are_read() {
        let message = Message::read(SENT.as_bytes()).unwrap();
        assert_eq!((message.get("auth_method"), message.get("response")), ("3", "QUJD"));
        assert_eq!((message.get("app_url"), message.get("empty"), message.get("none")), ("NHST & A", "", ""));
        let answer = Answer::new("https://id.example.org").with("cn", "Okafor Ada Dr").with_attributes(
            "nhsjobrole0",
            &[("id", "1"), ("orgcode", "Z1")],
            "A & B, \"C\":\"D\":\"E\"",
        );
        insta::assert_snapshot!(answer.text(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE USER SYSTEM "https://id.example.org/login/dtd">
        <gpOBJECT>
        <gpPARAM name="cn">Okafor Ada Dr</gpPARAM>
        <gpPARAM name="nhsjobrole0" id="1" orgcode="Z1">A &amp; B, "C":"D":"E"</gpPARAM>
        </gpOBJECT>
        "#);
    }

    /// Entities, other elements, text in the wrong place, what comes twice or never ends are refused.
    #[test]
    fn nonsense_is_not_read() {
        let with = |inner: &str| format!("<gpOBJECT>{inner}</gpOBJECT>");
        let many: Vec<String> = (0..=MOST).map(|at| format!("<gpPARAM name=\"p{at}\">x</gpPARAM>")).collect();
        for wrong in [
            String::new(),
            "<gpOBJECT>".to_owned(),
            "<other/>".to_owned(),
            "<!DOCTYPE a [<!ENTITY x \"y\">]><gpOBJECT/>".to_owned(),
            "<!DOCTYPE a SYSTEM \"x\"><gpOBJECT><gpPARAM name=\"a\">&x;</gpPARAM></gpOBJECT>".to_owned(),
            with("<gpPARAM>x</gpPARAM>"),
            with("<gpPARAM name=\"a\">x</gpPARAM><gpPARAM name=\"a\">y</gpPARAM>"),
            with("<gpPARAM name=\"a\"><b/></gpPARAM>"),
            with("text"),
            with("<gpPARAM name=\"a\">&#0;</gpPARAM>"),
            with(&many.concat()),
            format!("{}<gpOBJECT></gpOBJECT>", with("")),
        ] {
            assert!(Message::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Message::read(&[0xff, 0xfe]).is_err());
        platform::hammer::hammer(SENT.as_bytes(), 500, |bytes| drop(Message::read(bytes))).unwrap();
    }
}
