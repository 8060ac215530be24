//! The right edge of the Merkle tree: all that is needed to append leaves and to know the root.
//!
//! Tiles have height 8 (C2SP tlog-tiles): a tile at level `l` holds up to 256 hashes of complete subtrees of
//! `256^l` leaves. Only the rightmost tile of a level can be partial, and the edge is exactly those tiles.

use tlog_tiles::{EMPTY_HASH, HASH_SIZE, Hash, Tile, node_hash};

/// How many hashes a full tile holds.
pub(crate) const TILE_WIDTH: usize = 256;

/// The height of a tile, and log2 of its width.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// Which tile: its level and its place in the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for the tiles that hold the hashes of leaves.
    pub level: u8,
    /// Counted from the left, from 0.
    pub index: u64,
}

/// A tile with what it holds so far: `32 * width` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredTile {
    /// Which tile.
    pub(crate) id: TileId,
    /// The hashes, one after the other.
    pub(crate) hashes: Vec<u8>,
}

/// How many hashes the tile has in a tree of `size` leaves; 0 when it does not exist there.
pub(crate) fn width_at(id: TileId, size: u64) -> usize {
    let in_level = size.checked_shr(u32::from(id.level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    let before = id.index.saturating_mul(TILE_WIDTH as u64);
    usize::try_from(in_level.saturating_sub(before).min(TILE_WIDTH as u64)).unwrap_or(0)
}

/// The rightmost tiles that a tree of `size` leaves has and that are not full.
pub(crate) fn edge_tiles(size: u64) -> Vec<TileId> {
    (0_u8..8)
        .map(|level| TileId { level, index: size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0) })
        .filter(|id| width_at(*id, size) > 0)
        .collect()
}

/// The edge does not fit the size it was said to have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("tile {}/{} holds {found} hashes where the tree has {wanted}", id.level, id.index)]
pub struct EdgeBroken {
    /// The tile that is missing or short.
    pub id: TileId,
    /// How many hashes the tree has there.
    pub wanted: usize,
    /// How many were found.
    pub found: usize,
}

/// The rightmost, partial tile of every level, and the number of leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edge {
    size: u64,
    /// `levels[l]` has fewer than 256 hashes.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Rebuild the edge of a tree of `size` leaves from its `edge_tiles`; a wider tile is cut to what `size` has.
    pub(crate) fn load(size: u64, tiles: &[StoredTile]) -> Result<Self, EdgeBroken> {
        let mut levels = Vec::new();
        for id in edge_tiles(size) {
            let wanted = width_at(id, size);
            let stored = tiles.iter().find(|tile| tile.id == id).map_or(&[][..], |tile| &tile.hashes);
            if stored.len() < wanted * HASH_SIZE {
                return Err(EdgeBroken { id, wanted, found: stored.len() / HASH_SIZE });
            }
            levels.resize_with(usize::from(id.level), Vec::new);
            levels.push(hashes(&stored[..wanted * HASH_SIZE]));
        }
        Ok(Self { size, levels })
    }

    /// The number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Append one leaf hash; every tile that became full is given to `full`.
    pub(crate) fn append(&mut self, leaf: Hash, full: impl FnMut(StoredTile)) {
        self.size += 1;
        self.push(0, leaf, full);
    }

    /// Append the hash of a complete subtree of 256 leaves. Only between full tiles of leaves.
    pub(crate) fn append_tile(&mut self, subtree: Hash, full: impl FnMut(StoredTile)) {
        debug_assert_eq!(self.size % TILE_WIDTH as u64, 0, "a tile of leaves is open");
        self.size += TILE_WIDTH as u64;
        if self.levels.is_empty() {
            self.levels.push(Vec::with_capacity(TILE_WIDTH));
        }
        self.push(1, subtree, full);
    }

    fn push(&mut self, from: u8, mut hash: Hash, mut full: impl FnMut(StoredTile)) {
        for level in from..8 {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let row = &mut self.levels[usize::from(level)];
            row.push(hash);
            if row.len() < TILE_WIDTH {
                return;
            }
            let bytes = flat(row);
            row.clear();
            hash = Tile::subtree_hash(&bytes);
            let index = (self.size >> (u32::from(level) * 8 + 8)) - 1;
            full(StoredTile { id: TileId { level, index }, hashes: bytes });
        }
    }

    /// The partial tiles of the edge as they are now.
    pub(crate) fn partial_tiles(&self) -> Vec<StoredTile> {
        edge_tiles(self.size)
            .into_iter()
            .map(|id| StoredTile { id, hashes: flat(&self.levels[usize::from(id.level)]) })
            .collect()
    }

    /// The root of the tree. RFC 6962 2.1; the edge's complete subtrees are folded from the right.
    pub(crate) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for row in &self.levels {
            let mut end = row.len();
            while end > 0 {
                let start = end - (1 << end.trailing_zeros());
                let subtree = Tile::subtree_hash(&flat(&row[start..end]));
                root = Some(root.map_or(subtree, |right| node_hash(subtree, right)));
                end = start;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }
}

/// Cut bytes into hashes; a rest shorter than a hash is left out.
pub(crate) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<HASH_SIZE>().0.iter().map(|hash| Hash(*hash)).collect()
}

/// Join hashes to the bytes of a tile.
pub(crate) fn flat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog_tiles::record_hash;

    /// The eight leaves and nine roots that Certificate Transparency's own tests use for RFC 6962 2.1.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// The edge gives the published roots for the published leaves, the empty tree included.
    #[test]
    fn roots_are_those_of_rfc_6962() {
        let mut edge = Edge::default();
        assert_eq!(hex::encode(edge.root().0), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            edge.append(record_hash(&hex::decode(leaf).unwrap()), |_| panic!("no tile is full yet"));
            assert_eq!(hex::encode(edge.root().0), *root);
        }
    }

    /// The recursive definition of RFC 6962 2.1, as plainly as it is written there.
    fn plain_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_HASH,
            [leaf] => *leaf,
            _ => {
                let split = 1 << (leaves.len() - 1).ilog2();
                node_hash(plain_root(&leaves[..split]), plain_root(&leaves[split..]))
            }
        }
    }

    /// At every size over two tile levels the root is that of the plain definition, and an edge reloaded from tiles is the same edge.
    #[test]
    fn edge_agrees_with_the_definition_and_survives_storage() {
        let leaves: Vec<Hash> = (0_u32..70_000).map(|n| record_hash(&n.to_be_bytes())).collect();
        let mut edge = Edge::default();
        let mut full = Vec::new();
        for (place, leaf) in leaves.iter().enumerate() {
            edge.append(*leaf, |tile| full.push(tile.id));
            let size = place + 1;
            if size < 600 || size % 9_973 == 0 || (65_530..65_540).contains(&size) {
                assert_eq!(edge.root(), plain_root(&leaves[..size]), "at {size}");
                assert_eq!(
                    Edge::load(size as u64, &edge.partial_tiles()).unwrap(),
                    edge_without_empty_tail(&edge)
                );
            }
        }
        assert_eq!(full.iter().filter(|id| id.level == 0).count(), 273);
        assert_eq!(full.iter().filter(|id| id.level == 1).count(), 1);
    }

    fn edge_without_empty_tail(edge: &Edge) -> Edge {
        let mut edge = edge.clone();
        while edge.levels.last().is_some_and(Vec::is_empty) {
            edge.levels.pop();
        }
        edge
    }

    /// A missing or short edge tile is an error that names the tile, never another root.
    #[test]
    fn broken_edge_is_named() {
        let mut edge = Edge::default();
        (0_u32..300).for_each(|n| edge.append(record_hash(&n.to_be_bytes()), |_| ()));
        let mut tiles = edge.partial_tiles();
        tiles[0].hashes.truncate(32);
        let broken = EdgeBroken { id: TileId { level: 0, index: 1 }, wanted: 44, found: 1 };
        assert_eq!(Edge::load(300, &tiles), Err(broken));
    }
}
