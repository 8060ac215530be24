//! Bouncy Castle on the JDK, through `java/Judge.java`.

use std::{
    ffi::OsString,
    path::{Path as FilePath, PathBuf},
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{
    bench::{Bench, PathFiles, Said, beside, run, setting, verdict},
    evidence::{Content, Path, Signed, Verdict},
};

/// The same for an attached signature, and every time-stamp in it: its signature, path, and what it is about.
pub(crate) fn accepts_stamped(signed: &Signed) -> Verdict {
    let bench = Bench::new();
    let PathFiles { root, others, .. } = bench.path(&signed.path);
    judge("stamped", [root, bench.file("a.p7m", &signed.cms)].into_iter().chain(others))
}

/// An evidence record of a document.
pub(crate) fn accepts_record(record: &[u8], document: &[u8]) -> Verdict {
    let bench = Bench::new();
    judge("record", [bench.file("a.ers", record), bench.file("document", document)])
}

/// An evidence record of a document that it makes itself, by a time-stamp of the document's SHA-256.
pub(crate) fn makes_record(token: &[u8], document: &[u8]) -> Result<Vec<u8>, String> {
    let bench = Bench::new();
    let said = said("made", [bench.file("token", token), bench.file("document", document)])?;
    verdict(&said)?;
    let first = said.out.lines().next().unwrap_or_default();
    STANDARD.decode(first).map_err(|error| format!("{error}: {first}"))
}

/// Path by the PKIX validator, with a CRL for every certificate.
pub(crate) fn accepts_path(path: &Path) -> Verdict {
    let bench = Bench::new();
    let PathFiles { root, leaf, others } = bench.path(path);
    judge("path", [root, leaf].into_iter().chain(others))
}

/// The signature of a CRL.
pub(crate) fn accepts_crl(crl: &[u8], issuer: &[u8]) -> Verdict {
    let bench = Bench::new();
    judge("crl", [bench.file("issuer.cer", issuer), bench.file("a.crl", crl)])
}

/// The entries of a CRL whose signature is checked: a line each, with serial and reason.
pub(crate) fn reads_entries(issuer: PathBuf, crl: PathBuf) -> Result<Vec<String>, String> {
    let said = said("entries", [issuer, crl])?;
    verdict(&said)?;
    let lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
    // The last line is the verdict.
    Ok(lines[..lines.len() - 1].to_vec())
}

/// The status of a serial in an OCSP answer, whose signer and signature are checked.
pub(crate) fn reads_ocsp(issuer: PathBuf, serial: &str, answer: PathBuf) -> Result<String, String> {
    let said = said("ocsp", [issuer, serial.into(), answer])?;
    verdict(&said)?;
    let first = said.out.lines().next().unwrap_or_default();
    Ok(first.to_owned())
}

/// Signature, each signed attribute of the profile, DER, path and revocation.
pub(crate) fn accepts_cms(signed: &Signed) -> Verdict {
    let bench = Bench::new();
    let PathFiles { root, others, .. } = bench.path(&signed.path);
    let cms = bench.file("a.p7s", &signed.cms);
    match &signed.content {
        Content::Inside(_) => judge("attached", [root, cms].into_iter().chain(others)),
        Content::Beside(content) => {
            judge("detached", [root, cms, bench.file("content", content)].into_iter().chain(others))
        }
    }
}

fn judge(about: &str, files: impl IntoIterator<Item = PathBuf>) -> Verdict {
    verdict(&said(about, files)?)
}

fn said(about: &str, files: impl IntoIterator<Item = PathBuf>) -> Result<Said, String> {
    let classes = format!("{}:{}", setting("LANYARD_BC_CLASSPATH"), compiled().display());
    // A judge lives for a second: the first compiler is enough for it.
    let arguments = ["-XX:TieredStopAtLevel=1", "-cp", &classes, "Judge", about].map(OsString::from);
    run("java", arguments.into_iter().chain(files.into_iter().map(OsString::from)))
}

/// The folder with the compiled judge, made once for each version of its source and shared by all tests.
fn compiled() -> PathBuf {
    let sources = ["java/Judge.java", "java/Stamps.java"].map(beside);
    let written = sources.iter().map(|source| {
        let about = std::fs::metadata(source).and_then(|about| about.modified());
        let written = about.expect("the judge has a source").duration_since(std::time::UNIX_EPOCH);
        written.expect("it was written after 1970").as_nanos()
    });
    let written = written.max().unwrap_or_default();
    let folder = FilePath::new(env!("CARGO_TARGET_TMPDIR")).join(format!("judge-{written}"));
    if !folder.exists() {
        // Compiled aside and renamed, so that a test beside this one never sees half of it; the first one wins.
        let aside = Bench::new();
        let classes = aside.folder().join("classes");
        let mut arguments =
            vec![OsString::from("-proc:none"), "-cp".into(), setting("LANYARD_BC_CLASSPATH").into()];
        // A bare machine has no locale, and the compiler then takes the source for ASCII.
        arguments.extend(["-encoding".into(), "UTF-8".into()]);
        arguments.extend(["-d".into(), classes.clone().into_os_string()]);
        arguments.extend(sources.map(PathBuf::into_os_string));
        run("javac", arguments).expect("the judge compiles");
        copy_then_rename(&classes, &folder);
    }
    folder
}

/// Moves the compiled classes to where they are looked for, over a neighbour's folder on the same file system.
fn copy_then_rename(classes: &FilePath, folder: &FilePath) {
    let neighbour = folder.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(&neighbour).expect("the build's folder can be written");
    for class in std::fs::read_dir(classes).expect("javac wrote a folder") {
        let class = class.expect("it can be listed");
        std::fs::copy(class.path(), neighbour.join(class.file_name())).expect("a class can be copied");
    }
    if std::fs::rename(&neighbour, folder).is_err() {
        assert!(folder.exists(), "the compiled judge could not be moved into place");
        std::fs::remove_dir_all(&neighbour).expect("what was made twice can be removed");
    }
}
