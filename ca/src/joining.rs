//! Puts to-be-signed bytes and a signature together, and checks what came out.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use const_oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
use hsm::{Alg, Key};

use crate::asn1::{BIT_STRING, NULL, SEQUENCE, oid, tlv};
use crate::intent::{Identity, signature_algorithm};

/// The `AlgorithmIdentifier` of signatures by a key of this kind.
pub(crate) fn algorithm_identifier(alg: Alg) -> Vec<u8> {
    let id = signature_algorithm(alg);
    // RFC 4055 5: NULL with RSA. RFC 5758 3.2, RFC 8410 3, RFC 9881 2: absent with the others.
    let parameters = if id == SHA_256_WITH_RSA_ENCRYPTION { tlv(NULL, &[]) } else { Vec::new() };
    tlv(SEQUENCE, &[&oid(&id), &parameters])
}

/// Why a signed whole is not given out.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The signature does not verify with the issuer's key.
    #[error("the token's signature does not verify with the issuer's key")]
    Signature,
    /// What another decoder reads back is not what was linted.
    #[error("the signed whole does not contain the linted bytes")]
    Differs,
}

/// A certificate or list: the three parts in a sequence (RFC 5280 4.1.1 and 5.1.1).
pub(crate) fn join(issuer: &Identity, tbs: &[u8], signature: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[tbs, &after_tbs(issuer, signature)])
}

/// What follows the to-be-signed bytes: the algorithm and the signature.
pub(crate) fn after_tbs(issuer: &Identity, signature: &[u8]) -> Vec<u8> {
    [algorithm_identifier(issuer.alg), tlv(BIT_STRING, &[&[0], signature])].concat()
}

/// The same as [`verify`] for bytes that are known by their digest.
pub(crate) fn verify_digest(
    issuer: &Identity,
    digest: &aws_lc_rs::digest::Digest,
    signature: &[u8],
) -> Result<(), Unfit> {
    pki::verify_digest(&issuer.spki, &algorithm_identifier(issuer.alg), digest, signature)
        .map_err(|_| Unfit::Signature)
}

/// The hash that a key of this kind signs, or `None` when it signs the octets themselves.
pub(crate) fn hash(alg: Alg) -> Option<&'static digest::Algorithm> {
    match alg.default_scheme().digest_len()? {
        48 => Some(&SHA384),
        64 => Some(&SHA512),
        _ => Some(&SHA256),
    }
}

/// Has the token sign: the digest where there is one, and the octets where the key signs messages.
pub(crate) async fn sign(key: &Key, tbs: &[u8], digest: Option<&[u8]>) -> Result<Vec<u8>, hsm::Error> {
    let scheme = key.alg().default_scheme();
    match digest {
        Some(digest) => key.sign_digest(scheme, digest).await,
        None => key.sign(scheme, tbs).await,
    }
}

/// Checks the signature against the issuer's key, whatever the token says of itself.
pub(crate) fn verify(issuer: &Identity, tbs: &[u8], signature: &[u8]) -> Result<(), Unfit> {
    pki::verify_signature(&issuer.spki, &algorithm_identifier(issuer.alg), tbs, signature)
        .map_err(|_| Unfit::Signature)
}

/// Has another decoder find these to-be-signed bytes and this signature in a certificate, and nothing else in it.
pub(crate) fn compare(whole: &[u8], tbs: &[u8], signature: &[u8]) -> Result<(), Unfit> {
    let read = pki::Certificate::from_der(whole).map_err(|_| Unfit::Differs)?;
    if read.tbs_der() == tbs && read.signature() == signature { Ok(()) } else { Err(Unfit::Differs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> pki::Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        pki::Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap()
    }

    /// A whole that contains other bytes than those that were linted, another signature, less or more, is not given out.
    #[test]
    fn a_whole_that_differs_is_not_given_out() {
        let (one, other) = (certificate("one.example"), certificate("other.example"));
        let (tbs, signature) = (one.tbs_der(), one.signature());
        let differs = |whole: &[u8], tbs: &[u8], signature: &[u8]| {
            matches!(compare(whole, tbs, signature), Err(Unfit::Differs))
        };
        assert!(compare(one.der(), tbs, signature).is_ok());
        assert!(differs(other.der(), tbs, signature), "another certificate");
        assert!(differs(one.der(), other.tbs_der(), signature), "other bytes than those in it");
        assert!(differs(one.der(), tbs, other.signature()), "another signature than that in it");
        assert!(differs(&one.der()[..one.der().len() - 1], tbs, signature), "cut off");
        assert!(differs(&[one.der(), &[0][..]].concat(), tbs, signature), "something behind it");
        for at in [tbs.len() / 2, one.der().len() - 1] {
            let mut changed = one.der().to_vec();
            changed[at] ^= 1;
            assert!(differs(&changed, tbs, signature), "changed at {at}");
        }
    }
}
