//! GnuTLS's certtool.

use std::ffi::OsString;

use crate::{
    bench::{Bench, run},
    evidence::{Content, Path, Signed, Verdict},
};

/// Path and revocation.
pub(crate) fn accepts_path(path: &Path) -> Verdict {
    let bench = Bench::new();
    let root = bench.certificates("root.pem", [&path.root]);
    let crls = bench.crls("crls.pem", &path.crls);
    let chain = bench.certificates("chain.pem", [&path.leaf].into_iter().chain(&path.intermediates));
    certtool(
        &["--verify", "--verify-profile", "medium"],
        &[("--load-ca-certificate", root), ("--load-crl", crls), ("--infile", chain)],
    )
}

/// The signature of a CRL, and that it can be read.
pub(crate) fn accepts_crl(crl: &[u8], issuer: &[u8]) -> Verdict {
    let bench = Bench::new();
    let issuer = bench.certificates("issuer.pem", [&issuer.to_vec()]);
    let crl = bench.crls("crl.pem", [&crl.to_vec()]);
    certtool(&["--crl-info"], &[("--infile", crl.clone())])?;
    certtool(
        &["--verify-crl", "--verify-profile", "medium"],
        &[("--load-ca-certificate", issuer), ("--infile", crl)],
    )
}

/// A CMS signature and its path. certtool has no way to give it CRLs here; `accepts_path` does that.
pub(crate) fn accepts_cms(signed: &Signed) -> Verdict {
    let bench = Bench::new();
    let mut files = vec![("--load-ca-certificate", bench.certificates("root.pem", [&signed.path.root]))];
    files.push(("--infile", bench.file("a.p7s", &signed.cms)));
    if let Content::Beside(content) = &signed.content {
        files.push(("--load-data", bench.file("content", content)));
    }
    certtool(&["--p7-verify", "--verify-profile", "medium", "--inder"], &files)
}

fn certtool(options: &[&str], files: &[(&str, std::path::PathBuf)]) -> Verdict {
    let files =
        files.iter().flat_map(|(option, file)| [OsString::from(option), file.clone().into_os_string()]);
    run("certtool", options.iter().map(OsString::from).chain(files)).map(drop)
}
