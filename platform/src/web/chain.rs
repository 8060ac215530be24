//! The certificates that the other side of a connection showed.

use std::ops::Deref;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

/// Certificates in DER, the holder's own first. The digest by which its holder is remembered is made once for a connection and
/// not for each of its requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Chain(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    certificates: Vec<Vec<u8>>,
    fingerprint: Option<[u8; 32]>,
}

impl Chain {
    /// SHA-256 of the holder's own certificate; nothing where none was shown.
    pub fn fingerprint(&self) -> Option<&[u8; 32]> {
        self.0.fingerprint.as_ref()
    }
}

impl From<Vec<Vec<u8>>> for Chain {
    fn from(certificates: Vec<Vec<u8>>) -> Self {
        let fingerprint = certificates.first().map(|leaf| sha256(leaf));
        Self(Arc::new(Shown { certificates, fingerprint }))
    }
}

impl FromIterator<Vec<u8>> for Chain {
    fn from_iter<I: IntoIterator<Item = Vec<u8>>>(certificates: I) -> Self {
        Self::from(certificates.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Chain {
    type Target = [Vec<u8>];

    fn deref(&self) -> &[Vec<u8>] {
        &self.0.certificates
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    digest(&SHA256, octets).as_ref().try_into().expect("SHA-256 has 32 octets")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest is that of the first certificate, and there is none where nothing was shown.
    #[test]
    fn the_digest_is_that_of_the_holders_own() {
        let chain: Chain = vec![b"abc".to_vec(), b"issuer".to_vec()].into();
        let digest = chain.fingerprint().map(hex::encode);
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((digest.as_deref(), chain.len()), (Some(expected), 2));
        assert_eq!(Chain::from(Vec::new()).fingerprint(), None);
    }
}
