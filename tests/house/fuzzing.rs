//! Fuzz targets: each is in the manifest of `fuzz/`, and what it calls is called by a test of the workspace too.

use crate::tree::Source;

const TARGETS: &str = "fuzz/fuzz_targets/";

/// Finds targets that are not built, and those whose function no stable test calls.
pub(crate) fn targets(manifest: &str, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for target in sources.iter().filter(|source| source.path.starts_with(TARGETS)) {
        let name = target.path.trim_start_matches("fuzz/");
        if !manifest.contains(&format!("path = \"{name}\"")) {
            findings.push(format!("fuzz/Cargo.toml does not name {name}"));
        }
        match called(&target.text) {
            Some(function) if sources.iter().any(|source| is_test_of(source, &function)) => {}
            Some(function) => {
                findings.push(format!("{}: no test calls {}", target.path, function.join("::")));
            }
            None => findings.push(format!("{}: calls no function of a crate", target.path)),
        }
    }
    findings
}

/// The path of the function that a target gives its octets to: `pki::fuzz::csr`.
fn called(text: &str) -> Option<Vec<&str>> {
    let (_, body) = text.split_once("&[u8]| ")?;
    let (path, _) = body.split_once('(')?;
    let path: Vec<&str> = path.trim().split("::").collect();
    (path.len() > 1).then_some(path)
}

/// Whether this is a test file that names the function by its module, or by `super` from beside it.
fn is_test_of(source: &Source, function: &[&str]) -> bool {
    let is_test = source.path.contains("/tests/") || source.path.ends_with("/tests.rs");
    let [.., module, name] = function else { return false };
    let beside = source.path.contains(&format!("/{module}/"));
    is_test
        && (source.text.contains(&format!("{module}::{name}"))
            || beside && source.text.contains(&format!("super::{name}")))
}

/// A target that nobody builds, one that nobody tests, and one that calls nothing are found.
#[test]
fn lonely_targets_are_found() {
    let target = |name: &str, body: &str| {
        let text = format!("libfuzzer_sys::fuzz_target!(|octets: &[u8]| {body});");
        crate::source(&format!("fuzz/fuzz_targets/{name}.rs"), &text)
    };
    let manifest = "path = \"fuzz_targets/good.rs\"\npath = \"fuzz_targets/untested.rs\"";
    let sources = [
        target("good", "pki::fuzz::csr(octets)"),
        target("untested", "pki::fuzz::crl(octets)"),
        target("unbuilt", "pki::fuzz::csr(octets)"),
        target("idle", "drop(octets)"),
        crate::source("pki/tests/it/mutations.rs", "fuzz::csr(bytes);"),
        crate::source("pki/src/fuzz.rs", "pub fn crl(bytes: &[u8]) {}"),
    ];
    let found = targets(manifest, &sources);
    let expected = [
        "fuzz/fuzz_targets/untested.rs: no test calls pki::fuzz::crl",
        "fuzz/Cargo.toml does not name fuzz_targets/unbuilt.rs",
        "fuzz/Cargo.toml does not name fuzz_targets/idle.rs",
        "fuzz/fuzz_targets/idle.rs: calls no function of a crate",
    ];
    assert_eq!(found, expected);
}
