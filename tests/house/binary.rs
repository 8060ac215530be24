//! What the server binary is linked with.

use std::process::Command;

/// Libraries that the server may not need, by how their file names begin.
const FOREIGN: &[(&str, &str)] = &[
    ("libpcsclite", "only the agent opens card readers"),
    ("libssl", "TLS is rustls's"),
    ("libcrypto", "arithmetic is aws-lc-rs's"),
    ("libsofthsm", "a token is loaded by configuration"),
    ("libpq", "SQL is sqlx's"),
];

/// The libraries that a program names in its dynamic section.
pub(crate) fn needed(program: &str) -> Vec<String> {
    let output = Command::new("readelf")
        .args(["--dynamic", "--wide", program])
        .output()
        .expect("readelf of binutils runs");
    let output = String::from_utf8(output.stdout).expect("readelf writes text");
    let needed = output.lines().filter(|line| line.contains("(NEEDED)"));
    let needed: Vec<String> = needed
        .filter_map(|line| Some(line.split_once('[')?.1.trim_end().trim_end_matches(']').to_owned()))
        .collect();
    assert!(
        needed.iter().any(|library| library.starts_with("libc.")),
        "readelf named no libc, so it read nothing"
    );
    needed
}

/// Finds libraries that the server may not need.
pub(crate) fn linked(needed: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for library in needed {
        if let Some((_, why)) = FOREIGN.iter().find(|(name, _)| library.starts_with(name)) {
            findings.push(format!("the server needs {library}: {why}"));
        }
    }
    findings
}

/// A server that opened card readers would be found.
#[test]
fn card_library_is_found() {
    let needed = ["libc.so.6", "libpcsclite.so.1"].map(str::to_owned);
    assert_eq!(linked(&needed).len(), 1);
    assert!(linked(&needed[..1]).is_empty());
}
