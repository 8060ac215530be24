//! As much of the basic encoding rules (X.690) as a search over LDAP needs.

use anyhow::{Context, ensure};

/// An element: its tag, what it holds, and what comes after it.
pub(crate) struct Element<'o> {
    pub(crate) tag: u8,
    pub(crate) content: &'o [u8],
    pub(crate) rest: &'o [u8],
}

/// An element that holds this, of at most 65,535 octets: questions are small.
pub(crate) fn written(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let mut octets = vec![tag];
    if content.len() < 0x80 {
        octets.push(low);
    } else {
        octets.extend([0x82, high, low]);
    }
    octets.extend_from_slice(content);
    octets
}

/// The first element of these octets; none while it is not whole.
pub(crate) fn first(octets: &[u8]) -> anyhow::Result<Option<Element<'_>>> {
    let [tag, length, after @ ..] = octets else { return Ok(None) };
    let (length, after) = if *length < 0x80 {
        (usize::from(*length), after)
    } else {
        let count = usize::from(*length & 0x7f);
        ensure!((1..=4).contains(&count), "a length that is written in {count} octets");
        let Some((digits, after)) = after.split_at_checked(count) else { return Ok(None) };
        (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), after)
    };
    Ok(after.split_at_checked(length).map(|(content, rest)| Element { tag: *tag, content, rest }))
}

/// The first element of octets that are there to their end, which has this tag.
pub(crate) fn element(octets: &[u8], tag: u8) -> anyhow::Result<Element<'_>> {
    let found = first(octets)?.context("an element breaks off")?;
    ensure!(found.tag == tag, "there is an element {:02x} and not {tag:02x}", found.tag);
    Ok(found)
}
