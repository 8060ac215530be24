//! Tag, length, value: BER-TLV as cards have it. ISO/IEC 7816-4, 6.2; ISO/IEC 8825-1.

/// Octets that are no sequence of tags with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these octets are not tags with values")]
pub struct Malformed;

/// The tags with their values in order. It ends after the first thing that does not read.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
}

/// Reads octets as a sequence of tags with values.
pub fn values(octets: &[u8]) -> Values<'_> {
    Values { rest: octets }
}

impl<'a> Values<'a> {
    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(u32, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((tag, value, rest)) = split(self.rest) else {
            self.rest = &[];
            return Some(Err(Malformed));
        };
        self.rest = rest;
        Some(Ok((tag, value)))
    }
}

/// The first value of a tag, in octets that must read to their end.
pub fn find(octets: &[u8], tag: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for value in values(octets) {
        let (this, value) = value?;
        if this == tag && found.is_none() {
            found = Some(value);
        }
    }
    Ok(found)
}

/// The value of octets that are this tag with its value and nothing else.
pub fn only(octets: &[u8], tag: u32) -> Result<&[u8], Malformed> {
    match split(octets) {
        Some((this, value, [])) if this == tag => Ok(value),
        _ => Err(Malformed),
    }
}

fn split(octets: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (tag, rest) = split_tag(octets)?;
    let (length, rest) = split_length(rest)?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// Up to three octets of tag, kept as they are: 7F49 is 0x7F49.
fn split_tag(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, mut rest) = octets.split_first()?;
    let mut tag = u32::from(first);
    if first & 0x1F != 0x1F {
        return Some((tag, rest));
    }
    for _ in 0..2 {
        let (&next, after) = rest.split_first()?;
        tag = tag << 8 | u32::from(next);
        rest = after;
        if next & 0x80 == 0 {
            return Some((tag, rest));
        }
    }
    None
}

/// Up to three octets of length. An indefinite length is not for cards.
fn split_length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = octets.split_first()?;
    let count = match first {
        0..=0x7F => return Some((usize::from(first), rest)),
        0x81..=0x83 => usize::from(first & 0x7F),
        _ => return None,
    };
    let (length, rest) = rest.split_at_checked(count)?;
    Some((length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest))
}

/// Writes a tag with its value at the end of what there is.
///
/// # Panics
///
/// When a value is longer than 16 MiB, which no card holds.
pub fn append(octets: &mut Vec<u8>, tag: u32, value: &[u8]) {
    append_head(octets, tag, value.len());
    octets.extend_from_slice(value);
}

fn append_head(octets: &mut Vec<u8>, tag: u32, length: usize) {
    append_significant(octets, tag);
    let long = u32::try_from(length).ok().filter(|length| *length < 1 << 24).expect("no card holds more");
    if length < 0x80 {
        octets.push(long.to_be_bytes()[3]);
    } else {
        let count = if length < 1 << 8 {
            0x81
        } else if length < 1 << 16 {
            0x82
        } else {
            0x83
        };
        octets.push(count);
        append_significant(octets, long);
    }
}

/// The octets of a number without leading zeros.
fn append_significant(octets: &mut Vec<u8>, number: u32) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    octets.extend_from_slice(&bytes[zeros..]);
}

/// A tag with its value.
pub fn tagged(tag: u32, value: &[u8]) -> Vec<u8> {
    // With room for the whole: a vector that grows leaves copies of what it holds, and a value may be secret.
    let mut octets = Vec::with_capacity(4 + 4 + value.len());
    append(&mut octets, tag, value);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is written reads back, whatever it is.
        #[test]
        fn written_values_read_back(
            tag in prop::sample::select(vec![0x53_u32, 0x7E, 0x7F49, 0x5F2F, 0x005F_C102, 0xFE]),
            value in prop::collection::vec(any::<u8>(), 0..700),
        ) {
            let octets = tagged(tag, &value);
            prop_assert_eq!(only(&octets, tag), Ok(&value[..]));
            prop_assert_eq!(find(&octets, tag), Ok(Some(&value[..])));
            prop_assert!(only(&octets[..octets.len() - 1], tag).is_err() || value.is_empty());
        }

        /// Nothing that a card can say makes a reader panic or read for ever.
        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            let count = values(&octets).count();
            prop_assert!(count <= octets.len());
        }
    }

    /// Lengths beyond the end, indefinite ones and tags without end do not read.
    #[test]
    fn malformed_values_are_refused() {
        for octets in [
            &[0x53][..],
            &[0x53, 2, 0],
            &[0x53, 0x80, 0, 0],
            &[0x53, 0x84, 0, 0, 0, 0],
            &[0x7F],
            &[0x1F, 0x81, 0x81, 1, 0],
        ] {
            assert!(values(octets).any(|value| value.is_err()), "{octets:02x?}");
        }
        assert_eq!(find(&[0x01, 0, 0x02, 5], 0x01), Err(Malformed), "also behind what was looked for");
        assert_eq!(only(&[0x53, 0, 0], 0x53), Err(Malformed));
    }
}
