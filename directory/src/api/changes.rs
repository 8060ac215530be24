//! The change feed on the wire.

use std::str::FromStr;

use platform::clock::Millis;
use platform::id::NotAnId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// An organisation was made or changed; the subject is its ODS code.
    OrganisationChanged,
    /// A person was made or changed; the subject is the user id.
    PersonChanged,
    /// A person left for good, or was closed: whatever they hold ends.
    PersonClosed,
    /// A person was opened again.
    PersonReopened,
    /// Two records were one person; the subject is the user id that is no longer used.
    PersonMerged,
    /// An assignment was made or changed; the subject is its id.
    AssignmentChanged,
    /// An assignment ended or was taken away.
    AssignmentEnded,
    /// What a position allows was changed; the subject is its id.
    PositionChanged,
    /// A position was closed.
    PositionClosed,
    /// A workgroup, or who is in it, was changed; the subject is its id.
    WorkgroupChanged,
    /// A system was registered or changed; the subject is its identifier.
    SystemChanged,
    /// A system was withdrawn; the subject is its identifier.
    SystemWithdrawn,
    /// A release of the national roles is in force; the subject is its number.
    RolesReleased,
    /// A request about a person was approved; the subject is its id. Rows of before have it: what is approved is done at once.
    RequestApproved,
}

const WORDS: [(ChangeKind, &str); 14] = [
    (ChangeKind::OrganisationChanged, "organisation-changed"),
    (ChangeKind::PersonChanged, "person-changed"),
    (ChangeKind::PersonClosed, "person-closed"),
    (ChangeKind::PersonReopened, "person-reopened"),
    (ChangeKind::PersonMerged, "person-merged"),
    (ChangeKind::AssignmentChanged, "assignment-changed"),
    (ChangeKind::AssignmentEnded, "assignment-ended"),
    (ChangeKind::PositionChanged, "position-changed"),
    (ChangeKind::PositionClosed, "position-closed"),
    (ChangeKind::RolesReleased, "roles-released"),
    (ChangeKind::WorkgroupChanged, "workgroup-changed"),
    (ChangeKind::SystemChanged, "system-changed"),
    (ChangeKind::SystemWithdrawn, "system-withdrawn"),
    (ChangeKind::RequestApproved, "request-approved"),
];

impl ChangeKind {
    /// The word on the wire and in the table.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }
}

impl FromStr for ChangeKind {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let found = WORDS.iter().find(|row| row.1 == text).map(|row| row.0);
        found.ok_or(NotAnId { expected: "a kind of change" })
    }
}

/// One change. Read the thing itself for what it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its place in the feed.
    pub number: u64,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The id of what changed.
    pub subject: String,
    /// The user id of whom it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// Where to read on.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// The number of the last change that was read.
    pub after: u64,
    /// How many at most: 1 to 1000, 100 if it is left out.
    pub limit: Option<u32>,
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// The changes, oldest first; none when there is nothing new.
    pub changes: Vec<Change>,
}

/// How far a consumer has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The number of the last change that it has applied.
    pub applied: u64,
}

/// A consumer of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// The number of the last change that it has applied.
    pub applied: u64,
    /// When it said so, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// When the oldest change was told that it has not applied, in milliseconds since 1970; none if it has applied all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub waiting_since: Option<Millis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word in the table is the word on the wire, for every kind.
    #[test]
    fn words_are_those_on_the_wire() {
        for (kind, word) in WORDS {
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
            assert_eq!(word.parse(), Ok(kind));
        }
        assert!("nothing".parse::<ChangeKind>().is_err());
    }
}
