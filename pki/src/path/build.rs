//! From a leaf to the anchors: every chain of names whose signatures verify.

use super::Error;
use crate::{Certificate, SignatureError};

/// The most certificates in a chain.
const MAX_LENGTH: usize = 12;
/// The most chains that are looked at.
const MAX_CHAINS: usize = 16;
/// The most issuers that are tried. A stranger may send any certificates; this bounds the work they cause.
const MAX_TRIES: usize = 128;

/// All chains from leaf to anchor, best first, and the error to give when there are none. Fewer issuers may be tried where somebody says so.
pub(super) fn chains(
    leaf: &Certificate,
    extra: &[Certificate],
    anchors: &[Certificate],
    tries: Option<usize>,
) -> (Vec<Vec<Certificate>>, Error) {
    let mut search = Search {
        extra,
        anchors,
        chain: vec![leaf.clone()],
        found: Vec::new(),
        tries: tries.map_or(MAX_TRIES, |most| most.min(MAX_TRIES)),
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
    /// How many issuers may still be tried.
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
        if self.tries == 0 || self.found.len() >= MAX_CHAINS {
            return false;
        }
        self.tries -= 1;
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    fn named(name: &str) -> CertificateParams {
        let mut made = CertificateParams::default();
        made.distinguished_name.push(DnType::CommonName, name);
        made
    }

    fn authority() -> (Issuer<'static, KeyPair>, Certificate) {
        let key = KeyPair::generate().unwrap();
        let mut made = named("Root");
        made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = Certificate::from_der(made.self_signed(&key).unwrap().der()).unwrap();
        (Issuer::new(made, key), certificate)
    }

    /// Of certificates that have the issuer's name no more are tried than may be; the anchors come first, whatever a stranger sent.
    #[test]
    fn no_more_issuers_are_tried_than_may_be() {
        let (issuer, anchor) = authority();
        let leaf = named("Leaf").signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let leaf = Certificate::from_der(leaf.der()).unwrap();
        let decoys: Vec<Certificate> = (0..5).map(|_| authority().1).collect();
        let mut known = decoys.clone();
        known.push(anchor.clone());
        let found = |anchors: &[Certificate], extra: &[Certificate], tries| {
            let (chains, error) = chains(&leaf, extra, anchors, tries);
            (chains.len(), error)
        };
        let wrong = Error::BadSignature { serial: leaf.serial() };
        assert_eq!(found(&known, &[], None).0, 1);
        assert_eq!(found(&known, &[], Some(6)).0, 1);
        assert_eq!(found(&known, &[], Some(5)), (0, wrong));
        assert_eq!(found(&known, &[], Some(0)), (0, Error::Untrusted));
        assert_eq!(found(std::slice::from_ref(&anchor), &decoys, Some(1)).0, 1);
    }
}
