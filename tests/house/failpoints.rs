//! Fail points: each that the source passes is in a list, a test goes through each list, and what is built for use has none.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Manifest, Source};

/// Where the lists are.
const LISTS: &str = "ca/src/failpoint.rs";
/// The feature that compiles them, of the package that has them.
const FEATURE: &str = "fail-points";
const PACKAGE: &str = "ca";
/// How a point is passed.
const PASS: &str = "failpoint::pass(";

/// Finds points that are in no list or passed nowhere, and lists that no test goes through.
pub(crate) fn listed(sources: &[Source]) -> Vec<String> {
    let lists = sources.iter().find(|source| source.path == LISTS).map(|source| lists(&source.text));
    let lists = lists.unwrap_or_default();
    let known: BTreeSet<&str> = lists.values().flatten().copied().collect();
    let ours = sources.iter().filter(|source| source.path.starts_with("ca/src/"));
    let passed: BTreeSet<&str> = ours.flat_map(|source| passed(&source.text)).collect();
    let mut findings: Vec<String> =
        passed.difference(&known).map(|point| format!("{LISTS}: {point} is passed and in no list")).collect();
    findings.extend(known.difference(&passed).map(|point| format!("{LISTS}: {point} is passed nowhere")));
    for list in lists.keys() {
        let named = format!("failpoint::{list}");
        let tests = sources.iter().filter(|source| source.path.starts_with("ca/tests/"));
        if !tests.map(|source| &source.text).any(|text| text.contains(&named)) {
            findings.push(format!("{LISTS}: no test goes through {list}"));
        }
    }
    findings
}

/// The points of each list.
fn lists(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let parts = text.split("pub const ").skip(1);
    let lists = parts.filter_map(|part| {
        let (name, rest) = part.split_once(": &[&str] = &[")?;
        let (points, _) = rest.split_once(']')?;
        Some((name, points.split('"').skip(1).step_by(2).collect()))
    });
    lists.collect()
}

/// What is passed; where no name is written out, what stands there instead.
fn passed(text: &str) -> impl Iterator<Item = &str> {
    text.split(PASS).skip(1).map(|rest| {
        let written = rest.trim_start().strip_prefix('"').and_then(|name| name.split('"').next());
        written.unwrap_or_else(|| rest.split(')').next().unwrap_or_default())
    })
}

/// Finds manifests that compile fail points outside of tests: whatever names the feature and is no need of tests.
pub(crate) fn only_in_tests(manifests: &[Manifest]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        let mut found = Vec::new();
        strings(&toml::Value::Table(manifest.table.clone()), "", &mut found);
        let elsewhere = found.iter().filter(|(place, text)| {
            text.contains(FEATURE)
                && !(manifest.package == PACKAGE && place.starts_with(".dev-dependencies."))
        });
        let package = &manifest.package;
        findings.extend(elsewhere.map(|(place, _)| format!("{package}/Cargo.toml: {FEATURE} at {place}")));
    }
    let declared = |manifest: &Manifest| {
        manifest.package == PACKAGE
            && manifest.table.get("features").is_some_and(|features| features.get(FEATURE).is_some())
    };
    if !manifests.iter().any(declared) {
        findings.push(format!("{PACKAGE}/Cargo.toml: no feature is called {FEATURE}"));
    }
    findings
}

/// Every text in a value, with the keys that lead to it.
fn strings(value: &toml::Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        toml::Value::String(text) => found.push((place.to_owned(), text.clone())),
        toml::Value::Array(list) => list.iter().for_each(|value| strings(value, place, found)),
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| strings(value, &format!("{place}.{key}"), found));
        }
        _ => {}
    }
}

/// A point that no list has, one that is passed nowhere and a list that no test knows are found.
#[test]
fn lonely_points_are_found() {
    let lists = "pub const ALL: &[&str] = &[\n    \"ca.a\",\n    \"ca.gone\",\n];\npub const NEW: &[&str] = &[\"ca.c\"];";
    let sources = [
        crate::source(LISTS, lists),
        crate::source("ca/src/a.rs", "failpoint::pass(\"ca.a\"); crate::failpoint::pass(\n    \"ca.b\");"),
        crate::source("ca/src/c.rs", "failpoint::pass(\"ca.c\"); failpoint::pass(point);"),
        crate::source("ca/tests/it/a.rs", "for point in failpoint::ALL {}"),
    ];
    let expected = [
        "ca/src/failpoint.rs: ca.b is passed and in no list",
        "ca/src/failpoint.rs: point is passed and in no list",
        "ca/src/failpoint.rs: ca.gone is passed nowhere",
        "ca/src/failpoint.rs: no test goes through NEW",
    ];
    assert_eq!(listed(&sources), expected);
}

/// The feature in a dependency, among the defaults, behind another feature and in the workspace's table is found.
#[test]
fn fail_points_for_use_are_found() {
    let good = "[package]\nname = 'ca'\n[features]\nfail-points = []\n\
                [dev-dependencies]\nca = { path = '.', features = ['fail-points'] }";
    let good = Manifest::parse(good);
    assert!(only_in_tests(std::slice::from_ref(&good)).is_empty());
    let bad = "[package]\nname = 'server'\n[features]\ndefault = ['ca/fail-points']\nslow = ['ca/fail-points']\n\
               [dependencies]\nca = { path = '../ca', features = ['fail-points'] }\n\
               [dev-dependencies]\nca = { path = '../ca', features = ['fail-points'] }\n\
               [workspace.dependencies]\nca = { path = 'ca', features = ['fail-points'] }";
    assert_eq!(only_in_tests(&[good, Manifest::parse(bad)]).len(), 5);
    let none = "[package]\nname = 'ca'";
    assert_eq!(
        only_in_tests(&[Manifest::parse(none)]).len(),
        1,
        "a check that finds nothing to look at says so"
    );
}
