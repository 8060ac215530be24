//! BER with indefinite lengths, as programs write it that do not know the length of a document yet (X.690 8.1.3.6), with definite
//! lengths instead. What has a definite length stays as it is.

/// How deep indefinite lengths may lie.
const DEEPEST: usize = 16;
/// Constructed OCTET STRING, X.690 8.7.3: the document in pieces.
const PIECES: u8 = 0x24;
const OCTET_STRING: u8 = 0x04;

/// The same element with definite lengths; nothing unless the octets are one element that has an indefinite one.
pub(super) fn definite(octets: &[u8]) -> Option<Vec<u8>> {
    if octets.get(1) != Some(&0x80) {
        return None;
    }
    let (element, rest) = element(octets, 0)?;
    rest.is_empty().then(|| element.into_octets())
}

/// An element: its tag, and its content with definite lengths.
struct Element {
    tag: u8,
    content: Vec<u8>,
}

impl Element {
    fn into_octets(self) -> Vec<u8> {
        let length = self.content.len();
        let mut out = Vec::with_capacity(length + 6);
        out.push(self.tag);
        let octets = length.to_be_bytes();
        let first = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1);
        let octets = &octets[first..];
        match octets {
            [short] if *short < 0x80 => out.push(*short),
            // X.690 10.1: the fewest octets.
            _ => {
                out.push(0x80 | u8::try_from(octets.len()).unwrap_or(0x7F));
                out.extend_from_slice(octets);
            }
        }
        out.extend(self.content);
        out
    }
}

/// Reads one element, and says what is left.
fn element(octets: &[u8], depth: usize) -> Option<(Element, &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1F == 0x1F || depth > DEEPEST {
        return None;
    }
    if first == 0x80 {
        let (content, rest) = children(tag, rest, depth)?;
        let tag = if tag == PIECES { OCTET_STRING } else { tag };
        // X.690 8.1.3.2: only what is constructed has an indefinite length.
        return (octets[0] & 0x20 != 0).then_some((Element { tag, content }, rest));
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) =
            rest.split_at_checked(usize::from(first & 0x7F)).filter(|(it, _)| it.len() <= 4)?;
        (octets.iter().fold(0, |sum, octet| (sum << 8) | usize::from(*octet)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content: content.to_vec() }, rest))
}

/// The content up to the two octets that end it; pieces of a document put together.
fn children(tag: u8, mut rest: &[u8], depth: usize) -> Option<(Vec<u8>, &[u8])> {
    let mut content = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(&[0, 0]) {
            return Some((content, after));
        }
        let (child, after) = element(rest, depth + 1)?;
        if tag != PIECES {
            content.extend(child.into_octets());
        } else if child.tag == OCTET_STRING {
            content.extend(child.content);
        } else {
            return None;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Indefinite lengths become definite, pieces one string, and definite elements stay.
    #[test]
    fn lengths_become_definite() {
        let pieces = [0x30, 0x80, 0x24, 0x80, 4, 2, 1, 2, 4, 1, 3, 0, 0, 0x31, 2, 5, 0, 0, 0];
        assert_eq!(definite(&pieces).unwrap(), [0x30, 9, 4, 3, 1, 2, 3, 0x31, 2, 5, 0]);
        let long = [&[0x30, 0x80, 4, 0x81, 200][..], &[7; 200], &[0, 0]].concat();
        assert_eq!(definite(&long).unwrap()[..6], [0x30, 0x81, 203, 4, 0x81, 200][..].to_vec()[..]);
        assert_eq!(definite(&[0x30, 0]), None, "nothing is indefinite");
    }

    /// What does not end, is followed by something, is nested too deeply or is no constructed element is not read.
    #[test]
    fn nonsense_is_not_read() {
        for bad in [
            &[0x30, 0x80][..],
            &[0x30, 0x80, 0, 0, 0],
            &[0x04, 0x80, 0, 0],
            &[0x30, 0x80, 0x24, 0x80, 2, 1, 1, 0, 0, 0, 0],
            &[0x30, 0x80, 4, 0x85, 1, 1, 1, 1, 1],
            &[0x30, 0x80].repeat(100_000),
        ] {
            assert_eq!(definite(bad), None);
        }
    }
}
