//! The leaf: a commitment that tells nothing and can be opened.

use aws_lc_rs::digest::{Context, SHA256};
use tlog_tiles::{Hash, record_hash};

/// The octets of a salt, and of a commitment.
pub(crate) const LENGTH: usize = 32;

/// What the log holds for an event: SHA-256 of the salt followed by the canonical event. With the salt gone, nobody
/// can tell which event it was, not even by trying all likely ones.
pub(crate) fn commitment(salt: &[u8; LENGTH], canonical: &[u8]) -> [u8; LENGTH] {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(canonical);
    let mut commitment = [0; LENGTH];
    commitment.copy_from_slice(context.finish().as_ref());
    commitment
}

/// The hash of the leaf in the tree. RFC 6962 2.1.
pub(crate) fn leaf_hash(commitment: &[u8; LENGTH]) -> Hash {
    record_hash(commitment)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commitment is SHA-256 over salt and event in that order: the value is from Python's hashlib.
    #[test]
    fn commitment_is_sha_256_of_salt_and_event() {
        assert_eq!(
            hex::encode(commitment(&[1; 32], b"{}")),
            "5ef179ff4a27db7045b2d744438932f9689ffaf482eeeb4b1a51740c7d909555"
        );
    }
}
