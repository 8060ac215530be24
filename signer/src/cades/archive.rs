//! The archive time-stamp (ETSI EN 319 122-1 5.5): what it covers.

use super::parts::{Parts, Unsigned};
use crate::cms::der::{OCTET_STRING, SEQUENCE, element};
use crate::suite::Hash;

/// id-aa-ATSHashIndex-v3, EN 319 122-1 5.5.2.
pub(crate) const HASH_INDEX: &[u8] = &[0x04, 0x00, 0x81, 0x95, 0x32, 0x01, 0x05];

/// `ATSHashIndexV3` over what is there: certificates, revocation lists and the values of unsigned attributes, each by its hash, so that
/// what is added later spoils nothing. `None` if an attribute does not read.
pub(crate) fn hash_index(
    certificates: &[Vec<u8>],
    crls: &[Vec<u8>],
    unsigned: &[Vec<u8>],
    hash: Hash,
) -> Option<Vec<u8>> {
    let attributes: Option<Vec<Unsigned<'_>>> = unsigned.iter().map(|it| Unsigned::read(it)).collect();
    let values: Vec<Vec<u8>> = attributes?.iter().flat_map(Unsigned::hashed).collect();
    let hashes = |members: &[Vec<u8>]| {
        let each: Vec<Vec<u8>> =
            members.iter().map(|member| element(OCTET_STRING, &[&hash.digest(member)])).collect();
        element(SEQUENCE, &each.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    Some(element(SEQUENCE, &[hash.identifier(), &hashes(certificates), &hashes(crls), &hashes(&values)]))
}

/// What is hashed for the time-stamp: content type, digest of the document, the signer's fields up to the signature, and the index.
pub(super) fn imprint(parts: &Parts, digest: &[u8], index: &[u8]) -> Vec<u8> {
    [&parts.content_type, digest, &parts.signed, index].concat()
}
