//! Inclusion and consistency proofs, read from tiles. RFC 6962 2.1.1 and 2.1.2.
//!
//! The proof functions of `tlog_tiles` ask a reader for hashes and cannot wait for a database, so a proof takes two
//! turns: `tiles_for` runs it on a reader that only notes what is asked, the caller fetches, and then it runs again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use tlog_tiles::{Error, Hash, HashReader, Tile, prove_record, prove_tree};

use crate::tree::{StoredTile, TILE_HEIGHT, TileId};

/// Which proof is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// That the leaf at `position` is in the tree of `size` leaves.
    Inclusion {
        /// The position of the leaf, from 0.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// That the tree of `old` leaves is the beginning of the tree of `size` leaves.
    Consistency {
        /// The size of the smaller tree; 0 has no proof and needs none.
        old: u64,
        /// The size of the larger tree.
        size: u64,
    },
}

/// The tiles that the proof will read, in order.
pub(crate) fn tiles_for(wanted: Wanted) -> Result<Vec<TileId>, Error> {
    let asked = Asked::default();
    match run(wanted, &asked) {
        // The noting reader always refuses, once it has noted.
        Err(Error::IndexesNotInTree) => {}
        Err(other) => return Err(other),
        Ok(_) => return Ok(Vec::new()),
    }
    Ok(asked.0.into_inner().into_iter().collect())
}

/// The proof, from the tiles that `tiles_for` named.
pub(crate) fn prove(wanted: Wanted, tiles: Vec<StoredTile>) -> Result<Vec<Hash>, Error> {
    run(wanted, &Fetched(tiles.into_iter().map(|tile| (tile.id, tile.hashes)).collect()))
}

fn run<R: HashReader>(wanted: Wanted, reader: &R) -> Result<Vec<Hash>, Error> {
    match wanted {
        Wanted::Inclusion { position, size } => prove_record(size, position, reader),
        Wanted::Consistency { old, size } if old == 0 || old == size => Ok(Vec::new()),
        Wanted::Consistency { old, size } => prove_tree(size, old, reader),
    }
}

#[derive(Default)]
struct Asked(RefCell<BTreeSet<TileId>>);

impl HashReader for Asked {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let ids = indexes.iter().map(|index| id_of(&Tile::from_index(TILE_HEIGHT, *index)));
        self.0.borrow_mut().extend(ids);
        Err(Error::IndexesNotInTree)
    }
}

struct Fetched(BTreeMap<TileId, Vec<u8>>);

impl HashReader for Fetched {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        indexes
            .iter()
            .map(|index| {
                let tile = Tile::from_index(TILE_HEIGHT, *index);
                let data = self.0.get(&id_of(&tile)).ok_or(Error::InvalidTile)?;
                tile.hash_at_index(data, *index)
            })
            .collect()
    }
}

fn id_of(tile: &Tile) -> TileId {
    TileId { level: tile.level(), index: tile.level_index() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Edge;
    use tlog_tiles::{check_record, check_tree, record_hash};

    fn grown(size: u32) -> (Vec<StoredTile>, Vec<Hash>, Vec<Hash>) {
        let (mut edge, mut tiles, mut roots, mut leaves) = (Edge::default(), Vec::new(), vec![], vec![]);
        roots.push(edge.root());
        for n in 0..size {
            leaves.push(record_hash(&n.to_be_bytes()));
            edge.append(leaves[n as usize], |tile| tiles.push(tile));
            roots.push(edge.root());
        }
        tiles.extend(edge.partial_tiles());
        (tiles, leaves, roots)
    }

    fn fetch(wanted: Wanted, tiles: &[StoredTile]) -> Vec<StoredTile> {
        let ids = tiles_for(wanted).unwrap();
        tiles.iter().filter(|tile| ids.contains(&tile.id)).cloned().collect()
    }

    /// Proofs read from tiles satisfy the published check for many positions and sizes, and fail for another leaf or root.
    #[test]
    fn proofs_from_tiles_are_accepted_and_false_ones_are_not() {
        let (tiles, leaves, roots) = grown(1000);
        for position in [0_u64, 1, 255, 256, 511, 700, 999] {
            let wanted = Wanted::Inclusion { position, size: 1000 };
            let proof = prove(wanted, fetch(wanted, &tiles)).unwrap();
            let leaf = leaves[usize::try_from(position).unwrap()];
            check_record(&proof, 1000, roots[1000], position, leaf).unwrap();
            assert!(check_record(&proof, 1000, roots[999], position, leaf).is_err());
            assert!(check_record(&proof, 1000, roots[1000], position, record_hash(b"other")).is_err());
        }
        for old in [1_u64, 2, 255, 256, 257, 512, 999] {
            let wanted = Wanted::Consistency { old, size: 1000 };
            let proof = prove(wanted, fetch(wanted, &tiles)).unwrap();
            let old_root = roots[usize::try_from(old).unwrap()];
            check_tree(&proof, 1000, roots[1000], old, old_root).unwrap();
            assert!(check_tree(&proof, 1000, roots[1000], old, roots[3]).is_err());
        }
    }

    /// The single leaf, the equal trees and the empty tree have empty proofs; a position outside is an error.
    #[test]
    fn edges_of_proofs() {
        assert_eq!(tiles_for(Wanted::Inclusion { position: 0, size: 1 }).unwrap(), vec![]);
        assert_eq!(prove(Wanted::Consistency { old: 0, size: 9 }, vec![]).unwrap(), vec![]);
        assert_eq!(prove(Wanted::Consistency { old: 9, size: 9 }, vec![]).unwrap(), vec![]);
        assert!(tiles_for(Wanted::Inclusion { position: 9, size: 9 }).is_err());
        assert!(prove(Wanted::Inclusion { position: 1, size: 9 }, vec![]).is_err(), "a tile was missing");
    }
}
