//! The folder of a journal and the files in it. Everything here waits for the disk: whoever calls it from a task does so on a thread
//! that may wait, but for the one write that puts a frame at the end of a file.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{self, Damaged, FILE_HEAD, Id};
use crate::error::Error;

/// Held by the process that has the folder. It goes with the process, however that ends.
const LOCK: &str = "lock";
/// How the names of files end: those that hold reads, those of which everything is in the record, and those that are being made.
const READS: &str = "reads";
const DONE: &str = "done";
const NEW: &str = "new";

/// A folder that this process has and no other.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// A file of a journal.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: Id,
    pub(super) path: PathBuf,
    file: File,
}

/// The file that frames are put into, and where the next one goes. Who has this is the only one who writes.
#[derive(Debug)]
pub(super) struct End {
    pub(super) segment: Arc<Segment>,
    pub(super) octets: u64,
    pub(super) number: i64,
    /// What this file takes is not to be trusted any more.
    pub(super) broken: bool,
}

/// A file that was found: its frames by their numbers.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: Id,
    pub(super) frames: Vec<(i64, Vec<u8>)>,
}

impl Folder {
    /// Takes it; makes it where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let unusable = |cause: io::Error| unusable(path, &cause);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Journal {
                    place: path.display().to_string(),
                    sentence: "another process has this folder; give each a folder of its own in [directory] reads_journal".to_owned(),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // Nothing was ever kept in them.
        for unfinished in folder.ending(NEW)? {
            fs::remove_file(unfinished).map_err(unusable)?;
        }
        Ok(folder)
    }

    /// The files with reads, the oldest first.
    pub(super) fn reads(&self) -> Result<Vec<PathBuf>, Error> {
        self.ending(READS)
    }

    /// The files of which everything is in the record: a process ended before they were gone.
    pub(super) fn done(&self) -> Result<Vec<PathBuf>, Error> {
        self.ending(DONE)
    }

    /// Makes a file with nothing in it. When this returns it is on the disk.
    pub(super) fn create(&self, id: Id) -> io::Result<End> {
        let last = self.names()?.into_iter().filter_map(|path| number(&path)).max().unwrap_or(0);
        let path = self.path.join(format!("{:010}.{READS}", last + 1));
        let unfinished = path.with_extension(NEW);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        let head = id.head();
        file.write_all_at(&head, 0)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        self.sync()?;
        let octets = u64::try_from(head.len()).map_err(io::Error::other)?;
        Ok(End { segment: Arc::new(Segment { id, path, file }), octets, number: 1, broken: false })
    }

    /// Says of a file that everything in it is in the record: it is not read any more. Gives where it is now. Done again it does nothing.
    pub(super) fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let aside = path.with_extension(DONE);
        match fs::rename(path, &aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.sync()?;
        Ok(aside)
    }

    /// Takes a file away that was set aside. Done again it does nothing.
    pub(super) fn remove(&self, aside: &Path) -> io::Result<()> {
        match fs::remove_file(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.sync()
    }

    /// Names in the folder are on the disk when this returns.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn ending(&self, end: &str) -> Result<Vec<PathBuf>, Error> {
        let names = self.names().map_err(|cause| unusable(&self.path, &cause))?;
        let ours = |path: &PathBuf| path.extension().is_some_and(|it| it == end) && number(path).is_some();
        let mut found: Vec<PathBuf> = names.into_iter().filter(ours).collect();
        found.sort_by_key(|path| number(path));
        Ok(found)
    }

    fn names(&self) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.path())).collect()
    }
}

impl Segment {
    /// What was written before is on the disk when this returns, power or not.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// One that cannot be written into.
    #[cfg(test)]
    pub(super) fn unwritable(id: Id, path: PathBuf) -> Self {
        let file = File::open(&path).expect("the test has made it");
        Self { id, path, file }
    }
}

impl End {
    /// Puts a frame at the end by one write. When this returns it outlives the process; power it outlives after [`Segment::sync`].
    ///
    /// What was written of one that failed is cut off, or nothing is written behind it any more.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("a write failed, and the file could not be exchanged yet"));
        }
        let file = &self.segment.file;
        if let Err(error) = file.write_all_at(frame, self.octets) {
            self.broken = file.set_len(self.octets).is_err();
            return Err(error);
        }
        self.octets += u64::try_from(frame.len()).map_err(io::Error::other)?;
        self.number += 1;
        Ok(())
    }
}

/// Reads a file that was left. A frame at its end that is not whole is cut off: nobody was answered on its strength.
pub(super) fn read(path: &Path) -> Result<Found, Error> {
    let unusable = |cause: io::Error| unusable(path, &cause);
    let octets = fs::read(path).map_err(unusable)?;
    let id = Id::of_head(&octets).ok_or_else(|| damaged(path, &Damaged { at: 0, number: 1 }))?;
    let content = frame::read(id, &octets).map_err(|damage| damaged(path, &damage))?;
    if content.torn > 0 {
        let (whole, torn) = (content.frames.len(), content.torn);
        tracing::warn!(
            path = %path.display(), whole, torn,
            "the journal of reads {} ends in a frame that was not written to its end; its {torn} octets are cut off, the {whole} frames before \
             stand",
            path.display()
        );
        let end = u64::try_from(content.whole).map_err(|error| unusable(io::Error::other(error)))?;
        OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(end)).map_err(unusable)?;
    }
    let frames = content.frames.into_iter().map(|(number, body)| (number, body.to_vec())).collect();
    Ok(Found { id, frames })
}

/// Whose file it is, of which nothing else is asked any more; nothing where it does not say.
pub(super) fn id(path: &Path) -> io::Result<Option<Id>> {
    let mut head = [0; FILE_HEAD];
    match File::open(path)?.read_exact_at(&mut head, 0) {
        Ok(()) => Ok(Id::of_head(&head)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number in the name of one of our files.
fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The folder, or a file in it, cannot be used.
pub(super) fn unusable(path: &Path, cause: &io::Error) -> Error {
    Error::Journal { place: path.display().to_string(), sentence: format!("it cannot be used: {cause}") }
}

fn damaged(path: &Path, Damaged { at, number }: &Damaged) -> Error {
    Error::Journal {
        place: path.display().to_string(),
        sentence: format!(
            "it was changed or damaged at octet {at}: frame {number} cannot be read, and it is not the last. Put the whole file back; if there \
             is none, move this one out of the folder, keep it, and start again: the record then lacks what was in it and was not recorded yet"
        ),
    }
}
