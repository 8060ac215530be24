//! Entries as they are answered, written straight into octets: RFC 4511 4.5.2, as 5.1 has them encoded. Everything else that is answered
//! goes through the library, whose octets of an entry are the same.

use bytes::{BufMut as _, BytesMut};

use super::select::Shown;

/// Tags.
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `SearchResultEntry ::= [APPLICATION 4] SEQUENCE`.
const ENTRY: u8 = 0x64;

/// Writes a message with an entry behind what is there.
pub(super) fn entry(msgid: i32, shown: &Shown<'_>, octets: &mut BytesMut) {
    let name = shown.name().texts().map(str::len).sum::<usize>();
    let attributes: usize = shown.attributes().map(|(name, values)| whole(attribute(name, values))).sum();
    let content = whole(name) + whole(attributes);
    let number = msgid.to_be_bytes();
    let number = &number[spare(number)..];
    let message = whole(number.len()) + whole(content);

    octets.reserve(whole(message));
    head(octets, SEQUENCE, message);
    value(octets, INTEGER, number);
    head(octets, ENTRY, content);
    head(octets, OCTET_STRING, name);
    for text in shown.name().texts() {
        octets.put_slice(text.as_bytes());
    }
    head(octets, SEQUENCE, attributes);
    for (name, values) in shown.attributes() {
        head(octets, SEQUENCE, attribute(name, values));
        value(octets, OCTET_STRING, name.as_bytes());
        head(octets, SET, all(values));
        for one in values {
            value(octets, OCTET_STRING, one.as_bytes());
        }
    }
}

/// How many octets are in an attribute: its name and the set of its values.
fn attribute(name: &str, values: &[&str]) -> usize {
    whole(name.len()) + whole(all(values))
}

/// How many are in a set of values.
fn all(values: &[&str]) -> usize {
    values.iter().map(|value| whole(value.len())).sum()
}

/// How many the whole takes with so many in it: the tag and the length too.
fn whole(inner: usize) -> usize {
    let length = if inner < 0x80 { 1 } else { 1 + significant(inner) };
    1 + length + inner
}

/// How many octets a number has without the zeros before it.
fn significant(number: usize) -> usize {
    let zeros = usize::try_from(number.leading_zeros() / 8).unwrap_or_default();
    size_of::<usize>() - zeros
}

/// How many octets before a number say nothing. X.690 8.3.2: the first nine bits are not all the same.
fn spare(number: [u8; 4]) -> usize {
    let is_spare = |pair: &[u8]| matches!((pair[0], pair[1] >> 7), (0, 0) | (0xff, 1));
    number.windows(2).take_while(|pair| is_spare(pair)).count()
}

/// A tag and the length of what follows, in as few octets as it takes.
fn head(octets: &mut BytesMut, tag: u8, inner: usize) {
    octets.put_u8(tag);
    let length = inner.to_be_bytes();
    let short = length[length.len() - 1];
    if inner >= 0x80 {
        let many = significant(inner);
        octets.put_u8(0x80 | u8::try_from(many).unwrap_or_default());
        octets.put_slice(&length[length.len() - many..]);
    } else {
        octets.put_u8(short);
    }
}

fn value(octets: &mut BytesMut, tag: u8, inner: &[u8]) {
    head(octets, tag, inner.len());
    octets.put_slice(inner);
}

#[cfg(test)]
mod tests {
    use ldap3_proto::proto::{LdapMsg, LdapOp};
    use proptest::prelude::*;

    use super::*;
    use crate::ldap::dn::Dn;
    use crate::ldap::entry::Entry;
    use crate::ldap::framing::encode;
    use crate::ldap::select::{Selection, Show};

    /// The octets are those that the library makes of the same entry.
    fn check(msgid: i32, made: &Entry, asked: &[&str], show: Show) {
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let selection = Selection::read(&asked);
        let shown = selection.of(made, show, None);
        let mut octets = BytesMut::from(&b"before"[..]);
        entry(msgid, &shown, &mut octets);
        let op = LdapOp::SearchResultEntry(shown.into());
        let expected = encode(LdapMsg { msgid, op, ctrl: Vec::new() }).unwrap();
        assert_eq!(octets.len(), 6 + expected.len());
        assert!(octets[6..] == expected[..], "{msgid} {show:?}");
    }

    fn system(id: &str) -> Entry {
        let dn = Dn::parse("ou=Services,o=nhs").unwrap().below("uniqueIdentifier", id);
        Entry::new(dn, &["nhsAs", "top"], "nhsAs")
    }

    /// Where lengths take an octet more, and numbers too.
    #[test]
    fn lengths_take_what_they_take() {
        for around in [0usize, 80, 127, 128, 255, 256, 65_535, 65_536] {
            for length in around.saturating_sub(40)..around + 3 {
                let mut entry = system("1");
                entry.put("description", ["x".repeat(length)]);
                check(1, &entry, &["description"], Show::Values);
            }
        }
        let mut entry = system(&"y".repeat(300));
        entry.put("nhsAsSvcIA", (0..3_000).map(|number| format!("urn:nhs:names:services:{number}")));
        for msgid in [0, 1, 127, 128, 255, 256, 32_767, 32_768, 65_536, 8_388_607, 8_388_608, i32::MAX] {
            for asked in [&[][..], &["*", "+"], &["1.1"]] {
                check(msgid, &entry, asked, Show::Values);
                check(msgid, &entry, asked, Show::TypesOnly);
            }
        }
        check(1, &Entry::new(Dn::default(), &["top"], "top"), &["*", "+"], Show::Values);
    }

    proptest! {
        /// Whatever an entry has.
        #[test]
        fn octets_are_those_of_the_library(
            msgid in 0i32..,
            id in "\\PC{0,200}",
            values in proptest::collection::vec((0usize..4, "\\PC{0,300}"), 0..20),
        ) {
            let mut entry = system(&id);
            for (which, value) in values {
                let name = ["description", "nhsAsSvcIA", "modifyTimestamp", "o"][which];
                entry.put(name, [value]);
            }
            for show in [Show::Values, Show::TypesOnly] {
                check(msgid, &entry, &[], show);
                check(msgid, &entry, &["*", "+"], show);
            }
        }
    }
}
