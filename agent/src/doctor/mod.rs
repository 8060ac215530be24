//! The self-diagnosis: what is wrong, and how to mend it, in plain words.

mod facts;
mod rules;
mod surroundings;

pub use facts::{
    CardFacts, CertificateFacts, Facts, KeyCertificate, PivFacts, ReaderFacts, ServerFacts, ServerState,
    gather,
};
pub use rules::findings;

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is as it should be.
    Good,
    /// It will soon be wrong, or is not needed for everything.
    Warning,
    /// Nothing works like this.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self { severity: Severity::Good, what: what.into(), mend: None }
    }

    fn warning(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, what: what.into(), mend: Some(mend.into()) }
    }

    fn bad(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Bad, what: what.into(), mend: Some(mend.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.severity {
            Severity::Good => "ok     ",
            Severity::Warning => "note   ",
            Severity::Bad => "PROBLEM",
        };
        write!(f, "{mark}  {}", self.what)?;
        match &self.mend {
            Some(mend) => write!(f, "\n         What to do: {mend}"),
            None => Ok(()),
        }
    }
}
