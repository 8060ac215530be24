//! The checkpoint sink: a file outside the database to which every checkpoint is appended.
//!
//! One JSON object a line: `{"signed":"<the note>"}`. Whoever restores an old database meets its last line at start.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::checkpoint::{CheckpointError, TreeHead};
use crate::error::{Error, chain};
use crate::log::{Log, stored_root};
use crate::store::checkpoints::{head_of_size, newest_signed};
use crate::store::log::all_logs;

/// How often a new checkpoint is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// The end of the file that surely holds the last line: notes are a few hundred octets.
const TAIL: u64 = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Line {
    signed: String,
}

/// Refuse to work on a database that is behind, or beside, the last checkpoint in the sink.
pub(crate) async fn check(log: &Log) -> Result<(), Error> {
    let Some(path) = log.shared.config.sink.clone() else { return Ok(()) };
    let Some(note) = read_last(path).await? else { return Ok(()) };
    let current = log.current();
    let head = match current.verifier.open(&note) {
        Ok(head) => head,
        // Nothing of this log was seen yet.
        Err(CheckpointError::OtherLog { found, .. }) => {
            return demand_earlier(log, current.log_epoch, found).await;
        }
        Err(other) => return Err(other.into()),
    };
    compare(log, current.log_epoch, &head).await
}

/// Refuse a database whose log is from before the one that the sink ends with. One that is not known here and began earlier is of
/// a database that was lost: the log here was begun by the recovery that followed.
async fn demand_earlier(log: &Log, log_epoch: u64, seen: String) -> Result<(), Error> {
    let logs = all_logs(log.shared.db.read()).await?;
    if logs.iter().any(|known| known.origin == seen) {
        return Ok(());
    }
    let ours = logs.into_iter().find(|known| known.log_epoch == log_epoch).ok_or(Error::Overtaken)?;
    match began(&seen) {
        Some(at) if at <= ours.started_at => Ok(()),
        _ => Err(Error::LaterLog { seen, ours: ours.origin }),
    }
}

/// When a log began, in milliseconds since 1970, by its name. The first of an installation does not say.
fn began(origin: &str) -> Option<i64> {
    origin.rsplit_once('/')?.1.parse().ok()
}

/// Hold a head that somebody outside has against the database.
pub(crate) async fn compare(log: &Log, log_epoch: u64, outside: &TreeHead) -> Result<(), Error> {
    let pool = log.shared.db.read();
    if let Some(stored) = head_of_size(pool, log_epoch, outside.size).await? {
        if stored_root(&stored.root)? != outside.root {
            return Err(Error::Forked { size: outside.size });
        }
        return Ok(());
    }
    let ours = newest_signed(pool, log_epoch).await?.map_or(0, |row| row.size);
    if outside.size > ours {
        return Err(Error::Behind { ours, seen: outside.size });
    }
    Ok(())
}

/// Start the task that appends, if a sink is configured.
pub(crate) fn start(log: &Log, stopped: &watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let path = log.shared.config.sink.clone()?;
    Some(tokio::spawn(run(log.clone(), path, stopped.clone())))
}

async fn run(log: Log, path: PathBuf, mut stopped: watch::Receiver<bool>) {
    let mut written = read_last(path.clone()).await.ok().flatten();
    let mut failing = false;
    loop {
        let last = *stopped.borrow();
        let done = follow(&log, &path, &mut written).await;
        if let Err(error) = &done
            && !failing
        {
            let cause = chain(error);
            warn!(%cause, path = %path.display(), "a checkpoint did not reach the sink and will be tried again: {cause}");
        }
        failing = done.is_err();
        if last {
            return;
        }
        let _ = tokio::time::timeout(LOOK, stopped.changed()).await;
    }
}

async fn follow(log: &Log, path: &Path, written: &mut Option<String>) -> Result<(), Error> {
    let newest = newest_signed(log.shared.db.read(), log.current().log_epoch).await?;
    let Some(note) = newest.and_then(|row| row.note) else { return Ok(()) };
    if written.as_ref() == Some(&note) {
        return Ok(());
    }
    let (line, path) = (Line { signed: note.clone() }, path.to_owned());
    blocking(move || append(&path, &line)).await?;
    *written = Some(note);
    Ok(())
}

/// Append one line. When it returns, the line is on the disk.
fn append(path: &Path, line: &Line) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut text = String::new();
    if is_torn(&mut file)? {
        text.push('\n');
    }
    text.push_str(&serde_json::to_string(line)?);
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether a crash left the last line without its end.
fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

async fn read_last(path: PathBuf) -> Result<Option<String>, Error> {
    blocking(move || last_line(&path)).await
}

/// The last whole line; a torn one behind it, from a crash while appending, is passed over.
fn last_line(path: &Path) -> std::io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let lines = String::from_utf8_lossy(&tail);
    let last = lines.lines().rev().find_map(|line| serde_json::from_str::<Line>(line).ok());
    Ok(last.map(|line| line.signed))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(std::io::Error::other).and_then(|done| done).map_err(Error::Sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last whole line is read back even when a crash tore the one behind it, and a missing file is none.
    #[test]
    fn last_whole_line_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints.jsonl");
        assert_eq!(last_line(&path).unwrap(), None);
        append(&path, &Line { signed: "one\n".to_owned() }).unwrap();
        append(&path, &Line { signed: "two\n".to_owned() }).unwrap();
        assert_eq!(last_line(&path).unwrap().as_deref(), Some("two\n"));
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"signed\":\"thr").unwrap();
        assert_eq!(last_line(&path).unwrap().as_deref(), Some("two\n"));
        append(&path, &Line { signed: "three\n".to_owned() }).unwrap();
        assert_eq!(last_line(&path).unwrap().as_deref(), Some("three\n"));
    }
}
