//! The tree: rebuilt from the leaves up and held against every tile and the signed root.
//!
//! When something does not fit, the question is which file to blame. The tree is therefore built three times: from the
//! hashes in the tiles of level 0, from what the tiles of level 1 say about those, and from the entry bundles. The one
//! that reaches the signed root is the truth, and whatever differs from it is named with its place.

use std::collections::BTreeMap;

use tlog_tiles::{HASH_SIZE, Hash, Tile};

use super::Findings;
use super::files::Files;
use crate::checkpoint::TreeHead;
use crate::leaf;
use crate::tile::TilePath;
use crate::tree::{Edge, StoredTile, TILE_WIDTH, TileId, hashes, width_at};

/// What was read.
pub(super) struct Checked {
    pub(super) tiles: u64,
    pub(super) leaves: u64,
}

/// A tree as one kind of file tells it; none once a file of that kind was missing.
#[derive(Default)]
struct Telling {
    edge: Option<Edge>,
    /// The tiles of level 1 and above.
    upper: BTreeMap<TileId, Vec<u8>>,
    old_root: Option<Hash>,
}

/// Two files that disagree; which of them is wrong is decided at the end.
enum Dispute {
    /// A leaf in a bundle and its hash in the tile.
    Leaf { index: u64, place: usize },
    /// A tile of level 0 and its hash in the tile of level 1.
    Tile { index: u64 },
}

impl Telling {
    fn new() -> Self {
        Self { edge: Some(Edge::default()), ..Self::default() }
    }

    fn append(&mut self, leaves: Option<&[Hash]>, old_size: Option<u64>) {
        let Some(leaves) = leaves else {
            self.edge = None;
            return;
        };
        let Some(edge) = &mut self.edge else { return };
        for leaf in leaves {
            edge.append(*leaf, |tile| keep_upper(&mut self.upper, tile));
            if Some(edge.size()) == old_size {
                self.old_root = Some(edge.root());
            }
        }
    }

    fn append_tile(&mut self, subtree: Option<Hash>) {
        let Some(subtree) = subtree else {
            self.edge = None;
            return;
        };
        if let Some(edge) = &mut self.edge {
            edge.append_tile(subtree, |tile| keep_upper(&mut self.upper, tile));
        }
    }

    fn finish(&mut self) {
        for tile in self.edge.iter().flat_map(Edge::partial_tiles) {
            keep_upper(&mut self.upper, tile);
        }
    }

    fn reaches(&self, head: &TreeHead) -> bool {
        self.edge.as_ref().is_some_and(|edge| edge.size() == head.size && edge.root() == head.root)
    }
}

fn keep_upper(upper: &mut BTreeMap<TileId, Vec<u8>>, tile: StoredTile) {
    if tile.id.level > 0 {
        upper.insert(tile.id, tile.hashes);
    }
}

/// Check every tile that the checkpoint covers. None when the tree could not be built at all.
pub(super) fn check(
    files: &Files,
    head: &TreeHead,
    since: Option<&TreeHead>,
    findings: &mut Findings,
) -> Option<Checked> {
    let mut walk = Walk::new(since.map(|old| old.size));
    for index in 0..head.size.div_ceil(TILE_WIDTH as u64) {
        walk.step(files, index, findings);
    }
    let Walk { mut from_tiles, mut from_parents, mut from_bundles, disputes, mut checked, .. } = walk;
    [&mut from_tiles, &mut from_parents, &mut from_bundles].into_iter().for_each(Telling::finish);
    let truth = if from_tiles.reaches(head) {
        Truth::Tiles
    } else if from_bundles.reaches(head) {
        Truth::Bundles
    } else if from_parents.reaches(head) {
        Truth::Parents
    } else {
        Truth::Unknown
    };
    for dispute in &disputes {
        blame(dispute, truth, files.size, findings);
    }
    let telling = match truth {
        Truth::Tiles => &from_tiles,
        Truth::Bundles => &from_bundles,
        Truth::Parents => &from_parents,
        Truth::Unknown => {
            unknown(files, &from_tiles, findings);
            return None;
        }
    };
    for (id, wanted) in &telling.upper {
        checked.tiles += 1;
        compare_upper(files, *id, wanted, findings);
    }
    if let Some(old) = since
        && old.size > 0
        && telling.old_root.is_some_and(|root| root != old.root)
    {
        let what = format!(
            "its first {} entries have another root than the older checkpoint: the past was rewritten",
            old.size
        );
        findings.add("checkpoint", what);
    }
    if since.is_some_and(|old| old.size == 0 && old.root != tlog_tiles::EMPTY_HASH) {
        findings.add("the older checkpoint", "an empty log has another root");
    }
    Some(checked)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    Tiles,
    Bundles,
    Parents,
    Unknown,
}

struct Walk {
    old_size: Option<u64>,
    from_tiles: Telling,
    from_parents: Telling,
    from_bundles: Telling,
    disputes: Vec<Dispute>,
    checked: Checked,
    /// The tile of level 1 that was read last.
    parent: Option<(u64, Option<Vec<u8>>)>,
}

impl Walk {
    fn new(old_size: Option<u64>) -> Self {
        Self {
            old_size,
            from_tiles: Telling::new(),
            from_parents: Telling::new(),
            from_bundles: Telling::new(),
            disputes: Vec::new(),
            checked: Checked { tiles: 0, leaves: 0 },
            parent: None,
        }
    }

    /// One tile of leaves, with its bundle and its hash in the parent.
    fn step(&mut self, files: &Files, index: u64, findings: &mut Findings) {
        let tile = files.tile(TileId { level: 0, index }, findings);
        self.checked.tiles += u64::from(tile.is_some());
        let in_tile = tile.as_deref().map(hashes);
        let bundle = files.bundle(index, findings);
        let in_bundle: Option<Vec<Hash>> = bundle.map(|leaves| leaves.iter().map(leaf::leaf_hash).collect());
        if let (Some(tile), Some(bundle)) = (&in_tile, &in_bundle) {
            self.checked.leaves += bundle.len() as u64;
            let wrong = tile.iter().zip(bundle).enumerate().filter(|(_, (tile, leaf))| tile != leaf);
            self.disputes.extend(wrong.map(|(place, _)| Dispute::Leaf { index, place }));
        }
        self.from_tiles.append(in_tile.as_deref(), self.old_size);
        self.from_bundles.append(in_bundle.as_deref(), self.old_size);
        if width_at(TileId { level: 0, index }, files.size) < TILE_WIDTH {
            return self.from_parents.append(in_tile.as_deref(), None);
        }
        let in_parent = self.hash_in_parent(files, index, findings);
        let own = tile.as_deref().map(Tile::subtree_hash);
        if own.is_some() && in_parent.is_some() && own != in_parent {
            self.disputes.push(Dispute::Tile { index });
        }
        self.from_parents.append_tile(in_parent);
    }

    fn hash_in_parent(&mut self, files: &Files, index: u64, findings: &mut Findings) -> Option<Hash> {
        let (parent, place) = (index / TILE_WIDTH as u64, usize::try_from(index % TILE_WIDTH as u64).ok()?);
        if self.parent.as_ref().is_none_or(|(read, _)| *read != parent) {
            self.parent = Some((parent, files.tile(TileId { level: 1, index: parent }, findings)));
        }
        let bytes = self.parent.as_ref()?.1.as_deref()?;
        hashes(bytes.get(place * HASH_SIZE..(place + 1) * HASH_SIZE)?).first().copied()
    }
}

fn blame(dispute: &Dispute, truth: Truth, size: u64, findings: &mut Findings) {
    match *dispute {
        Dispute::Leaf { index, place } => {
            let (tile, bundle) = (leaf_tile(index, size), named(TilePath::entries(index, size)));
            let position = index * TILE_WIDTH as u64 + place as u64;
            let (in_tile, in_bundle) = (format!("{tile}, hash {place}"), format!("{bundle}, leaf {place}"));
            match truth {
                Truth::Bundles => {
                    findings.add(in_tile, format!("the hash of leaf {position} is not the signed one"));
                }
                Truth::Tiles => findings.add(in_bundle, format!("leaf {position} is not the signed one")),
                _ => findings.add(in_tile, format!("the hash of leaf {position} disagrees with {in_bundle}")),
            }
        }
        Dispute::Tile { index } => {
            let place = index % TILE_WIDTH as u64;
            let parent = named(TilePath::hashes(TileId { level: 1, index: index / TILE_WIDTH as u64 }, size));
            match truth {
                // What a wrong parent holds is compared octet by octet later.
                Truth::Tiles => {}
                Truth::Bundles | Truth::Parents => {
                    findings.add(leaf_tile(index, size), "its hashes are not the signed ones");
                }
                Truth::Unknown => {
                    findings.add(leaf_tile(index, size), format!("it disagrees with {parent}, hash {place}"));
                }
            }
        }
    }
}

fn compare_upper(files: &Files, id: TileId, wanted: &[u8], findings: &mut Findings) {
    let Some(found) = files.tile(id, findings) else { return };
    let path = named(TilePath::hashes(id, files.size));
    let pairs = found.chunks(HASH_SIZE).zip(wanted.chunks(HASH_SIZE)).enumerate();
    for (place, _) in pairs.filter(|(_, (found, wanted))| found != wanted) {
        findings.add(format!("{path}, hash {place}"), "it is not the hash of the tile below it");
    }
}

fn unknown(files: &Files, from_tiles: &Telling, findings: &mut Findings) {
    let Some(edge) = &from_tiles.edge else { return };
    let last = files.size.saturating_sub(1) / TILE_WIDTH as u64;
    let what = format!(
        "the tiles give the root {}, which is not the signed one; if no other file is named, look at {} first",
        edge.root(),
        leaf_tile(last, files.size)
    );
    findings.add("checkpoint", what);
}

fn leaf_tile(index: u64, size: u64) -> String {
    named(TilePath::hashes(TileId { level: 0, index }, size))
}

fn named(path: Option<TilePath>) -> String {
    path.map_or_else(|| "a tile outside the log".to_owned(), |path| path.to_string())
}
