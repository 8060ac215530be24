//! pkilint: does what we issue keep to the letter of RFC 5280?

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Mutex;

use serde_json::Value;

use crate::{
    bench::{Bench, end, setting},
    evidence::{Path, Verdict},
};

/// Notices that we know and keep, each with its reason. Warnings and errors are never kept.
const KEPT: &[(&str, &str)] = &[
    (
        "pkix.certificate_policies_policy_has_qualifier",
        "RFC 5280 4.2.1.4 recommends the identifier alone and allows a CPS pointer: readers find our practice statement by it",
    ),
    (
        "pkix.aki_absent_self_issued_and_unsupported_algorithm",
        "RFC 5280 4.2.1.1 lets a self-signed certificate leave the authority key identifier out; pkilint reads ML-DSA keys and \
         does not verify with them, so it cannot see that ours is self-signed",
    ),
    ("pkix.unsupported_algorithm", "the same, of a chain: other judges verify its ML-DSA signatures"),
    (
        "etsi.en_319_412_1.nat-5.1.3.national_identifier_scheme_detected",
        "the directory's number of a person is of a national scheme, and the registration authority is named",
    ),
];

/// Lints every certificate of the path, and each with its issuer.
pub(crate) fn accepts_path(path: &Path) -> Verdict {
    let bench = Bench::new();
    let mut issuer = &path.root;
    certificate(&bench, &path.root)?;
    for subject in path.intermediates.iter().rev().chain([&path.leaf]) {
        certificate(&bench, subject)?;
        once(&[issuer, subject], || {
            let files = [bench.file("issuer.cer", issuer), bench.file("subject.cer", subject)];
            lint("lint_pkix_signer_signee_cert_chain", &[], &files)
        })?;
        issuer = subject;
    }
    Ok(())
}

/// Lints a qualified certificate of a natural person, on a device, outside of eIDAS (QCP-n-qscd).
pub(crate) fn accepts_qualified(der: &[u8]) -> Verdict {
    let bench = Bench::new();
    let kind = ["-t", "QCP-N-QSCD-NON-EIDAS-FINAL-CERTIFICATE"];
    lint("lint_etsi_cert", &kind, &[bench.file("a.cer", der)])
}

/// Lints a CRL.
pub(crate) fn accepts_crl(crl: &[u8]) -> Verdict {
    let bench = Bench::new();
    lint("lint_crl", &["-t", "CRL", "-p", "PKIX"], &[bench.file("a.crl", crl)])
}

/// Lints an OCSP response.
pub(crate) fn accepts_ocsp(response: &[u8]) -> Verdict {
    let bench = Bench::new();
    lint("lint_ocsp_response", &[], &[bench.file("a.der", response)])
}

/// Lints a CRL that is of authorities only.
pub(crate) fn accepts_arl(crl: &[u8]) -> Verdict {
    let bench = Bench::new();
    lint("lint_crl", &["-t", "ARL", "-p", "PKIX"], &[bench.file("a.crl", crl)])
}

fn certificate(bench: &Bench, der: &[u8]) -> Verdict {
    once(&[der], || lint("lint_pkix_cert", &[], &[bench.file("a.cer", der)]))
}

/// Lints what this test has not found good already: an authority stands in every path below it, and each lint starts a program.
fn once(what: &[&[u8]], lint: impl FnOnce() -> Verdict) -> Verdict {
    static GOOD: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());
    let what = what.concat();
    let good = || GOOD.lock().expect("no test panics while it looks");
    if good().contains(&what) {
        return Ok(());
    }
    lint()?;
    good().insert(what);
    Ok(())
}

/// Runs one of pkilint's programs and refuses whatever it found that is not kept.
fn lint(program: &str, options: &[&str], files: &[std::path::PathBuf]) -> Verdict {
    let python = setting("LANYARD_PYTHON");
    let program = std::path::Path::new(&python).with_file_name(program);
    let arguments = ["lint", "-s", "NOTICE", "-f", "JSON"].iter().chain(options).map(OsString::from);
    // How it ends says how many findings there are; what counts is which.
    let (_, said) = end(&program, arguments.chain(files.iter().map(OsString::from)));
    let report = said.out.lines().next().unwrap_or_default();
    let report: Value =
        serde_json::from_str(report).map_err(|error| format!("{error}: {}{}", said.out, said.err))?;
    let results = report["results"].as_array().ok_or_else(|| format!("no results: {report}"))?;
    let findings =
        results.iter().flat_map(|result| result["finding_descriptions"].as_array().into_iter().flatten());
    let refused: Vec<String> = findings.filter(|finding| !kept(finding)).map(Value::to_string).collect();
    if refused.is_empty() { Ok(()) } else { Err(refused.join("\n")) }
}

fn kept(finding: &Value) -> bool {
    finding["severity"] == "NOTICE" && KEPT.iter().any(|(code, _)| finding["code"] == *code)
}
