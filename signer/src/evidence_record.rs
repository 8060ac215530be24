//! Evidence records (RFC 4998): one time-stamp says of many digests that they were there, and each has its own way to it.
//!
//! Whoever asked has the record, and asks for its renewal before the certificate or the algorithm of its last time-stamp ages, or has it kept and
//! renewed here (`kept_records`). There are two kinds (RFC 4998 5.2): a further time-stamp over the last one, and, where the hash ages, a new chain
//! over the document's new hash and all that was there, so that the old proof of time stays one. `verification::record` judges them.

use crate::cms::der::{CONTEXT_0, Element, INTEGER, OCTET_STRING, SEQUENCE, element, elements};
use crate::suite::Hash;
use crate::verification::Evidence;

/// version v1.
const VERSION: [u8; 3] = [INTEGER, 1, 1];
/// NULL.
const NULL: [u8; 2] = [5, 0];
/// `[2]`, constructed: the reduced hash tree.
const REDUCED: u8 = 0xA2;
/// How many lists there are above a digest of so many that nobody brings.
const DEEPEST: usize = 64;
/// How many time-stamps a record may have; each costs the verification of a signature and of a path.
pub(crate) const MOST_STAMPS: usize = 64;

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
        let chains = element(SEQUENCE, &[&element(SEQUENCE, &[&self.stamp(place, token)])]);
        element(SEQUENCE, &[&VERSION, &element(SEQUENCE, &[self.hash.identifier()]), &chains])
    }

    /// The `ArchiveTimeStamp` of the digest at this place, with its way to the root.
    pub(crate) fn stamp(&self, place: usize, token: &[u8]) -> Vec<u8> {
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
        element(SEQUENCE, &[&digest_algorithm(self.hash), &reduced, token])
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

/// A record that reads.
pub(crate) struct Record<'a> {
    /// What stands between the algorithms and the time-stamps.
    between: Vec<&'a [u8]>,
    /// digestAlgorithms, each as it stands there.
    algorithms: Vec<&'a [u8]>,
    /// The chains, one at least, the oldest first.
    pub(crate) chains: Vec<Chain<'a>>,
}

/// Time-stamps of one hash, each about the one before.
pub(crate) struct Chain<'a> {
    whole: &'a [u8],
    /// One at least, the oldest first.
    pub(crate) stamps: Vec<Stamp<'a>>,
}

/// An `ArchiveTimeStamp` (RFC 4998 4.1).
pub(crate) struct Stamp<'a> {
    whole: &'a [u8],
    /// The hash of its tree.
    pub(crate) hash: Hash,
    /// The reduced tree, from the list with the digest itself upwards; empty where the digest is time-stamped alone.
    lists: Vec<Vec<&'a [u8]>>,
    /// What stands before the token.
    before: Vec<&'a [u8]>,
    /// The token.
    pub(crate) token: &'a [u8],
}

impl<'a> Stamp<'a> {
    fn read(element: Element<'a>) -> Option<Self> {
        let fields = elements(expect(element, SEQUENCE)?)?;
        let token = expect_whole(*fields.last()?, SEQUENCE)?;
        let hash = hash_of(&fields, token)?;
        let reduced = fields.iter().find(|field| field.tag == REDUCED);
        let reduced = reduced.map_or_else(|| Some(Vec::new()), |reduced| elements(reduced.content))?;
        if reduced.len() > DEEPEST {
            return None;
        }
        let list = |list: &Element<'a>| {
            let members = elements(expect(*list, SEQUENCE)?)?;
            members.iter().map(|member| expect(*member, OCTET_STRING)).collect::<Option<Vec<_>>>()
        };
        let lists = reduced.iter().map(list).collect::<Option<Vec<_>>>()?;
        // An empty list says of nothing that it was there.
        let full = lists.iter().all(|list| !list.is_empty());
        let before = fields[..fields.len() - 1].iter().map(|field| field.whole).collect();
        full.then_some(Self { whole: element.whole, hash, lists, before, token })
    }

    /// What its time-stamp has to be about, by RFC 4998 4.3: for this digest, or for whatever stands in its first list. Nothing if the
    /// digest is not in it, or if none is said and the digest is time-stamped alone.
    pub(crate) fn root(&self, digest: Option<&[u8]>) -> Option<Vec<u8>> {
        let Some((first, above)) = self.lists.split_first() else { return digest.map(<[u8]>::to_vec) };
        if digest.is_some_and(|digest| !first.contains(&digest)) {
            return None;
        }
        let own = |list: &[&[u8]]| list.iter().map(|member| member.to_vec()).collect::<Vec<_>>();
        // A list of one digest at the bottom is that digest; a group is what it hashes to.
        let bottom = match first[..] {
            [one] => one.to_vec(),
            _ => joined(self.hash, own(first)),
        };
        Some(above.iter().fold(bottom, |below, list| {
            let mut group = own(list);
            group.push(below);
            joined(self.hash, group)
        }))
    }
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
        let algorithms = elements(expect(*algorithms, SEQUENCE)?)?;
        let (mut chains, mut count) = (Vec::new(), 0);
        for chain in elements(expect(*sequence, SEQUENCE)?)? {
            let stamps = elements(expect(chain, SEQUENCE)?)?;
            count += stamps.len();
            // Before any is read: a token may have to be.
            if stamps.is_empty() || count > MOST_STAMPS {
                return None;
            }
            let stamps = stamps.into_iter().map(Stamp::read).collect::<Option<Vec<_>>>()?;
            chains.push(Chain { whole: chain.whole, stamps });
        }
        if chains.is_empty() {
            return None;
        }
        Some(Self {
            between: between.iter().map(|field| field.whole).collect(),
            algorithms: algorithms.iter().map(|algorithm| algorithm.whole).collect(),
            chains,
        })
    }

    /// Whether it has as many time-stamps as it may: with a further one nobody here could read it.
    pub(crate) fn is_full(&self) -> bool {
        self.chains.iter().map(|chain| chain.stamps.len()).sum::<usize>() >= MOST_STAMPS
    }

    /// The hash of the last chain, and the digest that its next time-stamp is about: of the last one (RFC 4998 5.2).
    pub(crate) fn to_renew(&self) -> Option<(Hash, Vec<u8>)> {
        let last = self.chains.last()?.stamps.last()?;
        Some((last.hash, last.hash.digest(last.token)))
    }

    /// The token of the last time-stamp, which nothing is about yet.
    pub(crate) fn last_token(&self) -> Option<&'a [u8]> {
        Some(self.chains.last()?.stamps.last()?.token)
    }

    /// The record with this in place of the token of the last time-stamp: the same one, with more around what is signed in it.
    pub(crate) fn replaced(&self, token: &[u8]) -> Option<Vec<u8>> {
        let (chain, chains) = self.chains.split_last()?;
        let (stamp, stamps) = chain.stamps.split_last()?;
        let fields: Vec<&[u8]> = stamp.before.iter().copied().chain([token]).collect();
        let last = element(SEQUENCE, &fields);
        let stamps: Vec<&[u8]> = stamps.iter().map(|it| it.whole).chain([last.as_slice()]).collect();
        let last = element(SEQUENCE, &stamps);
        let chains: Vec<&[u8]> = chains.iter().map(|chain| chain.whole).chain([last.as_slice()]).collect();
        Some(self.joined(&self.algorithms, &chains))
    }

    /// The digest that a new chain is about, in a new hash: of the document's digest in it and of the digest of the chains before this one,
    /// one behind the other (RFC 4998 5.2 and 5.3).
    pub(crate) fn to_rehash(&self, hash: Hash, document: &[u8], before: usize) -> Vec<u8> {
        let older: Vec<&[u8]> = self.chains.iter().take(before).map(|chain| chain.whole).collect();
        hash.digest(&[document, &hash.digest(&element(SEQUENCE, &older))].concat())
    }

    /// The record with a further time-stamp in its last chain.
    pub(crate) fn renewed(&self, token: &[u8]) -> Option<Vec<u8>> {
        let (last, before) = self.chains.split_last()?;
        let stamp = stamp(last.stamps.last()?.hash, token);
        let stamps: Vec<&[u8]> = last.stamps.iter().map(|it| it.whole).chain([stamp.as_slice()]).collect();
        let last = element(SEQUENCE, &stamps);
        let chains: Vec<&[u8]> = before.iter().map(|chain| chain.whole).chain([last.as_slice()]).collect();
        Some(self.joined(&self.algorithms, &chains))
    }

    /// The record with a new chain behind the others, whose hash is another.
    pub(crate) fn rehashed(&self, hash: Hash, token: &[u8]) -> Vec<u8> {
        self.chained(hash, &stamp(hash, token))
    }

    /// The same, with an `ArchiveTimeStamp` that it shares with others.
    pub(crate) fn chained(&self, hash: Hash, stamp: &[u8]) -> Vec<u8> {
        let chain = element(SEQUENCE, &[stamp]);
        let chains: Vec<&[u8]> =
            self.chains.iter().map(|chain| chain.whole).chain([chain.as_slice()]).collect();
        let same = |algorithm: &&[u8]| {
            let [algorithm] = elements(algorithm)?[..] else { return None };
            identified(expect(algorithm, SEQUENCE)?).filter(|named| *named == hash)
        };
        let named = self.algorithms.iter().find_map(same);
        let new = named.is_none().then(|| hash.identifier());
        let algorithms: Vec<&[u8]> = self.algorithms.iter().copied().chain(new).collect();
        self.joined(&algorithms, &chains)
    }

    fn joined(&self, algorithms: &[&[u8]], chains: &[&[u8]]) -> Vec<u8> {
        let (algorithms, chains) = (element(SEQUENCE, algorithms), element(SEQUENCE, chains));
        let version: &[u8] = &VERSION;
        let fields: Vec<&[u8]> = [version, &algorithms]
            .into_iter()
            .chain(self.between.iter().copied())
            .chain([chains.as_slice()])
            .collect();
        element(SEQUENCE, &fields)
    }
}

/// An `ArchiveTimeStamp` of a digest that is time-stamped alone.
fn stamp(hash: Hash, token: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&digest_algorithm(hash), token])
}

/// The hash of a time-stamp's tree: the one that it names, and otherwise that of its token (RFC 4998 4.1).
fn hash_of(fields: &[Element<'_>], token: &[u8]) -> Option<Hash> {
    match fields.first().filter(|field| field.tag == CONTEXT_0) {
        Some(named) => identified(named.content),
        None => Evidence::imprint_hash(token),
    }
}

/// The hash of an `AlgorithmIdentifier` without its tag, whose parameters are absent or NULL (RFC 5754 2).
fn identified(fields: &[u8]) -> Option<Hash> {
    let name = match elements(fields)?[..] {
        [name] => name,
        [name, parameters] if parameters.whole == NULL => name,
        _ => return None,
    };
    let known = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    known.into_iter().find(|hash| hash.identifier().get(2..) == Some(name.whole))
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

    /// What a reader of the record finds as the root for a digest; nothing if the digest is not in it.
    fn root(record: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
        Record::read(record)?.chains[0].stamps[0].root(Some(digest))
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

    /// A renewed record has one more time-stamp, about the one before, and everything else as it was; one whose hash was renewed has one
    /// more chain, about the document and all that was there.
    #[test]
    fn renewals_are_added() {
        let digests: Vec<Vec<u8>> = (0_u8..3).map(|at| Hash::Sha256.digest(&[at])).collect();
        let record = Tree::over(Hash::Sha256, &digests).record(1, TOKEN);
        let read = Record::read(&record).unwrap();
        assert_eq!(read.to_renew(), Some((Hash::Sha256, Hash::Sha256.digest(TOKEN))));
        let newer: &[u8] = &[SEQUENCE, 3, INTEGER, 1, 9];
        let renewed = read.renewed(newer).unwrap();
        let again = Record::read(&renewed).unwrap();
        let [chain] = &again.chains[..] else { panic!("one chain") };
        assert_eq!((chain.stamps.len(), chain.stamps[0].whole), (2, read.chains[0].stamps[0].whole));
        assert_eq!((chain.stamps[1].token, chain.stamps[1].root(Some(&[7]))), (newer, Some(vec![7])));
        assert_eq!(again.algorithms, read.algorithms);
        let fuller: &[u8] = &[SEQUENCE, 4, 5, 0, 5, 0];
        assert_eq!(again.last_token(), Some(newer));
        let replaced = again.replaced(fuller).unwrap();
        let replaced = Record::read(&replaced).unwrap();
        assert_eq!(
            replaced.chains[0].stamps[0].whole, read.chains[0].stamps[0].whole,
            "what is covered stays"
        );
        assert_eq!(replaced.last_token(), Some(fuller));
        let whole = read.replaced(fuller).unwrap();
        let whole = Record::read(&whole).unwrap();
        assert_eq!(
            whole.chains[0].stamps[0].root(Some(&digests[1])),
            read.chains[0].stamps[0].root(Some(&digests[1]))
        );
        assert_eq!(whole.replaced(TOKEN).unwrap(), record, "and nothing else changes");

        let document = Hash::Sha512.digest(&[1]);
        let older = element(SEQUENCE, &[again.chains[0].whole]);
        let about = Hash::Sha512.digest(&[document.clone(), Hash::Sha512.digest(&older)].concat());
        assert_eq!(again.to_rehash(Hash::Sha512, &document, 1), about);
        let rehashed = again.rehashed(Hash::Sha512, TOKEN);
        let last = Record::read(&rehashed).unwrap();
        assert_eq!((last.chains.len(), last.chains[0].whole), (2, again.chains[0].whole));
        assert_eq!(last.algorithms, [Hash::Sha256.identifier(), Hash::Sha512.identifier()]);
        assert_eq!(last.chains[1].stamps[0].hash, Hash::Sha512);
        assert_eq!(last.to_rehash(Hash::Sha512, &document, 1), about, "what came later is not in it");

        // A new chain that the records of a tree share.
        let tree = Tree::over(Hash::Sha256, &digests);
        let about = |place: u8| {
            let record = tree.record(place.into(), TOKEN);
            let digest = Hash::Sha512.digest(&[place]);
            Record::read(&record).unwrap().to_rehash(Hash::Sha512, &digest, 1)
        };
        let leaves: Vec<Vec<u8>> = (0..3).map(about).collect();
        let above = Tree::over(Hash::Sha512, &leaves);
        let shared = read.chained(Hash::Sha512, &above.stamp(1, newer));
        let shared = Record::read(&shared).unwrap();
        let root = |leaf: &[u8]| shared.chains[1].stamps[0].root(Some(leaf));
        assert_eq!((root(&leaves[1]).as_deref(), root(&[7; 64])), (Some(above.root()), None));
    }

    /// A hash may be named with NULL behind it. What came stays as it is in a renewal, and no hash is named twice.
    #[test]
    fn parameters_of_a_hash_may_be_null() {
        let digests: Vec<Vec<u8>> = (0_u8..3).map(|at| Hash::Sha256.digest(&[at])).collect();
        let tree = Tree::over(Hash::Sha256, &digests);
        let whole = tree.stamp(1, TOKEN);
        let [stamp] = elements(&whole).unwrap()[..] else { panic!("one structure") };
        let fields = elements(stamp.content).unwrap();
        let identifier = Hash::Sha256.identifier();
        let named = [&[CONTEXT_0, 0x0D][..], &identifier[2..], &NULL].concat();
        let algorithm = [&[SEQUENCE, 0x0D][..], &identifier[2..], &NULL].concat();
        let stamp = element(SEQUENCE, &[&named, fields[1].whole, fields[2].whole]);
        let chains = element(SEQUENCE, &[&element(SEQUENCE, &[&stamp])]);
        let record = element(SEQUENCE, &[&VERSION, &element(SEQUENCE, &[&algorithm]), &chains]);
        assert_eq!(root(&record, &digests[1]).as_deref(), Some(tree.root()));
        let read = Record::read(&record).unwrap();
        let renewed = read.renewed(TOKEN).unwrap();
        let again = Record::read(&renewed).unwrap();
        assert_eq!(
            (again.chains[0].stamps[0].whole, again.algorithms),
            (stamp.as_slice(), vec![algorithm.as_slice()])
        );
        let longer = read.rehashed(Hash::Sha512, TOKEN);
        let longer = Record::read(&longer).unwrap();
        assert_eq!(longer.algorithms, [algorithm.as_slice(), Hash::Sha512.identifier()]);
        let same = read.rehashed(Hash::Sha256, TOKEN);
        assert_eq!(Record::read(&same).unwrap().algorithms, [algorithm.as_slice()]);
        // Other parameters, and more behind them, name nothing.
        for wrong in [&[5, 1, 0][..], &[2, 1, 0], &[5, 0, 5, 0]] {
            assert_eq!(identified(&[&identifier[2..], wrong].concat()), None, "{wrong:?}");
        }
        assert_eq!(identified(&[]), None);
    }

    /// A record that has as many time-stamps as it may, in whichever chains, says so; with one more it is not read.
    #[test]
    fn records_say_when_they_are_full() {
        let digests = [Hash::Sha256.digest(&[1])];
        let mut record = Tree::over(Hash::Sha256, &digests).record(0, TOKEN);
        for count in 1..MOST_STAMPS {
            let read = Record::read(&record).unwrap();
            assert!(!read.is_full(), "{count}");
            let more =
                if count == 9 { Some(read.rehashed(Hash::Sha512, TOKEN)) } else { read.renewed(TOKEN) };
            record = more.unwrap();
        }
        let full = Record::read(&record).unwrap();
        assert!(full.is_full() && full.chains.len() == 2);
        assert!(Record::read(&full.renewed(TOKEN).unwrap()).is_none());
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
