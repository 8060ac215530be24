//! What was found, for whoever decides about the client.

use serde::Serialize;

use crate::cli::DEMANDED_CHECKS;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The client did what it must.
    Passed,
    /// It did not.
    Failed,
    /// It could not be seen.
    NotChecked,
}

impl Outcome {
    /// As it is shown.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
        }
    }
}

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// A stable word for it.
    pub(super) name: &'static str,
    /// How it went.
    pub(super) outcome: Outcome,
    /// What was done and seen.
    pub(super) told: String,
}

impl Check {
    /// Passed or failed, with a sentence for each.
    pub(super) fn of(name: &'static str, good: bool, passed: &str, failed: impl Into<String>) -> Self {
        let (outcome, told) =
            if good { (Outcome::Passed, passed.to_owned()) } else { (Outcome::Failed, failed.into()) };
        Self { name, outcome, told }
    }

    /// What could not be seen, and why.
    pub(super) fn left(name: &'static str, why: &str) -> Self {
        Self { name, outcome: Outcome::NotChecked, told: why.to_owned() }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Evidence {
    /// The version of this program.
    pub(super) version: &'static str,
    /// When it began, in milliseconds since 1970.
    pub(super) at: i64,
    /// The client.
    pub(super) client: String,
    /// Where its sign-in begins.
    pub(super) sign_in: String,
    /// After how many minutes without use its session ends, as the plan says.
    pub(super) idle_minutes: f64,
    /// Whether there was time to see that (`--wait`).
    pub(super) waited: bool,
    /// The checks that were done without, by their names (`--waive`).
    pub(super) waived: Vec<String>,
    /// The checks, in their order.
    pub(super) checks: Vec<Check>,
    /// The requests that the client made of the provider, without secrets.
    pub(super) requests: Vec<serde_json::Value>,
}

impl Evidence {
    /// How many checks failed.
    pub(super) fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed).count()
    }

    /// The checks that are demanded, were not made, and that nobody said to do without.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let made = |name: &str| {
            self.checks.iter().any(|check| check.name == name && check.outcome != Outcome::NotChecked)
        };
        let waived = |name: &str| self.waived.iter().any(|waived| waived == name);
        DEMANDED_CHECKS.into_iter().filter(|name| !made(name) && !waived(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A check that is demanded is missing unless it was made, however it went, or somebody does without it by its name.
    #[test]
    fn demanded_checks_are_missed() {
        let mut evidence = Evidence {
            version: "0",
            at: 0,
            client: "records".to_owned(),
            sign_in: String::new(),
            idle_minutes: 15.0,
            waited: false,
            waived: Vec::new(),
            checks: vec![
                Check::of("auth-time", true, "", ""),
                Check::of("subject", false, "", ""),
                Check::left("idle", "no time"),
            ],
            requests: Vec::new(),
        };
        assert_eq!(evidence.missing(), ["idle", "logout"]);
        evidence.waived = vec!["idle".to_owned()];
        assert_eq!(evidence.missing(), ["logout"]);
        evidence.checks.push(Check::of("logout", true, "", ""));
        assert!(evidence.missing().is_empty() && evidence.failed() == 1);
    }
}
