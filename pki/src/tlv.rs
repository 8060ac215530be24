//! A small strict reader of DER tag-length-value elements.
//!
//! It serves where the exact bytes of a part matter (what was signed, a name as sent) and where a
//! CRL of a million entries must be walked without making a million values.

use crate::Error;

/// One element: its tag, its content, and all of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// The tag of `[number]`, constructed.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` names the structure in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// True when nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error of this structure.
    pub(crate) fn error(&self) -> Error {
        Error::malformed(self.what)
    }

    /// The tag of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, Error> {
        let (tag, header, length) = header(self.rest).ok_or_else(|| self.error())?;
        let end = header.checked_add(length).ok_or_else(|| self.error())?;
        let whole = self.rest.get(..end).ok_or_else(|| self.error())?;
        self.rest = &self.rest[end..];
        Ok(Tlv { tag, value: &whole[header..], whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, Error> {
        if self.peek() == Some(tag) { self.any() } else { Err(self.error()) }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Error> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// A reader of the next element's content; the element must have this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Reader<'a>, Error> {
        let what = self.what;
        self.expect(tag).map(|tlv| Reader::new(tlv.value, what))
    }

    /// Refuses bytes that are left over.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error()) }
    }
}

/// The content of a BIT STRING without unused bits.
pub(crate) fn bits<'a>(tlv: Tlv<'a>, what: &'static str) -> Result<&'a [u8], Error> {
    match tlv.value.split_first() {
        Some((0, bytes)) if tlv.tag == BIT_STRING => Ok(bytes),
        _ => Err(Error::malformed(what)),
    }
}

/// Tag, length of the header, length of the content. Definite and minimal lengths only (X.690 10.1).
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some((tag, 2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let octets = rest.get(..count)?;
    let length = octets.iter().fold(0_usize, |sum, &octet| (sum << 8) | usize::from(octet));
    let minimal = octets[0] != 0 && length >= 0x80;
    minimal.then_some((tag, 2 + count, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths that DER forbids are refused, the shortest form is read.
    #[test]
    fn only_definite_minimal_lengths_are_read() {
        let mut reader = Reader::new(&[0x04, 0x02, 1, 2, 0x05, 0x00], "sample");
        assert_eq!(reader.any().unwrap().value, [1, 2]);
        assert_eq!(reader.any().unwrap().tag, 0x05);
        assert!(reader.is_empty());
        for bad in [
            &[0x30, 0x80, 0, 0][..],
            &[0x04, 0x81, 0x01, 9],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x05, 1],
            &[0x1f, 0x81, 0x01, 0],
        ] {
            assert!(Reader::new(bad, "sample").any().is_err(), "{bad:02x?}");
        }
    }
}
