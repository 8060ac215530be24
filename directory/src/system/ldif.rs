//! LDIF (RFC 2849), read as a stream: one entry at a time, within bounds.

use std::io::{BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

/// The longest line of a file, before lines are joined.
const LONGEST_LINE: u64 = 64 * 1024;
/// The largest entry, in octets of its values.
const LARGEST: usize = 4 * 1024 * 1024;

/// An entry as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line at which it begins, the first being 1.
    pub(super) line: u64,
    /// Its name.
    pub(super) dn: String,
    /// Its attributes in their order, as they are spelled.
    pub(super) attributes: Vec<(String, String)>,
}

impl Entry {
    /// The values of an attribute, whatever the case of its name.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.attributes.iter().filter(move |(here, _)| here.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

/// Reads entries one by one.
pub(super) struct Entries<R> {
    reader: R,
    line: u64,
    /// A line that was read and belongs to what follows, with its number.
    ahead: Option<(u64, String)>,
}

impl<R: BufRead> Entries<R> {
    /// Reads from the beginning of a file.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: 0, ahead: None }
    }

    /// The next entry; `None` at the end of the file. A file that cannot be read on is refused with its line.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            let Some((line, first)) = self.past_blanks()? else { return Ok(None) };
            let (name, value) = attribute(line, &first)?;
            // RFC 2849: the version stands before the first entry.
            if name.eq_ignore_ascii_case("version") {
                if value.trim() != "1" {
                    return Err(at(line, "only version 1 of LDIF is read"));
                }
                continue;
            }
            if !name.eq_ignore_ascii_case("dn") {
                return Err(at(line, "an entry begins with dn:"));
            }
            return self.rest(Entry { line, dn: value, attributes: Vec::new() }).map(Some);
        }
    }

    /// The attributes of an entry, to the blank line or the end.
    fn rest(&mut self, mut entry: Entry) -> Result<Entry, Error> {
        let mut size = 0;
        while let Some((line, text)) = self.logical()? {
            if text.is_empty() {
                break;
            }
            let (name, value) = attribute(line, &text)?;
            if name.eq_ignore_ascii_case("changetype") {
                if value.trim().eq_ignore_ascii_case("add") {
                    continue;
                }
                return Err(at(line, "this is a file of changes; only entries and changetype: add are read"));
            }
            size += name.len() + value.len();
            if size > LARGEST {
                return Err(at(entry.line, "an entry has more than 4 MiB"));
            }
            entry.attributes.push((name, value));
        }
        Ok(entry)
    }

    /// The first line that is neither blank nor a comment, with its number.
    fn past_blanks(&mut self) -> Result<Option<(u64, String)>, Error> {
        while let Some((line, text)) = self.logical()? {
            if !text.is_empty() {
                return Ok(Some((line, text)));
            }
        }
        Ok(None)
    }

    /// A line with those that go on with it, which begin with a blank, and its number. Comments are passed over.
    fn logical(&mut self) -> Result<Option<(u64, String)>, Error> {
        loop {
            let ahead = self.ahead.take();
            let first = match ahead {
                Some(first) => Some(first),
                None => self.physical()?.map(|text| (self.line, text)),
            };
            let Some((line, mut whole)) = first else { return Ok(None) };
            while let Some(next) = self.physical()? {
                match next.strip_prefix(' ') {
                    Some(rest) if !whole.is_empty() => whole.push_str(rest),
                    _ => {
                        self.ahead = Some((self.line, next));
                        break;
                    }
                }
                if whole.len() > LARGEST {
                    return Err(at(self.line, "a value has more than 4 MiB"));
                }
            }
            if !whole.starts_with('#') {
                return Ok(Some((line, whole)));
            }
        }
    }

    fn physical(&mut self) -> Result<Option<String>, Error> {
        let mut octets = Vec::new();
        let mut bounded = self.reader.by_ref().take(LONGEST_LINE + 1);
        let read = bounded.read_until(b'\n', &mut octets);
        self.line += 1;
        read.map_err(|error| at(self.line, format!("the file breaks off: {error}")))?;
        if octets.is_empty() {
            self.line -= 1;
            return Ok(None);
        }
        if octets.len() as u64 > LONGEST_LINE {
            return Err(at(self.line, "a line has more than 64 KiB"));
        }
        while matches!(octets.last(), Some(b'\n' | b'\r')) {
            octets.pop();
        }
        let text = String::from_utf8(octets);
        text.map(Some)
            .map_err(|_| at(self.line, "the line is not UTF-8; values of other octets stand in base64"))
    }
}

/// `name: value`, `name:: base64`. A value that stands elsewhere (`name:< url`) is not fetched.
fn attribute(line: u64, text: &str) -> Result<(String, String), Error> {
    let (name, rest) = text.split_once(':').ok_or_else(|| at(line, "a line has no colon"))?;
    // RFC 4512 2.5: options come after a semicolon; the directory has none.
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.;".contains(&byte)) {
        return Err(at(line, "what stands before the colon is no name of an attribute"));
    }
    let value = if let Some(encoded) = rest.strip_prefix(':') {
        let octets = STANDARD.decode(encoded.trim()).map_err(|_| at(line, "the value is not base64"))?;
        String::from_utf8(octets).map_err(|_| at(line, "the value is not UTF-8"))?
    } else if rest.starts_with('<') {
        return Err(at(line, "a value that stands at another address is not fetched"));
    } else {
        rest.trim_start_matches(' ').to_owned()
    };
    Ok((name.to_owned(), value))
}

fn at(line: u64, sentence: impl Into<String>) -> Error {
    Error::File { place: format!("line {line}"), sentence: sentence.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Entry>, String> {
        let mut entries = Entries::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(entry) = entries.next().map_err(|error| error.to_string())? {
            found.push(entry);
        }
        Ok(found)
    }

    /// Comments, joined lines, base64, a version and either end of line are read as RFC 2849 has them.
    #[test]
    fn entries_are_read() {
        let text = "version: 1\r\n\r\n# one\n# of a\n  comment\ndn: uniqueIdentifier=1,ou=Services,\n o=nhs\n\
                    objectClass: nhsAs\nnhsIDCode:RXX\ndescription:: w6k=\n\n\n\ndn: o=nhs\no: nhs";
        let found = all(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].dn.as_str()), (6, "uniqueIdentifier=1,ou=Services,o=nhs"));
        assert_eq!(found[0].values("NHSIDCODE").collect::<Vec<_>>(), ["RXX"]);
        assert_eq!(found[0].values("description").collect::<Vec<_>>(), ["é"]);
        assert_eq!(found[1].attributes, [("o".to_owned(), "nhs".to_owned())]);
        assert!(all("").unwrap().is_empty());
    }

    /// What is no LDIF is refused with its line, and nothing is fetched from anywhere.
    #[test]
    fn other_files_are_refused() {
        for (text, words) in [
            ("version: 2\n", "version 1"),
            ("o: nhs\n", "begins with dn"),
            ("dn: o=nhs\nnonsense\n", "no colon"),
            ("dn: o=nhs\na b: c\n", "no name"),
            ("dn: o=nhs\nphoto:< file:///etc/passwd\n", "not fetched"),
            ("dn: o=nhs\no:: %%%\n", "not base64"),
            ("dn: o=nhs\nchangetype: modify\n", "file of changes"),
        ] {
            let said = all(text).unwrap_err();
            assert!(said.contains(words) && said.contains("line"), "{text}: {said}");
        }
        assert!(all(&format!("dn: o=nhs\no: {}\n", "x".repeat(70_000))).unwrap_err().contains("64 KiB"));
    }
}
