//! What was found, for whoever decides about the client.

use serde::Serialize;

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
}
