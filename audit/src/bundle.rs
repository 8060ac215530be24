//! Entry bundles: the leaves of one tile, each behind its length. C2SP tlog-tiles, "Log entries".

use crate::leaf::LENGTH;

/// The length that stands before each leaf: ours are all commitments of 32 octets.
const PREFIX: [u8; 2] = [0, 32];

/// Put each commitment behind its length.
pub(crate) fn encode(commitments: &[u8]) -> Vec<u8> {
    commitments.chunks_exact(LENGTH).flat_map(|leaf| PREFIX.iter().chain(leaf).copied()).collect()
}

/// Take the commitments out again; none when the bundle has another form.
pub(crate) fn decode(bundle: &[u8]) -> Option<Vec<[u8; LENGTH]>> {
    let (leaves, rest) = bundle.as_chunks::<{ LENGTH + PREFIX.len() }>();
    if !rest.is_empty() {
        return None;
    }
    leaves.iter().map(|leaf| leaf.strip_prefix(&PREFIX)?.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle reads back, and one with another length or a torn end does not read.
    #[test]
    fn bundles_read_back_and_others_do_not() {
        let bundle = encode(&[[1; 32], [2; 32]].concat());
        assert_eq!(bundle.len(), 68);
        assert_eq!(decode(&bundle), Some(vec![[1; 32], [2; 32]]));
        assert_eq!(decode(&bundle[..67]), None);
        assert_eq!(decode(&[&[0, 31][..], &[7; 32]].concat()), None);
    }
}
