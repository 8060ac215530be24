//! Files that are written whole or not at all, and files that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner (0600).
    Owner,
    /// Everyone (0644).
    Everyone,
}

/// Writes a file so that a crash leaves the old one or the new one, never half of either.
pub fn write(path: &Path, contents: &[u8], readers: Readers) -> anyhow::Result<()> {
    write_whole(path, contents, readers).with_context(|| format!("could not write {}", path.display()))
}

fn write_whole(path: &Path, contents: &[u8], readers: Readers) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    // A left-over of a crash may have other permissions than asked for here.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The right to set up what is in a folder, for one process at a time. It goes when this is dropped or the process ends.
#[must_use = "the lock goes when this is dropped"]
pub struct Alone {
    _file: File,
}

/// Takes the right, or says that somebody else has it.
pub fn alone(folder: &Path) -> anyhow::Result<Alone> {
    let path = folder.join(".set-up.lock");
    let opened = fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path));
    let file = opened.with_context(|| format!("could not make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Alone { _file: file }),
        Err(fs::TryLockError::WouldBlock) => bail!(
            "another lanyard command is setting up {}; run this again when it has ended",
            folder.display()
        ),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock {}", path.display()))
        }
    }
}

/// Reads a file, and names it when that fails.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("could not read {}", path.display()))
}

/// Reads a text file, and names it when that fails.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

/// Makes a folder that only its owner may enter, unless it is there.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("could not make the folder {}", path.display()))
}

/// Whether group or others may read the file: the mode bits that say so, if any.
pub fn open_to_others(path: &Path) -> std::io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// The path from `base`, unless it is absolute already.
pub fn from_base(base: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { base.join(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A private file is readable by nobody else, also when an older temporary file was.
    #[test]
    fn private_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/pin");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(dir.path().join("deep/pin.tmp"), "old").unwrap();
        write(&path, b"123456", Readers::Owner).unwrap();
        assert_eq!(open_to_others(&path).unwrap(), None);
        assert_eq!(fs::read(&path).unwrap(), b"123456");
        assert!(!dir.path().join("deep/pin.tmp").exists());
        write(&path, b"x", Readers::Everyone).unwrap();
        assert_eq!(open_to_others(&path).unwrap(), Some(0o644));
    }

    /// One at a time sets up a folder; when it has ended the next one may.
    #[test]
    fn one_at_a_time_sets_up() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let first = alone(&folder).unwrap();
        let refused = alone(&folder).map(drop).unwrap_err().to_string();
        assert!(refused.contains("another lanyard command"), "{refused}");
        drop(first);
        assert!(alone(&folder).is_ok());
    }

    /// Relative paths start at the base, absolute ones stay.
    #[test]
    fn paths_start_at_the_base() {
        assert_eq!(
            from_base(Path::new("/etc/lanyard"), Path::new("tls/a.pem")),
            Path::new("/etc/lanyard/tls/a.pem")
        );
        assert_eq!(from_base(Path::new("/etc/lanyard"), Path::new("/opt/a.so")), Path::new("/opt/a.so"));
    }
}
