//! Runs what the strangers do, beside their libraries.

use std::process::Command;

use serde_json::Value;

use super::place::Place;
use crate::bench::{Bench, beside, setting};

/// Runs a script of `js/` with Node.js, in a folder from which it finds the packages of `tools/npm`.
pub(crate) fn node(script: &str, place: &Place) {
    node_told(script, place, &place.told());
}

/// The same where more is told than of the place.
pub(crate) fn node_told(script: &str, place: &Place, told: &Value) {
    let bench = with_packages();
    run(Command::new("node").arg(bench.folder().join(script)), &bench, place, told);
}

/// A folder with the scripts of `js/` and their packages.
pub(crate) fn with_packages() -> Bench {
    let bench = copied("js");
    let packages = setting("LANYARD_NPM");
    std::os::unix::fs::symlink(&packages, bench.folder().join("node_modules"))
        .expect("the packages can be linked to");
    bench
}

/// Runs a script of `python/`.
pub(crate) fn python(script: &str, place: &Place) {
    let bench = copied("python");
    let mut command = Command::new(setting("LANYARD_PYTHON"));
    run(command.arg(bench.folder().join(script)), &bench, place, &place.told());
}

fn copied(folder: &str) -> Bench {
    let bench = Bench::new();
    for entry in std::fs::read_dir(beside(&format!("sign_in/{folder}"))).expect("the scripts are there") {
        let from = entry.expect("a folder can be read").path();
        let name = from.file_name().expect("a file has a name");
        std::fs::copy(&from, bench.folder().join(name)).expect("a script can be copied");
    }
    bench
}

fn run(command: &mut Command, bench: &Bench, place: &Place, told: &Value) {
    let told = bench.file("place.json", told.to_string());
    let home = bench.folder().join("home");
    std::fs::create_dir(&home).expect("a home can be made");
    let output = command
        .env("LANYARD_PLACE", told)
        .env("HOME", &home)
        .env("NODE_EXTRA_CA_CERTS", place.root())
        .env("SSL_CERT_FILE", place.root())
        .env("REQUESTS_CA_BUNDLE", place.root())
        .current_dir(bench.folder())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}); run `make setup`"));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}\nThe server said:\n{}", end_of(&place.log()));
    eprintln!("{said}");
}

/// The last lines of a log.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
