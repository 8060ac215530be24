//! SHA-256 digests of documents, and which of them an authorisation covers.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(out)
    }

    /// Base64, as it travels.
    pub(crate) fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

/// The digests one authorisation covers, in the order in which they were listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Authorised(Vec<Digest>);

impl Authorised {
    /// The list as it was authorised; each digest may stand in it once.
    pub(crate) fn new(digests: Vec<Digest>) -> Result<Self, Repeated> {
        check_distinct(&digests)?;
        Ok(Self(digests))
    }

    /// One after the other, as they are stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|digest| digest.0).collect()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` when it is no whole number of digests.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (digests, rest) = bytes.as_chunks::<32>();
        rest.is_empty().then(|| Self(digests.iter().copied().map(Digest).collect()))
    }

    /// Each of them, in that order.
    pub(crate) fn each(&self) -> &[Digest] {
        &self.0
    }

    /// Each of them, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Digest> {
        self.0.iter()
    }

    /// How many signatures it allows.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The position of each requested digest, or `None` when one of them is not covered.
    pub(crate) fn positions(&self, requested: &[Digest]) -> Option<Vec<usize>> {
        if let [one] = requested {
            return self.0.iter().position(|digest| digest == one).map(|position| vec![position]);
        }
        let mut listed = HashMap::with_capacity(self.0.len());
        for (position, digest) in self.0.iter().enumerate() {
            // A row from before repetitions were refused: the first mention counts, so that it is signed once.
            listed.entry(*digest).or_insert(position);
        }
        requested.iter().map(|digest| listed.get(digest).copied()).collect()
    }
}

/// A digest that stands in a list twice. Both places are counted from zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Repeated {
    /// Where it stands first.
    pub(crate) first: usize,
    /// Where it stands again.
    pub(crate) again: usize,
}

/// Refuses a list in which a digest stands twice.
pub(crate) fn check_distinct(digests: &[Digest]) -> Result<(), Repeated> {
    let mut seen = HashMap::with_capacity(digests.len());
    for (again, digest) in digests.iter().enumerate() {
        if let Some(first) = seen.insert(*digest, again) {
            return Err(Repeated { first, again });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(bytes: &[u8]) -> Vec<Digest> {
        bytes.iter().map(|byte| Digest([*byte; 32])).collect()
    }

    /// The same request always finds the same positions; what is not listed covers nothing of the request.
    #[test]
    fn positions_are_those_of_the_list() {
        let list = Authorised::new(digests(&[1, 2, 3])).unwrap();
        for (requested, expected) in [
            (&[1][..], Some(vec![0])),
            (&[3], Some(vec![2])),
            (&[2, 1], Some(vec![1, 0])),
            (&[4], None),
            (&[2, 4], None),
        ] {
            assert_eq!(list.positions(&digests(requested)), expected, "{requested:?}");
        }
    }

    /// A digest that is listed twice is refused with both its places, and one in an old row counts once.
    #[test]
    fn repetitions_are_refused() {
        assert_eq!(Authorised::new(digests(&[1, 2, 3, 2])), Err(Repeated { first: 1, again: 3 }));
        assert_eq!(check_distinct(&digests(&[7, 7, 7])), Err(Repeated { first: 0, again: 1 }));
        assert_eq!(check_distinct(&digests(&[])), Ok(()));
        let stored: Vec<u8> = digests(&[1, 2, 1]).iter().flat_map(|digest| digest.0).collect();
        let old = Authorised::from_bytes(&stored).unwrap();
        assert_eq!(old.positions(&digests(&[1])), Some(vec![0]));
        assert_eq!(old.positions(&digests(&[2, 1])), Some(vec![1, 0]));
    }

    /// The stored form reads back, and a torn one does not.
    #[test]
    fn stored_list_reads_back() {
        let list = Authorised::new(digests(&[1, 2])).unwrap();
        let bytes = list.to_bytes();
        assert_eq!(Authorised::from_bytes(&bytes), Some(list));
        assert_eq!(Authorised::from_bytes(&bytes[1..]), None);
    }
}
