//! The few pieces of DER that are written here: a tag, a length, bytes; and taken apart again where octets must stay as they are.

/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// `UTF8String`.
pub(crate) const UTF8_STRING: u8 = 0x0C;
/// `GeneralizedTime`.
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET, constructed.
pub(crate) const SET: u8 = 0x31;
/// OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, constructed.
pub(crate) const CONTEXT_0: u8 = 0xA0;
/// `[1]`, constructed.
pub(crate) const CONTEXT_1: u8 = 0xA1;

/// One element: its tag, its length, and the parts of its value one after the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(element_length(length));
    header(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A non-negative INTEGER from its octets, the most significant first (X.690 8.3.2: the fewest octets).
pub(crate) fn unsigned(tag: u8, octets: &[u8]) -> Vec<u8> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let significant = &octets[zeros..];
    let sign: &[u8] = if significant.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(tag, &[sign, significant])
}

/// An element as it stands among others: its tag, its content, and both with the length between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// The elements that octets are, one after the other; nothing if they are not, or not written as DER demands.
pub(crate) fn elements(mut octets: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !octets.is_empty() {
        let (element, rest) = first(octets)?;
        found.push(element);
        octets = rest;
    }
    Some(found)
}

/// The first element, and what stands behind it.
fn first(octets: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&short, rest) = rest.split_first()?;
    // High tag numbers occur in nothing that is read here.
    if tag & 0x1F == 0x1F {
        return None;
    }
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7F))?;
        if long.len() > 4 {
            return None;
        }
        let length = long.iter().fold(0, |sum, octet| (sum << 8) | usize::from(*octet));
        // X.690 10.1: the definite form, in the fewest octets.
        if length < 0x80 || length_octets(length) != long.len() {
            return None;
        }
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = &octets[..octets.len() - rest.len()];
    Some((Element { tag, content, whole }, rest))
}

/// Writes tag and length of an element whose value follows.
pub(crate) fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    // X.690 10.1: the definite form, in the fewest octets.
    if length < 0x80 {
        out.push(low_octet(length));
        return;
    }
    let octets = length_octets(length);
    out.push(0x80 | low_octet(octets));
    for index in (0..octets).rev() {
        out.push(low_octet(length >> (8 * index)));
    }
}

/// How long an element is whose value has `length` octets.
pub(crate) fn element_length(length: usize) -> usize {
    let long_form = if length < 0x80 { 0 } else { length_octets(length) };
    2 + long_form + length
}

fn length_octets(length: usize) -> usize {
    (usize::BITS as usize - length.leading_zeros() as usize).div_ceil(8)
}

fn low_octet(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers take the fewest octets and are never negative.
    #[test]
    fn numbers_are_minimal() {
        for (octets, expected) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0, 5], &[2, 1, 5]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0x7F, 0xFF], &[2, 2, 0x7F, 0xFF]),
        ] {
            assert_eq!(unsigned(INTEGER, octets), expected);
        }
    }

    /// Elements are found as they were written, and what is no DER is not taken apart.
    #[test]
    fn elements_are_found() {
        let long = element(OCTET_STRING, &[&[7; 300]]);
        let both = [&[INTEGER, 1, 5][..], &long].concat();
        let found = elements(&both).unwrap();
        assert_eq!((found[0].tag, found[0].content), (INTEGER, &[5][..]));
        assert_eq!((found[1].whole, found[1].content.len()), (&long[..], 300));
        assert_eq!(elements(&[]), Some(Vec::new()));
        for bad in [
            &[4][..],
            &[4, 2, 1],
            &[4, 0x81, 1, 1],
            &[4, 0x82, 0, 0x80],
            &[4, 0x80, 0, 0],
            &[0x1F, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 1],
        ] {
            assert_eq!(elements(bad), None, "{bad:?}");
        }
    }

    /// Lengths take the fewest octets at each border of the long form.
    #[test]
    fn lengths_are_minimal() {
        for (length, header) in [
            (0, vec![0x30, 0]),
            (0x7F, vec![0x30, 0x7F]),
            (0x80, vec![0x30, 0x81, 0x80]),
            (0xFF, vec![0x30, 0x81, 0xFF]),
            (0x100, vec![0x30, 0x82, 1, 0]),
            (0xFFFF, vec![0x30, 0x82, 0xFF, 0xFF]),
            (0x1_0000, vec![0x30, 0x83, 1, 0, 0]),
        ] {
            let encoded = element(SEQUENCE, &[&vec![7; length]]);
            assert_eq!(encoded[..header.len()], header[..], "{length}");
            assert_eq!(encoded.len(), element_length(length));
            assert_eq!(encoded.len(), header.len() + length);
        }
    }
}
