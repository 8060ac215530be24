//! Evidence records (RFC 4998): one time-stamp says of many digests that they were there, and each has its own way to it.
//!
//! Nothing of them is kept here: whoever asked has the record, and asks for its renewal before the certificate or the algorithm of its last
//! time-stamp ages. Renewed is the time-stamp (RFC 4998 5.2, first kind); a record whose hash ages is made anew from the documents.

use crate::cms::der::{CONTEXT_0, Element, INTEGER, OCTET_STRING, SEQUENCE, element, elements};
use crate::suite::Hash;

/// version v1.
const VERSION: [u8; 3] = [INTEGER, 1, 1];
/// `[2]`, constructed: the reduced hash tree.
const REDUCED: u8 = 0xA2;
/// How many lists there are above a digest of so many that nobody brings.
const DEEPEST: usize = 64;

/// A tree over digests of one hash.
pub(crate) struct Tree {
    hash: Hash,
    /// From the digests up to the root; each knows its parent's place in the next.
    levels: Vec<Vec<Node>>,
}

struct Node {
    digest: Vec<u8>,
    parent: usize,
}

impl Tree {
    /// Over digests, of which there is one at least.
    pub(crate) fn over(hash: Hash, digests: &[Vec<u8>]) -> Self {
        let leaf = |digest: &Vec<u8>| Node { digest: digest.clone(), parent: 0 };
        let mut levels = vec![digests.iter().map(leaf).collect::<Vec<_>>()];
        while let Some(last) = levels.last_mut()
            && last.len() > 1
        {
            // Pairs, and three at the end where one would be alone: RFC 4998 4.2 lets a node have as many below it as one likes.
            let groups = (last.len() / 2).max(1);
            let mut above: Vec<Vec<Vec<u8>>> = vec![Vec::new(); groups];
            for (place, node) in last.iter_mut().enumerate() {
                node.parent = (place / 2).min(groups - 1);
                above[node.parent].push(node.digest.clone());
            }
            let above = above.into_iter().map(|group| Node { digest: joined(hash, group), parent: 0 });
            levels.push(above.collect());
        }
        Self { hash, levels }
    }

    /// What is to be time-stamped.
    pub(crate) fn root(&self) -> &[u8] {
        self.levels.last().and_then(|top| top.first()).map_or(&[], |root| &root.digest)
    }

    /// The record of the digest at this place, once the root has its time-stamp.
    pub(crate) fn record(&self, place: usize, token: &[u8]) -> Vec<u8> {
        let mut lists = Vec::new();
        let mut at = place;
        for (height, level) in self.levels.iter().enumerate().take(self.levels.len() - 1) {
            let parent = level[at].parent;
            // RFC 4998 4.2: the digest itself stands in the first list; above it, what comes from below is left out.
            let beside = level.iter().enumerate().filter(|(_, node)| node.parent == parent);
            let beside = beside.filter(|(other, _)| height == 0 || *other != at);
            let mut list: Vec<&[u8]> = beside.map(|(_, node)| node.digest.as_slice()).collect();
            list.sort_unstable();
            let octets: Vec<Vec<u8>> = list.iter().map(|digest| element(OCTET_STRING, &[digest])).collect();
            lists.push(element(SEQUENCE, &octets.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            at = parent;
        }
        let reduced = if lists.is_empty() {
            Vec::new()
        } else {
            element(REDUCED, &lists.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let stamp = element(SEQUENCE, &[&digest_algorithm(self.hash), &reduced, token]);
        let chains = element(SEQUENCE, &[&element(SEQUENCE, &[&stamp])]);
        element(SEQUENCE, &[&VERSION, &element(SEQUENCE, &[self.hash.identifier()]), &chains])
    }
}

/// RFC 4998 4.2: digests in binary ascending order, one behind the other, hashed.
fn joined(hash: Hash, mut group: Vec<Vec<u8>>) -> Vec<u8> {
    group.sort_unstable();
    hash.digest(&group.concat())
}

/// `[0]` digestAlgorithm.
fn digest_algorithm(hash: Hash) -> Vec<u8> {
    let mut tagged = hash.identifier().to_vec();
    tagged[0] = CONTEXT_0;
    tagged
}

/// A record that reads, as far as its renewal needs it.
pub(crate) struct Record<'a> {
    /// version, digestAlgorithms and what else stands before the time-stamps.
    before: Vec<&'a [u8]>,
    /// Every chain but the last.
    chains: Vec<&'a [u8]>,
    /// The time-stamps of the last chain.
    last: Vec<&'a [u8]>,
    /// The hash of the last time-stamp's tree.
    hash: Hash,
    /// Its token.
    token: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record (RFC 4998 3.1); nothing if it is none.
    pub(crate) fn read(octets: &'a [u8]) -> Option<Self> {
        let [outer] = elements(octets)?[..] else { return None };
        let fields = elements(expect(outer, SEQUENCE)?)?;
        let [version, algorithms, between @ .., sequence] = &fields[..] else { return None };
        if version.whole != VERSION {
            return None;
        }
        expect(*algorithms, SEQUENCE)?;
        let chains = elements(expect(*sequence, SEQUENCE)?)?;
        let (last, chains) = chains.split_last()?;
        let last = elements(expect(*last, SEQUENCE)?)?;
        let fields = elements(expect(*last.last()?, SEQUENCE)?)?;
        let token = expect_whole(*fields.last()?, SEQUENCE)?;
        let hash = hash_of(&fields)?;
        let lists = fields.iter().find(|field| field.tag == REDUCED);
        if lists.is_some_and(|lists| elements(lists.content).is_none_or(|lists| lists.len() > DEEPEST)) {
            return None;
        }
        Some(Self {
            before: [version, algorithms].into_iter().chain(between).map(|field| field.whole).collect(),
            chains: chains.iter().map(|chain| chain.whole).collect(),
            last: last.iter().map(|stamp| stamp.whole).collect(),
            hash,
            token,
        })
    }

    /// The hash of the chain, and the digest that the next time-stamp is about: of the last one (RFC 4998 5.2).
    pub(crate) fn to_renew(&self) -> (Hash, Vec<u8>) {
        (self.hash, self.hash.digest(self.token))
    }

    /// The record with a further time-stamp in its last chain.
    pub(crate) fn renewed(&self, token: &[u8]) -> Vec<u8> {
        let stamp = element(SEQUENCE, &[&digest_algorithm(self.hash), token]);
        let last: Vec<&[u8]> = self.last.iter().copied().chain([stamp.as_slice()]).collect();
        let last = element(SEQUENCE, &last);
        let chains: Vec<&[u8]> = self.chains.iter().copied().chain([last.as_slice()]).collect();
        let chains = element(SEQUENCE, &chains);
        let fields: Vec<&[u8]> = self.before.iter().copied().chain([chains.as_slice()]).collect();
        element(SEQUENCE, &fields)
    }
}

/// The hash that a time-stamp names.
fn hash_of(fields: &[Element<'_>]) -> Option<Hash> {
    let named = fields.first().filter(|field| field.tag == CONTEXT_0)?;
    let known = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    known.into_iter().find(|hash| digest_algorithm(*hash) == named.whole)
}

fn expect(element: Element<'_>, tag: u8) -> Option<&[u8]> {
    (element.tag == tag).then_some(element.content)
}

fn expect_whole(element: Element<'_>, tag: u8) -> Option<&[u8]> {
    (element.tag == tag).then_some(element.whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = &[SEQUENCE, 2, 5, 0];

    /// What a reader of the record finds as the root for a digest, by RFC 4998 4.3; nothing if the digest is not in it.
    fn root(record: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
        let read = Record::read(record)?;
        let [stamp] = elements(read.last[0])?[..] else { return None };
        let fields = elements(stamp.content)?;
        let Some(reduced) = fields.iter().find(|field| field.tag == REDUCED) else {
            return Some(digest.to_vec());
        };
        let mut found: Option<Vec<u8>> = None;
        for list in elements(reduced.content)? {
            let mut list: Vec<Vec<u8>> =
                elements(list.content)?.iter().map(|it| it.content.to_vec()).collect();
            match found.take() {
                None if !list.iter().any(|it| it == digest) => return None,
                None => {}
                Some(below) => list.push(below),
            }
            list.sort_unstable();
            found = Some(read.hash.digest(&list.concat()));
        }
        found
    }

    /// Every digest of any number has a way to the root, in a record of its own that is short; another digest has none.
    #[test]
    fn each_digest_has_its_way() {
        for count in [1_usize, 2, 3, 4, 5, 7, 8, 9, 250] {
            let digests: Vec<Vec<u8>> = (0..count).map(|at| Hash::Sha256.digest(&at.to_be_bytes())).collect();
            let tree = Tree::over(Hash::Sha256, &digests);
            for (place, digest) in digests.iter().enumerate() {
                let record = tree.record(place, TOKEN);
                assert_eq!(root(&record, digest).as_deref(), Some(tree.root()), "{place} of {count}");
                assert_ne!(root(&record, &[7; 32]).as_deref(), Some(tree.root()));
                assert!(record.len() < 600, "{}", record.len());
            }
        }
    }

    /// A renewed record has one more time-stamp, about the one before, and everything else as it was.
    #[test]
    fn renewals_are_added() {
        let digests: Vec<Vec<u8>> = (0_u8..3).map(|at| Hash::Sha512.digest(&[at])).collect();
        let record = Tree::over(Hash::Sha512, &digests).record(1, TOKEN);
        let read = Record::read(&record).unwrap();
        let (hash, digest) = read.to_renew();
        assert_eq!((hash, digest), (Hash::Sha512, Hash::Sha512.digest(TOKEN)));
        let newer: &[u8] = &[SEQUENCE, 3, INTEGER, 1, 9];
        let renewed = read.renewed(newer);
        let again = Record::read(&renewed).unwrap();
        assert_eq!((again.last.len(), again.last[0], again.token), (2, read.last[0], newer));
        assert_eq!(again.before, read.before);
    }

    /// What is no record is not read, wherever it is cut, and damage does no harm.
    #[test]
    fn nonsense_is_no_record() {
        let digests: Vec<Vec<u8>> = (0_u8..4).map(|at| Hash::Sha256.digest(&[at])).collect();
        let record = Tree::over(Hash::Sha256, &digests).record(2, TOKEN);
        assert!((0..record.len()).all(|end| Record::read(&record[..end]).is_none()));
        platform::hammer::hammer(&record, 500, |octets| {
            if let Some(read) = Record::read(octets) {
                let _ = read.renewed(TOKEN);
            }
        })
        .unwrap();
    }
}
