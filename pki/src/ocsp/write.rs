//! The little DER that a question needs.

/// One value: tag, minimal length, the contents one after the other.
pub(super) fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let length: usize = contents.iter().map(|content| content.len()).sum();
    let mut out = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let octets = length.to_be_bytes();
        let significant = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
        out.push(0x80 | significant.len().to_le_bytes()[0]);
        out.extend_from_slice(significant);
    }
    for content in contents {
        out.extend_from_slice(content);
    }
    out
}
