//! From a leaf to the anchors: every chain of names whose signatures verify.

use super::Error;
use crate::{Certificate, SignatureError};

/// The most certificates in a chain.
const MAX_LENGTH: usize = 12;
/// The most chains that are looked at.
const MAX_CHAINS: usize = 16;
/// The most issuers that are tried. A stranger may send any certificates; this bounds the work they cause.
const MAX_TRIES: usize = 128;

/// All chains from leaf to anchor, best first, and the error to give when there are none.
pub(super) fn chains(
    leaf: &Certificate,
    extra: &[Certificate],
    anchors: &[Certificate],
) -> (Vec<Vec<Certificate>>, Error) {
    let mut search = Search {
        extra,
        anchors,
        chain: vec![leaf.clone()],
        found: Vec::new(),
        tries: 0,
        error: Error::Untrusted,
    };
    search.extend();
    (search.found, search.error)
}

struct Search<'a> {
    extra: &'a [Certificate],
    anchors: &'a [Certificate],
    chain: Vec<Certificate>,
    found: Vec<Vec<Certificate>>,
    tries: usize,
    error: Error,
}

impl Search<'_> {
    /// Adds every issuer of the last certificate in turn, and goes on from there.
    fn extend(&mut self) {
        let last = self.chain[self.chain.len() - 1].clone();
        for issuer in candidates(&last, self.anchors) {
            if self.issued(&issuer, &last) {
                let mut chain = self.chain.clone();
                chain.push(issuer);
                self.found.push(chain);
            }
        }
        for issuer in candidates(&last, self.extra) {
            let fits = self.chain.len() < MAX_LENGTH
                && !self.chain.contains(&issuer)
                && !self.anchors.contains(&issuer);
            if fits && self.issued(&issuer, &last) {
                self.chain.push(issuer);
                self.extend();
                self.chain.pop();
            }
        }
    }

    /// Whether this issuer's key signed the certificate, within the bounds.
    fn issued(&mut self, issuer: &Certificate, last: &Certificate) -> bool {
        self.tries += 1;
        if self.tries > MAX_TRIES || self.found.len() >= MAX_CHAINS {
            return false;
        }
        let Err(error) = last.verify_with_key(issuer.spki_der()) else { return true };
        if self.error == Error::Untrusted {
            let serial = last.serial();
            self.error = match error {
                crate::Error::Signature(SignatureError::Invalid) => Error::BadSignature { serial },
                _ => Error::AlgorithmNotAccepted { serial },
            };
        }
        false
    }
}

/// The certificates whose subject is this one's issuer; those whose key identifier agrees come first.
fn candidates(certificate: &Certificate, from: &[Certificate]) -> Vec<Certificate> {
    let wanted = certificate.authority_key_id().and_then(|key| key.key_id.as_deref());
    let mut found: Vec<Certificate> =
        from.iter().filter(|issuer| issuer.subject().matches(certificate.issuer())).cloned().collect();
    found.sort_by_key(|issuer| wanted.is_none() || issuer.subject_key_id() != wanted);
    found
}
