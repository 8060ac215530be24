//! The printed information. NIST SP 800-73-5 part 1, table 14.

use crate::tlv;

use super::{CHECK, MalformedObject, Object};

/// What is printed on the card, so that a reader can hold the one against the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrintedInformation {
    /// The holder's name.
    pub name: String,
    /// What the holder is to the organisation.
    pub affiliation: String,
    /// The last day, as YYYYMMMDD: 2029DEC31.
    pub expires: String,
    /// The card's number.
    pub serial: String,
    /// Who issued it.
    pub issuer: String,
    /// The organisation, in two lines.
    pub organisation: [String; 2],
}

/// Each text: its tag, and its longest length in octets.
const TEXTS: [(u32, usize); 7] =
    [(0x01, 125), (0x02, 20), (0x04, 9), (0x05, 20), (0x06, 15), (0x07, 20), (0x08, 20)];

const MALFORMED: MalformedObject = MalformedObject("printed information");

impl PrintedInformation {
    fn from_texts([name, affiliation, expires, serial, issuer, first, second]: [String; 7]) -> Self {
        Self { name, affiliation, expires, serial, issuer, organisation: [first, second] }
    }

    fn texts(&self) -> [&str; 7] {
        let [first, second] = &self.organisation;
        [&self.name, &self.affiliation, &self.expires, &self.serial, &self.issuer, first, second]
    }

    /// Reads one. What is not there is empty.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        let mut texts: [String; 7] = Default::default();
        for (text, (tag, longest)) in texts.iter_mut().zip(TEXTS) {
            let value = tlv::find(content, tag).map_err(MalformedObject::of(Object::PrintedInformation))?;
            let value = std::str::from_utf8(value.unwrap_or_default()).map_err(|_| MALFORMED)?;
            if !fits(value, longest) {
                return Err(MALFORMED);
            }
            value.clone_into(text);
        }
        Ok(Self::from_texts(texts))
    }

    /// Writes it; a text that is too long, or that cannot be printed, is refused.
    pub fn to_content(&self) -> Result<Vec<u8>, MalformedObject> {
        let mut content = Vec::new();
        for (text, (tag, longest)) in self.texts().into_iter().zip(TEXTS) {
            if !fits(text, longest) {
                return Err(MALFORMED);
            }
            // The second line of the organisation and the affiliation may be left out.
            if !text.is_empty() {
                tlv::append(&mut content, tag, text.as_bytes());
            }
        }
        tlv::append(&mut content, CHECK, &[]);
        Ok(content)
    }
}

fn fits(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.contains(char::is_control)
}

/// What is written reads back; what does not fit is not written, and control characters are not read.
#[test]
fn printed_information_reads_back() {
    let mut printed = PrintedInformation {
        name: "Zoë Example".to_owned(),
        expires: "2029DEC31".to_owned(),
        serial: "00000042".to_owned(),
        organisation: ["Example Trust".to_owned(), String::new()],
        ..PrintedInformation::default()
    };
    let content = printed.to_content().unwrap();
    assert_eq!(PrintedInformation::parse(&content), Ok(printed.clone()));
    assert!(PrintedInformation::parse(&[0x01, 1, 0x1B]).is_err());
    assert!(PrintedInformation::parse(&[0x01, 1, 0xFF]).is_err());
    printed.issuer = "much too long to be printed".to_owned();
    assert!(printed.to_content().is_err());
}
