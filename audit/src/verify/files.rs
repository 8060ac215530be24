//! The files of a copy.

use std::path::{Path, PathBuf};

use tlog_tiles::HASH_SIZE;

use super::Findings;
use crate::bundle;
use crate::leaf::LENGTH;
use crate::tile::{Kind, TilePath};
use crate::tree::{TILE_WIDTH, TileId, width_at};

/// The copy of a log whose checkpoint covers `size` leaves.
pub(super) struct Files {
    dir: PathBuf,
    pub(super) size: u64,
}

impl Files {
    pub(super) fn new(dir: &Path, size: u64) -> Self {
        Self { dir: dir.to_owned(), size }
    }

    /// The file of entries, if the copy has one.
    pub(super) fn entries(&self) -> Option<std::io::Result<std::fs::File>> {
        let path = self.dir.join("entries.jsonl");
        path.exists().then(|| std::fs::File::open(path))
    }

    /// A hash tile cut to the checkpoint's size; a finding and none when it is missing or too short.
    pub(super) fn tile(&self, id: TileId, findings: &mut Findings) -> Option<Vec<u8>> {
        let path = TilePath::hashes(id, self.size)?;
        let Some(mut bytes) = self.read(path) else {
            findings.add(path.to_string(), "it is missing");
            return None;
        };
        let wanted = path.width * HASH_SIZE;
        if bytes.len() < wanted {
            findings.add(path.to_string(), format!("it has {} octets instead of {wanted}", bytes.len()));
            return None;
        }
        bytes.truncate(wanted);
        Some(bytes)
    }

    /// The leaves of an entry bundle cut to the checkpoint's size; none without a finding when it was not copied.
    pub(super) fn bundle(&self, index: u64, findings: &mut Findings) -> Option<Vec<[u8; LENGTH]>> {
        let path = TilePath::entries(index, self.size)?;
        let bytes = self.read(path)?;
        match bundle::decode(&bytes) {
            Some(mut leaves) if leaves.len() >= path.width => {
                leaves.truncate(path.width);
                Some(leaves)
            }
            _ => {
                findings.add(path.to_string(), format!("it is not a bundle of {} commitments", path.width));
                None
            }
        }
    }

    /// A tile as the checkpoint has it, or the full one if the copy went on.
    fn read(&self, path: TilePath) -> Option<Vec<u8>> {
        let full = TilePath { width: TILE_WIDTH, ..path };
        [path, full].iter().find_map(|path| std::fs::read(self.dir.join(path.to_string())).ok())
    }

    /// Every file below `tile/` must belong to the log: what the checkpoint covers, or the beginning of it.
    pub(super) fn check_strays(&self, findings: &mut Findings) {
        let mut folders = vec![self.dir.join("tile")];
        while let Some(folder) = folders.pop() {
            let Ok(listing) = std::fs::read_dir(&folder) else { continue };
            let mut paths: Vec<PathBuf> = listing.filter_map(|item| Some(item.ok()?.path())).collect();
            paths.sort();
            for path in paths {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    self.check_stray(&path, findings);
                }
            }
        }
    }

    fn check_stray(&self, file: &Path, findings: &mut Findings) {
        let name = file.strip_prefix(&self.dir).unwrap_or(file).to_string_lossy().into_owned();
        let Some(path) = name.strip_prefix("tile/").and_then(TilePath::parse) else {
            return findings.add(name, "it is not the name of a tile");
        };
        let (level, each) = match path.kind {
            Kind::Hashes(level) => (level, HASH_SIZE),
            Kind::Entries => (0, LENGTH + 2),
        };
        let covered = width_at(TileId { level, index: path.index }, self.size);
        if covered == 0 || (path.width > covered && !path.is_full()) {
            return findings.add(name, format!("the log of {} entries has no such tile", self.size));
        }
        let Ok(bytes) = std::fs::read(file) else { return findings.add(name, "it cannot be read") };
        if bytes.len() != path.width * each {
            return findings
                .add(name, format!("it has {} octets instead of {}", bytes.len(), path.width * each));
        }
        let checked = self.read(TilePath { width: covered, ..path }).unwrap_or_default();
        let common = path.width.min(covered) * each;
        if checked.get(..common) != bytes.get(..common) {
            findings.add(name, "it is not the beginning of the tile that the checkpoint covers");
        }
    }
}
