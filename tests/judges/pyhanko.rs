//! pyHanko, through `python/judge.py`.

use std::ffi::OsString;

use crate::{
    bench::{Bench, PathFiles, beside, run, setting, verdict},
    evidence::{Content, Signed, Verdict},
};

/// Signature, path, key usage and revocation.
pub(crate) fn accepts_cms(signed: &Signed) -> Verdict {
    let bench = Bench::new();
    let PathFiles { root, others, .. } = bench.path(&signed.path);
    let content = match &signed.content {
        Content::Inside(_) => OsString::from("-"),
        Content::Beside(content) => bench.file("content", content).into_os_string(),
    };
    let cms = bench.file("a.p7s", &signed.cms);
    let mut arguments = vec![beside("python/judge.py").into_os_string(), cms.into_os_string(), content];
    arguments.push(root.into_os_string());
    arguments.extend(others.into_iter().map(OsString::from));
    verdict(&run(setting("LANYARD_PYTHON"), arguments)?)
}
