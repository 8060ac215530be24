//! What is asked of the time-stamp authority (RFC 3161 2.4.1).

use der::asn1::{Int, OctetString};
use der::{Any, Decode as _, Encode as _, Sequence};
use pki::ObjectIdentifier;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::reply::Failure;
use crate::cms::der::{INTEGER, OCTET_STRING, SEQUENCE, element, unsigned};
use crate::suite::Hash;

/// How long a nonce may be: a hash of any kind has room. It stands in the answer, which somebody else must read too.
const LONGEST_NONCE: usize = 64;

/// A question, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    /// `MessageImprint` in DER, as it stands in the answer again.
    pub(crate) imprint: Vec<u8>,
    /// The policy that is asked for.
    pub(crate) policy: Option<ObjectIdentifier>,
    /// The nonce as an INTEGER in DER.
    pub(crate) nonce: Option<Vec<u8>>,
    pub(crate) certificates: Certificates,
}

/// Whether the certificates belong into the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Certificates {
    Wanted,
    NotWanted,
}

#[derive(Sequence)]
struct TimeStampReq {
    version: u8,
    message_imprint: MessageImprint,
    #[asn1(optional = "true")]
    req_policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(default = "no")]
    cert_req: bool,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Vec<Any>>,
}

/// `MessageImprint`, RFC 3161 2.4.1.
#[derive(Sequence)]
pub(crate) struct MessageImprint {
    pub(crate) hash_algorithm: AlgorithmIdentifierOwned,
    pub(crate) hashed_message: OctetString,
}

/// certReq DEFAULT FALSE.
fn no() -> bool {
    false
}

impl Request {
    /// A question of our own, for a digest of this hash.
    pub(crate) fn of(hash: Hash, digest: &[u8]) -> Self {
        Self { imprint: imprint(hash, digest), policy: None, nonce: None, certificates: Certificates::Wanted }
    }

    /// The same with a nonce, whose octets come with the most significant first.
    pub(crate) fn with_nonce(self, octets: &[u8]) -> Option<Self> {
        let nonce = unsigned(INTEGER, octets);
        (nonce.len() <= LONGEST_NONCE).then_some(Self { nonce: Some(nonce), ..self })
    }

    /// Reads a question; the error says what the answer is.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, Failure> {
        let read = TimeStampReq::from_der(octets).map_err(|_| Failure::BadDataFormat)?;
        // RFC 3161 2.4.1: version 1.
        if read.version != 1 {
            return Err(Failure::BadRequest);
        }
        // RFC 3161 2.4.1: whatever is used and not recognised is refused, critical or not. None is known here.
        if read.extensions.is_some() {
            return Err(Failure::UnacceptedExtension);
        }
        let imprint = &read.message_imprint;
        let hash = accepted(&imprint.hash_algorithm).ok_or(Failure::BadAlgorithm)?;
        // RFC 3161 2.4.1: the hash's own length, or it is none.
        if imprint.hashed_message.as_bytes().len() != hash.len() {
            return Err(Failure::BadDataFormat);
        }
        let nonce = read.nonce.map(|nonce| nonce.to_der()).transpose().map_err(|_| Failure::BadDataFormat)?;
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
            return Err(Failure::BadRequest);
        }
        let certificates = if read.cert_req { Certificates::Wanted } else { Certificates::NotWanted };
        let imprint = imprint.to_der().map_err(|_| Failure::BadDataFormat)?;
        Ok(Self { imprint, policy: read.req_policy, nonce, certificates })
    }
}

/// The hashes that are good for years (RFC 3161 2.4.1 wants badAlg for others), parameters absent or NULL: RFC 5754 2.
pub(crate) fn accepted(algorithm: &AlgorithmIdentifierOwned) -> Option<Hash> {
    let absent = algorithm.parameters.as_ref().is_none_or(Any::is_null);
    Hash::called(&algorithm.oid.to_string()).filter(|_| absent)
}

fn imprint(hash: Hash, digest: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[hash.identifier(), &element(OCTET_STRING, &[digest])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cms::der::OBJECT_IDENTIFIER;

    const VERSION: &[u8] = &[INTEGER, 1, 1];

    fn asked(parts: &[&[u8]]) -> Result<Request, Failure> {
        Request::read(&element(SEQUENCE, parts))
    }

    /// A question with everything in it is read, one of our own reads the same, and each part may be left out.
    #[test]
    fn questions_are_read() {
        let imprint = imprint(Hash::Sha256, &[7; 32]);
        let policy = element(OBJECT_IDENTIFIER, &[&[0x2A, 3, 4]]);
        let nonce: &[u8] = &[INTEGER, 2, 0, 0x99];
        let full = asked(&[VERSION, &imprint, &policy, nonce, &[1, 1, 0xFF]]).unwrap();
        assert_eq!(full.policy.map(|it| it.to_string()).as_deref(), Some("1.2.3.4"));
        assert_eq!(full.nonce.as_deref(), Some(nonce));
        assert_eq!(full.certificates, Certificates::Wanted);
        let bare = asked(&[VERSION, &imprint]).unwrap();
        assert_eq!(
            (bare.policy, bare.nonce.clone(), bare.certificates),
            (None, None, Certificates::NotWanted)
        );
        assert_eq!(
            Request { certificates: Certificates::Wanted, ..bare },
            Request::of(Hash::Sha256, &[7; 32])
        );
        for hash in [Hash::Sha384, Hash::Sha512] {
            assert!(asked(&[VERSION, &super::imprint(hash, &vec![7; hash.len()])]).is_ok());
        }
    }

    /// What strangers may send does no harm, however it is damaged.
    #[test]
    fn anything_can_be_read() {
        use crate::time_stamp::read_anything;

        let policy = element(OBJECT_IDENTIFIER, &[&[0x2A, 3, 4]]);
        let imprint = imprint(Hash::Sha512, &[7; 64]);
        let full = element(SEQUENCE, &[VERSION, &imprint, &policy, &[INTEGER, 2, 0, 0x99], &[1, 1, 0xFF]]);
        platform::hammer::hammer(&full, 2_000, |octets| {
            let _ = crate::time_stamp::reads(octets);
            read_anything(octets);
        })
        .unwrap();
    }

    /// Each thing that is wrong has the failure that RFC 3161 2.4.2 names for it.
    #[test]
    fn refusals_are_those_of_the_rfc() {
        let good = imprint(Hash::Sha256, &[7; 32]);
        let sha1: &[u8] = &[0x30, 9, 6, 5, 0x2B, 14, 3, 2, 0x1A, 5, 0];
        let sha1 = element(SEQUENCE, &[sha1, &element(4, &[&[7; 20]])]);
        let odd: &[u8] = &[0x30, 0x0E, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 2, 1, 1];
        let odd = element(SEQUENCE, &[odd, &element(4, &[&[7; 32]])]);
        let extension: &[u8] = &[0xA0, 9, 0x30, 7, 6, 2, 0x2A, 3, 4, 1, 0];
        let cases: [(Vec<&[u8]>, Failure); 8] = [
            (vec![&[INTEGER, 1, 2], &good], Failure::BadRequest),
            (vec![VERSION, &sha1], Failure::BadAlgorithm),
            (vec![VERSION, &odd], Failure::BadAlgorithm),
            (vec![VERSION, &good, extension], Failure::UnacceptedExtension),
            (vec![VERSION], Failure::BadDataFormat),
            (vec![VERSION, &good, &[5, 0]], Failure::BadDataFormat),
            (vec![&good, VERSION], Failure::BadDataFormat),
            (vec![], Failure::BadDataFormat),
        ];
        for (parts, expected) in cases {
            assert_eq!(asked(&parts), Err(expected), "{parts:?}");
        }
        let short = imprint(Hash::Sha256, &[7; 20]);
        assert_eq!(asked(&[VERSION, &short]), Err(Failure::BadDataFormat));
        let long = element(INTEGER, &[&[0x11; 100]]);
        assert_eq!(asked(&[VERSION, &good, &long]), Err(Failure::BadRequest));
        assert_eq!(Request::read(b"nothing of the kind"), Err(Failure::BadDataFormat));
        let more = [element(SEQUENCE, &[VERSION, &good]), vec![0]].concat();
        assert_eq!(Request::read(&more), Err(Failure::BadDataFormat), "something stands behind it");
    }
}
