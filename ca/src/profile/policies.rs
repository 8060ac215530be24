//! Certificate policies with their qualifiers, RFC 5280 4.2.1.4.

use const_oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};

use super::file::ObjectIdentifierText;
use crate::config::PracticeStatementUrl;
use crate::subject::is_deceptive;

/// A policy that a certificate asserts, and what it says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) id: ObjectIdentifier,
    pub(crate) statement: Statement,
    /// A text to be shown to whoever relies on the certificate.
    pub(crate) notice: Option<String>,
}

/// Where the practice statement of a policy is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// The certificate does not say.
    Unsaid,
    /// Where the configuration says.
    Configured,
    /// Here.
    At(String),
}

impl Policy {
    /// The policy alone.
    pub(super) fn bare(id: ObjectIdentifier) -> Policy {
        Policy { id, statement: Statement::Unsaid, notice: None }
    }

    /// With a pointer to the configured practice statement.
    pub(super) fn configured(id: ObjectIdentifier) -> Policy {
        Policy { id, statement: Statement::Configured, notice: None }
    }
}

/// A policy as it is written.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) id: ObjectIdentifierText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    practice_statement: Option<PracticeStatementUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

impl RawPolicy {
    pub(super) fn check(self) -> Policy {
        let statement = self.practice_statement.map_or(Statement::Unsaid, |url| Statement::At(url.into()));
        Policy { id: self.id.0, statement, notice: self.notice.map(|notice| notice.0) }
    }
}

/// The text of a userNotice: RFC 5280 4.2.1.4 gives it 200 characters and no control characters.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Notice(String);

impl TryFrom<String> for Notice {
    type Error = String;

    fn try_from(text: String) -> Result<Notice, String> {
        notice_fault(&text).map_or(Ok(Notice(text)), Err)
    }
}

impl From<Notice> for String {
    fn from(notice: Notice) -> String {
        notice.0
    }
}

/// What is wrong with the text of a notice; the lints ask the same of what was written.
pub(crate) fn notice_fault(text: &str) -> Option<String> {
    let characters = text.chars().count();
    if !(1..=200).contains(&characters) {
        return Some(format!("a notice has 1 to 200 characters, not {characters}"));
    }
    text.chars().any(is_deceptive).then(|| "a notice has no control characters".to_owned())
}
