//! Entries in a copy: each one must open its leaf.

use std::io::{BufRead, BufReader};

use base64::prelude::{BASE64_STANDARD, Engine};
use tlog_tiles::HASH_SIZE;

use super::Findings;
use super::files::Files;
use crate::api::Entry;
use crate::canonical;
use crate::leaf;
use crate::tree::{TILE_WIDTH, TileId};

/// Check `entries.jsonl` against the hashes of the leaves. Returns how many entries were good.
pub(super) fn check(files: &Files, findings: &mut Findings) -> u64 {
    let file = match files.entries() {
        None => return 0,
        Some(Ok(file)) => file,
        Some(Err(error)) => {
            findings.add("entries.jsonl", format!("it cannot be read: {error}"));
            return 0;
        }
    };
    let mut reader = BufReader::new(file);
    let (mut good, mut line, mut before) = (0, Vec::new(), None);
    let mut tile = None;
    for number in 1_u64.. {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                findings.add(format!("entries.jsonl, line {number}"), format!("it cannot be read: {error}"));
                break;
            }
        }
        match open(files, &line, &mut before, &mut tile) {
            Ok(()) => good += 1,
            Err(what) => findings.add(format!("entries.jsonl, line {number}"), what),
        }
    }
    good
}

/// The index of a tile of leaf hashes, and its octets.
type Kept = Option<(u64, Vec<u8>)>;

fn open(files: &Files, line: &[u8], before: &mut Option<u64>, kept: &mut Kept) -> Result<(), String> {
    let line = line.strip_suffix(b"\n").ok_or("it does not end with a new line")?;
    let entry: Entry =
        serde_json::from_slice(line).map_err(|error| format!("it is not an entry: {error}"))?;
    // One spelling only, so that no octet of the file can change unseen.
    if canonical::bytes(&entry).map_err(|error| error.to_string())? != line {
        return Err("it is not in canonical form".to_owned());
    }
    if before.is_some_and(|before| before >= entry.position) || entry.position >= files.size {
        return Err(format!("position {} is out of order or outside the log", entry.position));
    }
    *before = Some(entry.position);
    let salt = BASE64_STANDARD.decode(&entry.salt).ok().and_then(|salt| salt.try_into().ok());
    let salt: [u8; leaf::LENGTH] = salt.ok_or("its salt is not 32 octets in base64")?;
    let record = canonical::bytes(&entry.record).map_err(|error| error.to_string())?;
    let hash = leaf::leaf_hash(&leaf::commitment(&salt, &record));
    let index = entry.position / TILE_WIDTH as u64;
    if kept.as_ref().is_none_or(|(read, _)| *read != index) {
        // That a tile is missing has been told where the tree was checked.
        let tile = files.tile(TileId { level: 0, index }, &mut Findings::default());
        *kept = Some((index, tile.unwrap_or_default()));
    }
    let place = usize::try_from(entry.position % TILE_WIDTH as u64).unwrap_or(0) * HASH_SIZE;
    let stored = kept.as_ref().and_then(|(_, tile)| tile.get(place..place + HASH_SIZE));
    if stored == Some(&hash.0[..]) {
        return Ok(());
    }
    Err(format!("salt and record do not open leaf {}", entry.position))
}
