//! SHA-1, for the challenges of cards that can do nothing else. No other file of sign-in verifies a signature over it, and
//! nothing verifies one without [`Permitted`], which the configuration alone gives.
//!
//! What is signed is a challenge of ours with 160 random bits in it, good once and for two minutes: whoever finds two messages with
//! one digest has chosen neither.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use pki::ObjectIdentifier;

use super::settings::{Cis1, Sha1};

/// Its object identifier.
pub(super) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// Evidence that the operator wants it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permitted(());

impl Permitted {
    /// What the configuration says.
    pub(super) fn by(settings: &Cis1) -> Option<Self> {
        (settings.sha1 == Sha1::Accepted).then_some(Self(()))
    }
}

/// Whether a signature of an RSA key over a message is good: PKCS #1 v1.5, RFC 8017 8.2. Keys are of 2048 bits and more.
pub(super) fn verifies(_: Permitted, spki_der: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, spki_der)
        .verify(message, signature)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody gets it who has not asked for it.
    #[test]
    fn it_is_refused_unless_configured() {
        assert!(Permitted::by(&Cis1::default()).is_none());
        assert!(Permitted::by(&Cis1 { sha1: Sha1::Accepted, ..Cis1::default() }).is_some());
    }
}
