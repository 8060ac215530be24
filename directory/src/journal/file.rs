//! The folder of a journal and the files in it. Everything here waits for the disk: whoever calls it from a task does so on a thread
//! that may wait, but for the one write that puts a frame at the end of a file.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::failed;
use super::frame::{self, Behind, Content, Damaged, FILE_HEAD, Id};
use crate::error::Error;

/// Held by the process that has the folder. It goes with the process, however that ends.
const LOCK: &str = "lock";
/// The file that is being made. There is one at a time, so that a disk that takes none to its end is not filled with their beginnings.
const NEXT: &str = "next.new";
/// How the names of files end: those that hold reads, those of which everything is in the record, and what was behind a hole of one that
/// was found.
const READS: &str = "reads";
const DONE: &str = "done";
const TAIL: &str = "tail";
/// How the name of a file ends that has one read, which the record refused.
const ASIDE: &str = "aside";

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
    /// How long it is.
    octets: AtomicU64,
    /// Up to which octet the disk has taken it.
    synced: AtomicU64,
    /// What this file takes is not to be trusted any more.
    broken: AtomicBool,
}

/// The file that frames are put into, and where the next one goes. Who has this is the only one who writes.
#[derive(Debug)]
pub(super) struct End {
    pub(super) segment: Arc<Segment>,
    pub(super) number: i64,
}

/// A file that was found: its frames by their numbers.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: Id,
    pub(super) frames: Vec<(i64, Vec<u8>)>,
}

impl Folder {
    /// Takes it; makes it where there is none. One that others may look into, or that is another user's, is refused.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let unusable = |cause: io::Error| unusable(path, &cause);
        let refused = |sentence| Err(Error::Journal { place: path.display().to_string(), sentence });
        make(path).map_err(unusable)?;
        let folder = fs::metadata(path).map_err(unusable)?;
        let mode = folder.mode() & 0o777;
        if mode != 0o700 {
            return refused(format!(
                "its mode is {mode:o}, which is not 700; see that nobody else has changed what is in it, and set that mode"
            ));
        }
        let lock = lock(&path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return refused(
                    "another process has this folder; give each a folder of its own in [directory] reads_journal".to_owned(),
                );
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        let (owner, ours) = (folder.uid(), ourselves(path).map_err(unusable)?);
        if owner != ours {
            return refused(format!(
                "it belongs to the user {owner}, and the server is the user {ours}; give it one of its own"
            ));
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The files with reads, the oldest first.
    pub(super) fn reads(&self) -> Result<Vec<PathBuf>, Error> {
        self.ending(READS)
    }

    /// The files of which everything is in the record: a process ended before they were gone.
    pub(super) fn done(&self) -> Result<Vec<PathBuf>, Error> {
        self.ending(DONE)
    }

    /// Makes a file with nothing in it. When this returns it is on the disk; where that fails nothing of it stays.
    pub(super) fn create(&self, id: Id) -> io::Result<End> {
        let last = self.names()?.into_iter().filter_map(|path| number(&path)).max().unwrap_or(0);
        let path = self.path.join(format!("{:010}.{READS}", last + 1));
        let unfinished = self.path.join(NEXT);
        gone(&unfinished)?;
        let head = id.head();
        let octets = u64::try_from(head.len()).map_err(io::Error::other)?;
        let made = begun(&unfinished, &head).and_then(|file| fs::rename(&unfinished, &path).map(|()| file));
        let file = match made.and_then(|file| self.sync().map(|()| file)) {
            Ok(file) => file,
            Err(error) => {
                // It is tried again by the next, and by the next start.
                let _left = gone(&unfinished).and(gone(&path));
                return Err(error);
            }
        };
        Ok(End { segment: Arc::new(Segment::new(id, path, file, octets)), number: 1 })
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
        gone(aside)?;
        self.sync()
    }

    /// Puts a read of a file into one of its own, and gives where that is. Done again it does the same.
    pub(super) fn put_aside(&self, of: &Path, frame: i64, octets: &[u8]) -> io::Result<PathBuf> {
        let aside = of.with_extension(format!("{frame}.{ASIDE}"));
        put(&aside, octets)?;
        self.sync()?;
        Ok(aside)
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
    /// One whose octets the disk has taken.
    fn new(id: Id, path: PathBuf, file: File, octets: u64) -> Self {
        let (synced, octets) = (AtomicU64::new(octets), AtomicU64::new(octets));
        Self { id, path, file, octets, synced, broken: AtomicBool::new(false) }
    }

    /// What was written before is on the disk when this returns, power or not.
    ///
    /// What the kernel could not write it may have forgotten: after an error nothing more is entrusted to this file.
    pub(super) fn sync(&self) -> io::Result<()> {
        let written = self.octets();
        self.file.sync_data().inspect_err(|_| self.give_up())?;
        self.synced.fetch_max(written, Ordering::Relaxed);
        Ok(())
    }

    /// How long it is.
    pub(super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Acquire)
    }

    /// Whether what it takes is not to be trusted any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn give_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Up to which octet the disk has taken it.
    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Relaxed)
    }

    /// One that cannot be written into.
    #[cfg(test)]
    pub(super) fn unwritable(id: Id, path: PathBuf) -> Self {
        let file = File::open(&path).expect("the test has made it");
        Self::new(id, path, file, 0)
    }
}

impl End {
    /// Puts a frame at the end by one write. When this returns it outlives the process; power it outlives after [`Segment::sync`].
    ///
    /// What was written of one that failed is cut off, or nothing is written behind it any more.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let segment = &self.segment;
        if segment.is_broken() {
            return Err(io::Error::other("a write failed, and the file could not be exchanged yet"));
        }
        let end = segment.octets();
        if let Err(error) = segment.file.write_all_at(frame, end) {
            if segment.file.set_len(end).is_err() {
                segment.give_up();
            }
            return Err(error);
        }
        segment.octets.store(end + u64::try_from(frame.len()).map_err(io::Error::other)?, Ordering::Release);
        self.number += 1;
        Ok(())
    }
}

/// Reads a file that was left. What is torn at its end is cut off: of a frame that is not whole nobody was answered on its strength, and
/// whole ones behind a hole are kept beside it.
pub(super) fn read(path: &Path) -> Result<Found, Error> {
    let unusable = |cause: io::Error| unusable(path, &cause);
    let mut octets = Vec::new();
    let mut file = opened(path, OpenOptions::new().read(true).write(true)).map_err(unusable)?;
    file.read_to_end(&mut octets).map_err(unusable)?;
    let id = Id::of_head(&octets).ok_or_else(|| damaged(path, &Damaged { at: 0, number: 1 }))?;
    let content = frame::read(id, &octets).map_err(|damage| damaged(path, &damage))?;
    if content.torn > 0 {
        tell_torn(path, &octets, &content).map_err(unusable)?;
        let end = u64::try_from(content.whole).map_err(|error| unusable(io::Error::other(error)))?;
        file.set_len(end).map_err(unusable)?;
    }
    let frames = content.frames.into_iter().map(|(number, body)| (number, body.to_vec())).collect();
    Ok(Found { id, frames })
}

/// Says what is cut off, and puts a copy of it beside the file where frames are in it. A start that ends before it is cut off does the same
/// again.
fn tell_torn(path: &Path, octets: &[u8], content: &Content<'_>) -> io::Result<()> {
    let (whole, torn) = (content.frames.len(), content.torn);
    match content.behind {
        Behind::NoFrame => tracing::warn!(
            path = %path.display(), whole, torn,
            "the journal of reads {} ends in a frame that was not written to its end; its {torn} octets are cut off, the {whole} frames before \
             stand",
            path.display()
        ),
        Behind::Frames => {
            let tail = path.with_extension(TAIL);
            put(&tail, &octets[content.whole..])?;
            failed("aside");
            tracing::error!(
                path = %path.display(), whole, torn,
                "the journal of reads {} has a hole that the disk had not been told to keep, as after a loss of power; the {whole} frames before \
                 stand, the {torn} octets from there are cut off, not recorded, and kept in {}",
                path.display(),
                tail.display()
            );
        }
    }
    Ok(())
}

/// Puts octets into a file of their own, which is on the disk when this returns.
fn put(path: &Path, octets: &[u8]) -> io::Result<()> {
    gone(path)?;
    let mut file = new(path)?;
    file.write_all(octets)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Whose file it is, of which nothing else is asked any more; nothing where it does not say.
pub(super) fn id(path: &Path) -> io::Result<Option<Id>> {
    let mut head = [0; FILE_HEAD];
    match opened(path, OpenOptions::new().read(true))?.read_exact_at(&mut head, 0) {
        Ok(()) => Ok(Id::of_head(&head)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A new file with this at its beginning, on the disk but for its name.
fn begun(path: &Path, head: &[u8]) -> io::Result<File> {
    let file = new(path)?;
    file.write_all_at(head, 0)?;
    file.sync_all()?;
    Ok(file)
}

/// Makes a folder where there is none. When this returns its name is on the disk, as are those above it.
fn make(path: &Path) -> io::Result<()> {
    let named = |part: &&Path| !part.as_os_str().is_empty();
    let missing: Vec<&Path> = path.ancestors().filter(named).take_while(|part| !part.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for part in missing {
        let above = part.parent().filter(named).unwrap_or_else(|| Path::new("."));
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Opens the file that is locked, or makes it.
fn lock(path: &Path) -> io::Result<File> {
    match new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            opened(path, OpenOptions::new().write(true))
        }
        made => made,
    }
}

/// The user who owns what this process makes in a folder. Of the file that is made for it nothing stays, and nothing was ever kept in one
/// that is there.
fn ourselves(folder: &Path) -> io::Result<u32> {
    let next = folder.join(NEXT);
    gone(&next)?;
    let ours = new(&next)?.metadata()?.uid();
    gone(&next)?;
    Ok(ours)
}

/// A new file, which nobody else may read. Where there is anything of its name, a link too, it is refused.
fn new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file that is there, and is itself in the folder: not a link to another.
fn opened(path: &Path, way: &OpenOptions) -> io::Result<File> {
    let wrong = || io::Error::other("it is no file, or a link to one");
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() {
        return Err(wrong());
    }
    let file = way.open(path)?;
    let found = file.metadata()?;
    if (named.dev(), named.ino()) == (found.dev(), found.ino()) { Ok(file) } else { Err(wrong()) }
}

/// Takes a file away where there is one.
fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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
