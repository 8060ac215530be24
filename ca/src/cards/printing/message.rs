//! Messages of the Internet Printing Protocol, as far as printing one document needs them. RFC 8010 3.

/// Print-Job. RFC 8011 4.2.1.
pub(super) const PRINT_JOB: u16 = 0x0002;
/// Cancel-Job. RFC 8011 4.3.3.
pub(super) const CANCEL_JOB: u16 = 0x0008;
/// Get-Job-Attributes. RFC 8011 4.3.4.
pub(super) const GET_JOB_ATTRIBUTES: u16 = 0x0009;

// Tags. RFC 8010 3.5.
const OPERATION_ATTRIBUTES: u8 = 0x01;
const END: u8 = 0x03;
const LAST_DELIMITER: u8 = 0x0F;
const INTEGER: u8 = 0x21;
const NAME: u8 = 0x42;
const KEYWORD: u8 = 0x44;
const URI: u8 = 0x45;
const CHARSET: u8 = 0x47;
const LANGUAGE: u8 = 0x48;
const MEDIA_TYPE: u8 = 0x49;

/// A request, in the order in which its attributes have to stand (RFC 8011 4.1.4).
pub(super) struct Asking(Vec<u8>);

impl Asking {
    /// An operation at a printer.
    pub(super) fn new(operation: u16, printer: &str) -> Self {
        let mut octets = vec![0x02, 0x00];
        octets.extend_from_slice(&operation.to_be_bytes());
        octets.extend_from_slice(&1_u32.to_be_bytes());
        octets.push(OPERATION_ATTRIBUTES);
        let asking = Self(octets);
        let asking = asking.attribute(CHARSET, "attributes-charset", b"utf-8");
        let asking = asking.attribute(LANGUAGE, "attributes-natural-language", b"en");
        asking.attribute(URI, "printer-uri", printer.as_bytes())
    }

    /// About a job.
    pub(super) fn job(self, id: i32) -> Self {
        self.attribute(INTEGER, "job-id", &id.to_be_bytes())
    }

    /// In our name.
    pub(super) fn ours(self) -> Self {
        self.attribute(NAME, "requesting-user-name", b"lanyard")
    }

    /// For these attributes alone.
    pub(super) fn wanting(mut self, names: &[&str]) -> Self {
        for (at, name) in names.iter().enumerate() {
            // A further value of the same attribute has no name. RFC 8010 3.1.5.
            let attribute = if at == 0 { "requested-attributes" } else { "" };
            self = self.attribute(KEYWORD, attribute, name.as_bytes());
        }
        self
    }

    /// With a document.
    pub(super) fn document(self, name: &str, media: &str) -> Self {
        let named = self.attribute(NAME, "job-name", name.as_bytes());
        named.attribute(MEDIA_TYPE, "document-format", media.as_bytes())
    }

    /// Its octets, with those of a document behind them.
    pub(super) fn finish(mut self, document: &[u8]) -> Vec<u8> {
        self.0.push(END);
        self.0.extend_from_slice(document);
        self.0
    }

    fn attribute(mut self, tag: u8, name: &str, value: &[u8]) -> Self {
        self.0.push(tag);
        for part in [name.as_bytes(), value] {
            // Names are ours, and values are a line at most.
            let part = &part[..part.len().min(255)];
            self.0.extend_from_slice(&u16::try_from(part.len()).unwrap_or_default().to_be_bytes());
            self.0.extend_from_slice(part);
        }
        self
    }
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// RFC 8011 4.1.6.
    pub(super) status: u16,
    attributes: Vec<(String, Vec<u8>)>,
}

impl Answered {
    /// Reads an answer; none where it is none.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let (head, mut rest) = octets.split_at_checked(8)?;
        let status = u16::from_be_bytes([head[2], head[3]]);
        let (mut attributes, mut name) = (Vec::new(), String::new());
        loop {
            let (&tag, after) = rest.split_first()?;
            rest = after;
            if tag == END {
                return Some(Self { status, attributes });
            }
            if tag <= LAST_DELIMITER {
                continue;
            }
            let (said, after) = counted(rest)?;
            let (value, after) = counted(after)?;
            rest = after;
            if !said.is_empty() {
                name = String::from_utf8_lossy(said).into_owned();
            }
            attributes.push((name.clone(), value.to_vec()));
        }
    }

    /// Whether it was done. RFC 8011 4.1.6.1.
    pub(super) fn is_done(&self) -> bool {
        self.status < 0x0100
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        self.value(name)?.try_into().ok().map(i32::from_be_bytes)
    }

    /// A text that says something.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(self.value(name)?).into_owned();
        (!text.trim().is_empty()).then_some(text)
    }

    fn value(&self, name: &str) -> Option<&[u8]> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

/// Octets with their number in front.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_at_checked(2)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request is spelled as RFC 8010 has it, and an answer is read; one that is cut anywhere is none.
    #[test]
    fn messages_have_their_form() {
        let asked =
            Asking::new(GET_JOB_ATTRIBUTES, "ipp://localhost/printers/a").job(7).wanting(&["job-state", "x"]);
        let asked = asked.finish(b"");
        assert_eq!(asked[..9], [2, 0, 0, 9, 0, 0, 0, 1, 1]);
        assert!(
            asked.ends_with(b"\x44\x00\x14requested-attributes\x00\x09job-state\x44\x00\x00\x00\x01x\x03")
        );
        let said = b"\x02\x00\x00\x00\x00\x00\x00\x01\x01\x47\x00\x12attributes-charset\x00\x05utf-8\x02\x23\x00\x09job-state\x00\x04\x00\x00\x00\x09\x03";
        let read = Answered::read(said).unwrap();
        assert!(read.is_done());
        assert_eq!((read.number("job-state"), read.number("job-id")), (Some(9), None));
        assert_eq!(read.text("attributes-charset").as_deref(), Some("utf-8"));
        for end in 0..said.len() {
            assert_eq!(Answered::read(&said[..end]), None, "{end}");
        }
    }
}
