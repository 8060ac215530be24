//! The index of an archive time-stamp (ETSI EN 319 122-1 5.5.2): by their hashes, what it covers.
//!
//! Whoever made it is a stranger still when it is held against what is there, so that costs one digest for each of that, however long its lists are.

use std::collections::HashSet;

use aws_lc_rs::digest::{self, Algorithm};
use der::asn1::ObjectIdentifier;

use super::attributes;
use super::cms::{MOST_VALUES, Signature, Signed};
use crate::cades::{HASH_INDEX, Unsigned};
use crate::cms::der::{Element, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, elements};

/// `ATSHashIndexV3`, read but not believed.
pub(super) struct HashIndex<'a> {
    /// As it stands there: it is in the imprint.
    pub(super) whole: &'a [u8],
    hash: &'static Algorithm,
    certificates: HashSet<&'a [u8]>,
    crls: HashSet<&'a [u8]>,
    values: HashSet<&'a [u8]>,
}

impl<'a> HashIndex<'a> {
    /// The one among the unsigned attributes of a token, if it is of the hash of its imprint.
    pub(super) fn of(token: &'a Signature, hash: &'static Algorithm) -> Option<Self> {
        let mut attributes = token.unsigned.iter().filter_map(|it| Unsigned::read(it));
        let index = attributes.find(|attribute| attribute.kind == HASH_INDEX)?;
        let [whole] = index.values[..] else { return None };
        Self::read(whole, hash)
    }

    fn read(whole: &'a [u8], hash: &'static Algorithm) -> Option<Self> {
        let [outer] = elements(whole)?[..] else { return None };
        let [algorithm, certificates, crls, values] = elements(expect(outer, SEQUENCE)?)?[..] else {
            return None;
        };
        let oid = elements(expect(algorithm, SEQUENCE)?)?.first().copied()?;
        let oid = ObjectIdentifier::from_bytes(expect(oid, OBJECT_IDENTIFIER)?).ok()?;
        if attributes::hash(oid).ok()? != hash {
            return None;
        }
        let [certificates, crls, values] = [hashes(certificates)?, hashes(crls)?, hashes(values)?];
        Some(Self { whole, hash, certificates, crls, values })
    }

    /// The values of unsigned attributes that it covers, each as it is hashed, if it lists nothing that is not there, and the signer's certificate.
    pub(super) fn covered(&self, signed: &Signed, signature: &Signature) -> Option<Vec<Vec<u8>>> {
        let digest = |octets: &[u8]| digest::digest(self.hash, octets);
        let certificates = listed(&self.certificates, &signed.certificates_der, digest)?;
        listed(&self.crls, &signed.crls_der, digest)?;
        let unsigned: Option<Vec<Unsigned<'_>>> =
            signature.unsigned.iter().map(|it| Unsigned::read(it)).collect();
        let values = listed(&self.values, unsigned?.iter().flat_map(Unsigned::hashed), digest)?;
        let names_signer = certificates.iter().any(|it| it.as_slice() == signature.signer.der());
        names_signer.then_some(values)
    }
}

/// The hashes of a list, which are no more than there can be of what it lists.
fn hashes(list: Element<'_>) -> Option<HashSet<&[u8]>> {
    let members = elements(expect(list, SEQUENCE)?)?;
    if members.len() > MOST_VALUES {
        return None;
    }
    members.into_iter().map(|member| expect(member, OCTET_STRING)).collect()
}

/// What a list has of all that is there, each hashed once; nothing where it lists something that is not there.
fn listed<T: AsRef<[u8]>, D: AsRef<[u8]>>(
    list: &HashSet<&[u8]>,
    there: impl IntoIterator<Item = T>,
    digest: impl Fn(&[u8]) -> D,
) -> Option<Vec<T>> {
    let (mut found, mut covered) = (HashSet::new(), Vec::new());
    for octets in there {
        if let Some(hash) = list.get(digest(octets.as_ref()).as_ref()) {
            found.insert(*hash);
            covered.push(octets);
        }
    }
    (found.len() == list.len()).then_some(covered)
}

fn expect(element: Element<'_>, tag: u8) -> Option<&[u8]> {
    (element.tag == tag).then_some(element.content)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cms::der::element;

    fn sha256(octets: &[u8]) -> digest::Digest {
        digest::digest(&digest::SHA256, octets)
    }

    /// What is there is hashed once each, however many hashes a list has; a hash of what is not there, and the list says nothing.
    #[test]
    fn each_value_is_hashed_once() {
        let there: Vec<Vec<u8>> = (0_u32..5_000).map(|it| it.to_be_bytes().to_vec()).collect();
        let hashes: Vec<digest::Digest> = there.iter().map(|it| sha256(it)).collect();
        let mut list: HashSet<&[u8]> = hashes.iter().map(AsRef::as_ref).collect();
        let count = Cell::new(0_usize);
        let counted = |octets: &[u8]| {
            count.set(count.get() + 1);
            sha256(octets)
        };
        assert_eq!(listed(&list, there.clone(), counted), Some(there.clone()));
        assert_eq!(count.get(), there.len());
        let first = sha256(&there[0]);
        list.remove(first.as_ref());
        assert_eq!(
            listed(&list, there.clone(), counted),
            Some(there[1..].to_vec()),
            "what is not listed is not covered"
        );
        list.insert(&[7; 32]);
        assert_eq!(listed(&list, there, counted), None);
    }

    /// A list of more hashes than there can be values is not read, nor an index of another hash than the imprint's.
    #[test]
    fn long_lists_are_not_read() {
        let index = |count: usize| {
            let hash = element(OCTET_STRING, &[&[7; 32]]);
            let (empty, full) = (element(SEQUENCE, &[]), element(SEQUENCE, &vec![hash.as_slice(); count]));
            element(SEQUENCE, &[crate::suite::Hash::Sha256.identifier(), &empty, &empty, &full])
        };
        assert!(HashIndex::read(&index(MOST_VALUES), &digest::SHA256).is_some());
        assert!(HashIndex::read(&index(MOST_VALUES + 1), &digest::SHA256).is_none());
        assert!(HashIndex::read(&index(1), &digest::SHA512).is_none());
    }
}
