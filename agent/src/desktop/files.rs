//! Signing files from the command line: what is made of each lies beside it.

use std::path::{Path, PathBuf};

use pki::Certificate;

use super::{Asked, Form, NotSigned};
use crate::settings::Settings;
use crate::signing::{Document, SigningError};

/// A file that is signed is no larger, in octets.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Why no file was signed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{} is larger than 64 MiB", .0.display())]
    TooLarge(PathBuf),
    /// What is to be written is there.
    #[error("{} is there already: move it away first", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("{} cannot be written", .path.display())]
    NotWritten {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing was signed.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

/// What was written.
pub struct Written {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// The certificate of the key that signed.
    pub certificate: Certificate,
    /// Why some were not signed.
    pub failed: Option<SigningError>,
}

/// Signs files: each gets one beside it, `.sig` with a signature or `.p7s` with a CMS message. Nothing that is there is written over,
/// which is looked at before the holder is asked.
pub fn sign(settings: &Settings, files: &[PathBuf], form: Form) -> Result<Written, FileError> {
    let mut documents = Vec::new();
    for path in files {
        let target = beside(path, form);
        if target.exists() {
            return Err(FileError::Exists(target));
        }
        documents.push(Document { id: path.display().to_string(), octets: read(path)? });
    }
    let made = Asked::new("lanyard-agent sign", "at your command line", form, documents)?.sign(settings)?;
    let mut paths = Vec::new();
    for (path, (_, octets)) in files.iter().zip(&made.octets) {
        let target = beside(path, form);
        write(&target, octets)?;
        paths.push(target);
    }
    let failed = made.failed.map(|(_, error)| error);
    Ok(Written { paths, certificate: made.certificate, failed })
}

/// Writes a file that is whole or is not there.
pub fn write(path: &Path, octets: &[u8]) -> Result<(), FileError> {
    let not_written = |source| FileError::NotWritten { path: path.to_owned(), source };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, octets).map_err(not_written)?;
    std::fs::rename(&part, path).map_err(not_written)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    std::fs::read(path).map_err(unreadable)
}

fn beside(path: &Path, form: Form) -> PathBuf {
    let end = match form {
        Form::Signature => ".sig",
        Form::Cms => ".p7s",
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(end);
    beside.into()
}
