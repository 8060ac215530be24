//! The few pieces of DER the template needs: a tag, a length, bytes.

/// SEQUENCE, constructed.
pub(super) const SEQUENCE: u8 = 0x30;
/// SET, constructed.
pub(super) const SET: u8 = 0x31;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xA0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xA1;

/// One element: its tag, its length, and the parts of its value one after the other.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(element_length(length));
    header(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Writes tag and length of an element whose value follows.
pub(super) fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
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
pub(super) fn element_length(length: usize) -> usize {
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
