//! Copying a log into a directory, from the database or from a server, for whoever verifies or keeps it.

use std::path::Path;

use serde::de::DeserializeOwned;
use tlog_tiles::HASH_SIZE;

use crate::api::{Entries, Entry, LogInfo};
use crate::bundle;
use crate::error::Error;
use crate::export::{self, PAGE};
use crate::log::Log;
use crate::store::tiles;
use crate::tile::{Kind, TilePath};
use crate::tree::{TILE_WIDTH, TileId, width_at};

/// Where a log is copied from.
pub enum Source<'a> {
    /// The database of this installation; the current log.
    Database(&'a Log),
    /// A server, by its base address such as `https://lanyard.example:8443`, and the client to ask it with. The client
    /// decides about time-outs and trust, and holds the auditor's certificate when entries are copied.
    Server {
        /// How to ask.
        http: &'a reqwest::Client,
        /// The base address.
        base: &'a str,
    },
}

/// How much is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The checkpoint and the hash tiles: what is public.
    Hashes,
    /// Also the leaves and the entries that open them: what the auditor may read.
    Entries,
}

/// Why a log could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is no checkpoint yet.
    #[error("nothing has been signed yet, so there is nothing to copy; wait a second")]
    NothingSigned,
    /// The checkpoint does not read.
    #[error("what the server calls a checkpoint is not one")]
    NotACheckpoint,
    /// A part is missing at the source.
    #[error("{0} is missing at the source")]
    Missing(String),
    /// The server could not be reached, or broke off.
    #[error("the server did not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The server refused.
    #[error("the server answered {status} for {address}")]
    RefusedByServer {
        /// The status.
        status: u16,
        /// What was asked for.
        address: String,
    },
    /// The directory cannot be written.
    #[error("{path} cannot be written")]
    NotWritten {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("the log could not be read")]
    Log(#[from] Error),
}

/// Copy the log into `dir`. Full tiles that are there already are left as they are; the checkpoint is written last, so
/// that a copy that broke off is the older copy with a few files more. Returns how many leaves the copy covers.
pub async fn copy(source: &Source<'_>, dir: &Path, depth: Depth) -> Result<u64, CopyError> {
    let open = Open::new(source).await?;
    let note = open.checkpoint().await?;
    let size: u64 =
        note.lines().nth(1).and_then(|line| line.parse().ok()).ok_or(CopyError::NotACheckpoint)?;
    for level in 0_u8..8 {
        let tiles = (0..).map(|index| TileId { level, index }).take_while(|id| width_at(*id, size) > 0);
        for path in tiles.filter_map(|id| TilePath::hashes(id, size)) {
            open.copy_tile(path, dir).await?;
        }
    }
    if depth == Depth::Entries {
        for path in (0..size.div_ceil(TILE_WIDTH as u64)).filter_map(|index| TilePath::entries(index, size)) {
            open.copy_tile(path, dir).await?;
        }
        open.copy_entries(size, dir).await?;
    }
    write(&dir.join("checkpoint"), note.as_bytes())?;
    Ok(size)
}

/// A source with the log that was chosen in it.
struct Open<'a> {
    source: &'a Source<'a>,
    log_epoch: u64,
    prefix: String,
}

impl<'a> Open<'a> {
    async fn new(source: &'a Source<'a>) -> Result<Self, CopyError> {
        match source {
            Source::Database(log) => {
                Ok(Self { source, log_epoch: log.current().log_epoch, prefix: String::new() })
            }
            Source::Server { http, base } => {
                let logs: Vec<LogInfo> = json(http, &format!("{base}/audit/logs")).await?;
                let newest = logs.into_iter().next_back().ok_or(CopyError::NothingSigned)?;
                Ok(Self { source, log_epoch: newest.log_epoch, prefix: format!("{base}{}", newest.prefix) })
            }
        }
    }

    async fn checkpoint(&self) -> Result<String, CopyError> {
        match self.source {
            Source::Database(log) => log.checkpoint_of(self.log_epoch).await?.ok_or(CopyError::NothingSigned),
            Source::Server { http, .. } => {
                let bytes = get(http, &format!("{}/checkpoint", self.prefix)).await?;
                String::from_utf8(bytes).map_err(|_| CopyError::NotACheckpoint)
            }
        }
    }

    async fn copy_tile(&self, path: TilePath, dir: &Path) -> Result<(), CopyError> {
        let target = dir.join(path.to_string());
        if path.is_full() && target.exists() {
            return Ok(());
        }
        let bytes = match self.source {
            Source::Database(log) => self.stored_tile(log, path).await?,
            Source::Server { http, .. } => get(http, &format!("{}/{path}", self.prefix)).await?,
        };
        write(&target, &bytes)
    }

    async fn stored_tile(&self, log: &Log, path: TilePath) -> Result<Vec<u8>, CopyError> {
        let pool = log.shared.db.read();
        let stored = match path.kind {
            Kind::Hashes(level) => {
                tiles::tile(pool, self.log_epoch, TileId { level, index: path.index }).await
            }
            Kind::Entries => tiles::bundle(pool, self.log_epoch, path.index).await,
        };
        let stored = stored.map_err(Error::from)?.unwrap_or_default();
        let part =
            stored.get(..path.width * HASH_SIZE).ok_or_else(|| CopyError::Missing(path.to_string()))?;
        Ok(if path.kind == Kind::Entries { bundle::encode(part) } else { part.to_vec() })
    }

    /// All entries below `size`, written beside the old file and then put in its place.
    async fn copy_entries(&self, size: u64, dir: &Path) -> Result<(), CopyError> {
        let (path, beside) = (dir.join("entries.jsonl"), dir.join("entries.jsonl.part"));
        let failed = |source| CopyError::NotWritten { path: path.display().to_string(), source };
        let mut file = std::io::BufWriter::new(std::fs::File::create(&beside).map_err(failed)?);
        let mut cursor = None;
        loop {
            let entries = self.entries(cursor, size).await?;
            let Some(last) = entries.last() else { break };
            cursor = Some(last.position);
            for entry in &entries {
                std::io::Write::write_all(&mut file, &export::line(entry)?).map_err(failed)?;
            }
        }
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&beside, &path).map_err(failed)
    }

    async fn entries(&self, after: Option<u64>, size: u64) -> Result<Vec<Entry>, CopyError> {
        match self.source {
            Source::Database(log) => Ok(export::page(log, self.log_epoch, after, size, PAGE).await?),
            Source::Server { http, base } => {
                let after = after.map_or_else(String::new, |after| format!("&after={after}"));
                let epoch = self.log_epoch;
                let address = format!("{base}/audit/entries?log_epoch={epoch}&limit={PAGE}{after}");
                let mut page: Entries = json(http, &address).await?;
                page.entries.retain(|entry| entry.position < size);
                Ok(page.entries)
            }
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CopyError> {
    let failed = |source| CopyError::NotWritten { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let beside = path.with_extension("part");
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).map_err(failed)
}

async fn get(http: &reqwest::Client, address: &str) -> Result<Vec<u8>, CopyError> {
    let answer = http.get(address).send().await.map_err(CopyError::Unreachable)?;
    let status = answer.status();
    if !status.is_success() {
        return Err(CopyError::RefusedByServer { status: status.as_u16(), address: address.to_owned() });
    }
    Ok(answer.bytes().await.map_err(CopyError::Unreachable)?.to_vec())
}

async fn json<T: DeserializeOwned>(http: &reqwest::Client, address: &str) -> Result<T, CopyError> {
    let bytes = get(http, address).await?;
    serde_json::from_slice(&bytes).map_err(|_| CopyError::Missing(format!("the JSON at {address}")))
}
