//! The alerting rules, put before Prometheus's own judge.

use std::path::Path;
use std::process::Command;

/// Where the rules are, and the moments at which each fires or does not.
pub(crate) const RULES: &str = "docs/alerts.yml";
pub(crate) const MOMENTS: &str = "tests/house/alerts_test.yml";

/// What promtool finds wrong with the rules and their moments below a folder.
pub(crate) fn refused(root: &Path) -> Vec<String> {
    [["check", RULES], ["test", MOMENTS]]
        .into_iter()
        .filter_map(|[act, file]| promtool(act, root, file))
        .collect()
}

/// What one act of promtool's says, if it fails.
fn promtool(act: &str, root: &Path, file: &str) -> Option<String> {
    let output = Command::new("promtool")
        .args([act, "rules", file])
        .current_dir(root)
        .output()
        .expect("promtool runs; Debian's package prometheus brings it, which make setup installs");
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (!output.status.success()).then(|| format!("promtool {act} rules {file}: {said}"))
}

/// Finds rules that have no moment at which they fire, or none at which they are silent.
pub(crate) fn without_a_moment(rules: &str, moments: &str) -> Vec<String> {
    let lines: Vec<&str> = moments.lines().map(str::trim).collect();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut findings = Vec::new();
    for name in names {
        let (fires, silent) = (format!("- alertname: {name}"), format!("- {{alertname: {name}, "));
        if !lines.contains(&fires.as_str()) {
            findings.push(format!("{MOMENTS}: `{fires}` and the alerts that {name} gives then"));
        }
        if !lines.iter().any(|line| line.starts_with(&silent) && line.ends_with("exp_alerts: []}")) {
            findings.push(format!("{MOMENTS}: `{silent}eval_time: …, exp_alerts: []}}`"));
        }
    }
    findings
}

/// A rule without moments, and one that only ever fires, are found.
#[test]
fn rule_without_a_moment_is_found() {
    let rules = "rules:\n  - alert: A\n  - alert: B\n";
    let good = "- alertname: A\n  eval_time: 1m\n- {alertname: A, eval_time: 2m, exp_alerts: []}\n";
    assert_eq!(without_a_moment(rules, good).len(), 2);
    assert_eq!(without_a_moment("- alert: A", "- alertname: A\n").len(), 1);
    assert!(without_a_moment("- alert: A", good).is_empty());
}
