//! The threat model: each threat that is said to be countered names tests that exist.

use std::collections::BTreeSet;

use crate::tree::Source;

/// Finds rows that name no test, and names that are no test's.
pub(crate) fn without_a_test(page: &str, sources: &[Source]) -> Vec<String> {
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| functions(&source.text)).collect();
    let mut findings = Vec::new();
    for (at, line) in page.lines().enumerate() {
        let Some(tests) = tests_of(line) else { continue };
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            findings.push(format!("line {}: the row names no test", at + 1));
        }
        let unknown = names.into_iter().filter(|name| !known.contains(name));
        findings.extend(unknown.map(|name| format!("line {}: there is no test {name}", at + 1)));
    }
    findings
}

/// The last cell of a row that is no heading.
fn tests_of(line: &str) -> Option<&str> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    cells.last().copied().filter(|last| cells.len() == 3 && *last != "test")
}

/// The names of the functions of a file.
pub(crate) fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next())
}
