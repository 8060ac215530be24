//! A folder with the evidence in files, and the means to run a judge over it.

use std::{
    ffi::OsStr,
    path::{Path as FilePath, PathBuf},
    process::{Command, ExitStatus},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use crate::evidence::{Path, Verdict};

/// A folder that goes when it is dropped.
pub(crate) struct Bench {
    folder: TempDir,
}

/// The files of a path, each certificate and CRL in its own, in DER.
pub(crate) struct PathFiles {
    pub(crate) root: PathBuf,
    pub(crate) leaf: PathBuf,
    /// Intermediates, then CRLs.
    pub(crate) others: Vec<PathBuf>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench { folder: TempDir::with_prefix("lanyard-judge-").expect("a temporary folder can be made") }
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &FilePath {
        self.folder.path()
    }

    /// Writes a file and says where it is.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }

    /// Writes certificates to one PEM file.
    pub(crate) fn certificates<'a>(
        &self,
        name: &str,
        ders: impl IntoIterator<Item = &'a Vec<u8>>,
    ) -> PathBuf {
        self.file(name, pem("CERTIFICATE", ders))
    }

    /// Writes CRLs to one PEM file.
    pub(crate) fn crls<'a>(&self, name: &str, ders: impl IntoIterator<Item = &'a Vec<u8>>) -> PathBuf {
        self.file(name, pem("X509 CRL", ders))
    }

    /// Writes each part of a path to a DER file of its own.
    pub(crate) fn path(&self, path: &Path) -> PathFiles {
        let intermediates = path.intermediates.iter().enumerate();
        let intermediates = intermediates.map(|(at, der)| self.file(&format!("intermediate-{at}.cer"), der));
        let crls = path.crls.iter().enumerate().map(|(at, der)| self.file(&format!("{at}.crl"), der));
        PathFiles {
            root: self.file("root.cer", &path.root),
            leaf: self.file("leaf.cer", &path.leaf),
            others: intermediates.chain(crls).collect(),
        }
    }
}

/// Certificates or CRLs as text, one after the other.
pub(crate) fn pem<'a>(label: &str, ders: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let mut text = String::new();
    for der in ders {
        let encoded = STANDARD.encode(der);
        text.extend(["-----BEGIN ", label, "-----\n"]);
        for line in encoded.as_bytes().chunks(64) {
            text.extend([std::str::from_utf8(line).expect("base64 is ASCII"), "\n"]);
        }
        text.extend(["-----END ", label, "-----\n"]);
    }
    text
}

/// What a program wrote.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program; what it wrote if it ended well, and all of that in one text if it did not.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Result<Said, String> {
    let program = program.as_ref();
    let (status, said) = end(program, arguments);
    if status.success() { Ok(said) } else { Err(format!("{}: {}{}", program.display(), said.out, said.err)) }
}

/// Runs a program; how it ended and what it wrote.
pub(crate) fn end<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> (ExitStatus, Said) {
    end_in(".", program, arguments)
}

/// The same in a folder, where a program leaves what it likes.
pub(crate) fn end_in<A: AsRef<OsStr>>(
    folder: impl AsRef<std::path::Path>,
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> (ExitStatus, Said) {
    let program = program.as_ref();
    let output =
        Command::new(program).args(arguments).current_dir(folder).output().unwrap_or_else(|error| {
            panic!("{} cannot be run ({error}); run `make setup`", program.display())
        });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, Said { out: text(&output.stdout), err: text(&output.stderr) })
}

/// Reads the verdict of one of our own small judges, one line of JSON at the end of what it wrote.
pub(crate) fn verdict(said: &Said) -> Verdict {
    let last = said.out.trim_end().lines().last().unwrap_or_default();
    let verdict: serde_json::Value =
        serde_json::from_str(last).map_err(|error| format!("{error}: {}{}", said.out, said.err))?;
    match verdict["accepted"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(verdict["reason"].as_str().unwrap_or(last).to_owned()),
    }
}

/// A variable that `tools/env` sets.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `make test`, or `. tools/env` first"))
}

/// A file beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges").join(name)
}
