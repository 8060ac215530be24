//! Positions that include others: what one comes to, and that none comes back to itself.

use std::collections::BTreeMap;

use crate::ids::PositionId;

/// How many positions one may include, those that these include among them.
pub(super) const MOST: usize = 100;
/// How deep inclusions may go.
pub(super) const DEEPEST: usize = 8;

/// Which positions each includes directly.
pub(super) type Inclusions = BTreeMap<PositionId, Vec<PositionId>>;

/// Why positions cannot be included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotIncluded {
    /// The position would include itself, over these.
    Cycle(Vec<PositionId>),
    /// There would be too many, or too many one in the other.
    TooMany,
}

/// The position and everything it includes, each once, itself first.
pub(super) fn closure(of: &PositionId, inclusions: &Inclusions) -> Result<Vec<PositionId>, NotIncluded> {
    let mut walk = Walk { inclusions, path: Vec::new(), heights: BTreeMap::new(), found: Vec::new() };
    if walk.height(of)? > DEEPEST {
        return Err(NotIncluded::TooMany);
    }
    Ok(walk.found)
}

struct Walk<'a> {
    inclusions: &'a Inclusions,
    /// The way from the first position to where the walk is.
    path: Vec<PositionId>,
    /// How many positions one in the other there are from this one on, for those that were left.
    heights: BTreeMap<PositionId, usize>,
    found: Vec<PositionId>,
}

impl Walk<'_> {
    fn height(&mut self, of: &PositionId) -> Result<usize, NotIncluded> {
        if let Some(at) = self.path.iter().position(|before| before == of) {
            let mut cycle = self.path[at..].to_vec();
            cycle.push(of.clone());
            return Err(NotIncluded::Cycle(cycle));
        }
        if let Some(height) = self.heights.get(of) {
            return Ok(*height);
        }
        if self.found.len() > MOST {
            return Err(NotIncluded::TooMany);
        }
        self.found.push(of.clone());
        self.path.push(of.clone());
        let mut below = 0;
        let inclusions = self.inclusions;
        for next in inclusions.get(of).map_or(&[][..], Vec::as_slice) {
            below = below.max(self.height(next)?);
        }
        self.path.pop();
        self.heights.insert(of.clone(), below + 1);
        Ok(below + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn id(number: usize) -> PositionId {
        format!("01990000-0000-7000-8000-{number:012}").parse().unwrap()
    }

    fn graph(edges: &[(usize, usize)]) -> Inclusions {
        let mut inclusions = Inclusions::new();
        for (from, to) in edges {
            inclusions.entry(id(*from)).or_default().push(id(*to));
        }
        inclusions
    }

    /// Everything that is included is found once, over however many ways.
    #[test]
    fn closure_finds_each_once() {
        let diamond = graph(&[(1, 2), (1, 3), (2, 4), (3, 4)]);
        assert_eq!(closure(&id(1), &diamond), Ok(vec![id(1), id(2), id(4), id(3)]));
        assert_eq!(closure(&id(4), &diamond), Ok(vec![id(4)]));
    }

    /// A cycle is refused with the way it takes, and so is what goes too deep.
    #[test]
    fn cycles_are_told_with_their_path() {
        let cycle = graph(&[(1, 2), (2, 3), (3, 1)]);
        let path = vec![id(1), id(2), id(3), id(1)];
        assert_eq!(closure(&id(1), &cycle), Err(NotIncluded::Cycle(path)));
        let chain: Vec<(usize, usize)> = (1..=DEEPEST).map(|at| (at, at + 1)).collect();
        assert_eq!(closure(&id(1), &graph(&chain)), Err(NotIncluded::TooMany));
        assert_eq!(closure(&id(2), &graph(&chain)).map(|all| all.len()), Ok(DEEPEST));
    }

    proptest! {
        /// A closure never has a position twice, and a path that is told is a cycle of inclusions that are there.
        #[test]
        fn closures_are_sets_and_cycles_are_cycles(edges in proptest::collection::vec((0..6usize, 0..6usize), 0..12)) {
            let inclusions = graph(&edges);
            match closure(&id(0), &inclusions) {
                Ok(found) => {
                    let once: BTreeSet<_> = found.iter().collect();
                    prop_assert_eq!(once.len(), found.len());
                }
                Err(NotIncluded::Cycle(path)) => {
                    prop_assert_eq!(path.first(), path.last());
                    prop_assert!(path.windows(2).all(|step| inclusions[&step[0]].contains(&step[1])));
                }
                Err(NotIncluded::TooMany) => prop_assert!(edges.len() >= DEEPEST),
            }
        }
    }
}
