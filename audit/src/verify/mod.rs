//! Offline verification of a copied log: a directory, a verifier key, and nothing else.
//!
//! The directory holds `checkpoint`, `tile/…` as C2SP tlog-tiles lays them out, and what an auditor may add:
//! `tile/entries/…` (the leaves) and `entries.jsonl` (what opens them). Everything that is there is checked.

mod entries;
mod files;
mod proved;
mod tree;

use std::path::Path;

use tlog_tiles::Hash;

use crate::checkpoint::{TreeHead, VerifierKey};
use files::Files;

pub use proved::entry;

/// What was proved about a copy.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The name of the log.
    pub origin: String,
    /// How many leaves the checkpoint covers, all of which are in the copy.
    pub size: u64,
    /// The root, which the checkpoint's signature covers.
    pub root: Hash,
    /// How many hash tiles were read.
    pub tiles: u64,
    /// How many leaves were also present in entry bundles.
    pub leaves: u64,
    /// How many entries were present and open their leaf. The others were erased or not copied.
    pub entries: u64,
    /// The size of the older checkpoint, if one was given: its tree is the beginning of this one.
    pub since: Option<u64>,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file in the copy, with the place in it where that is known.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Why a copy is not what the key's owner signed.
#[derive(Debug, thiserror::Error)]
#[error("{}", .findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Refused {
    /// All that was found, never empty.
    pub findings: Vec<Finding>,
}

/// At most so many findings are listed; a copy that is wrong everywhere needs no more.
const MOST: usize = 100;

/// Where findings are gathered.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Finding { place: place.into(), what: what.into() });
        }
    }
}

/// Prove a copy of a log from its verifier key alone. With `since`, an older checkpoint of the same log, also prove
/// that the log only grew.
pub fn directory(dir: &Path, key: &VerifierKey, since: Option<&str>) -> Result<Verified, Refused> {
    let mut findings = Findings::default();
    let verified = check(dir, key, since, &mut findings);
    match verified {
        Some(verified) if findings.0.is_empty() => Ok(verified),
        _ => Err(Refused { findings: findings.0 }),
    }
}

fn check(dir: &Path, key: &VerifierKey, since: Option<&str>, findings: &mut Findings) -> Option<Verified> {
    let note = match std::fs::read_to_string(dir.join("checkpoint")) {
        Ok(note) => note,
        Err(error) => {
            findings.add("checkpoint", format!("it cannot be read: {error}"));
            return None;
        }
    };
    let head = opened(key, &note, "checkpoint", findings)?;
    let since = match since {
        None => None,
        Some(note) => Some(opened(key, note, "the older checkpoint", findings)?),
    };
    if let Some(old) = since.filter(|old| old.size > head.size) {
        let what =
            format!("it covers {} entries and the older checkpoint {}: the log shrank", head.size, old.size);
        findings.add("checkpoint", what);
        return None;
    }
    let files = Files::new(dir, head.size);
    let checked = tree::check(&files, &head, since.as_ref(), findings);
    files.check_strays(findings);
    let entries = entries::check(&files, findings);
    let checked = checked?;
    Some(Verified {
        origin: key.origin().to_owned(),
        size: head.size,
        root: head.root,
        tiles: checked.tiles,
        leaves: checked.leaves,
        entries,
        since: since.map(|old| old.size),
    })
}

fn opened(key: &VerifierKey, note: &str, place: &str, findings: &mut Findings) -> Option<TreeHead> {
    match key.open(note) {
        Ok(head) => Some(head),
        Err(error) => {
            findings.add(place, error.to_string());
            None
        }
    }
}
