//! What can be asked for, and what each comes to in the rules.

use platform::id::{OdsCode, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{Channel, Registration};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// To put a person into a position.
    Assign {
        /// The user id.
        person: String,
        /// The position.
        position: String,
        /// The first day; the day of the approval if it is left out or has passed by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<String>,
        /// The last day; no end if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<String>,
    },
    /// To give an assignment another end.
    Redate {
        /// The assignment.
        assignment: String,
        /// The last day; null for no end.
        end: Option<String>,
    },
    /// To take an assignment away.
    EndAssignment {
        /// The assignment.
        assignment: String,
    },
    /// To change a person's personal or contact details.
    ChangePerson {
        /// The user id.
        person: String,
        /// What is to change, as the profile's own PATCH takes it.
        #[schema(value_type = Object)]
        patch: serde_json::Value,
    },
    /// To change a person's name.
    Rename {
        /// The user id.
        person: String,
        /// The change, as the profile's own POST of names takes it; the document may come with the approval.
        #[schema(value_type = Object)]
        change: serde_json::Value,
    },
    /// To add an address to a profile. Its holder has a code sent to it from the profile and shows so that it is theirs.
    AddContact {
        /// The user id.
        person: String,
        /// What kind of address.
        channel: Channel,
        /// The address.
        value: String,
    },
    /// To take an address away from a profile.
    RemoveContact {
        /// The user id.
        person: String,
        /// What kind of address.
        channel: Channel,
        /// The id of the address.
        contact: String,
    },
    /// To add a professional registration to a profile.
    AddRegistration {
        /// The user id.
        person: String,
        /// The registration.
        registration: Registration,
    },
    /// To take a professional registration away from a profile.
    RemoveRegistration {
        /// The user id.
        person: String,
        /// The registration.
        registration: Registration,
    },
    /// To close a profile.
    ClosePerson {
        /// The user id.
        person: String,
    },
    /// To open a closed profile again.
    ReopenPerson {
        /// The user id.
        person: String,
        /// The organisation that takes the person on.
        organisation: String,
    },
    /// To make a profile.
    CreatePerson {
        /// The organisation that takes the person on.
        organisation: String,
        /// The profile, as its own POST takes it.
        #[schema(value_type = Object)]
        profile: serde_json::Value,
    },
    /// Somebody changed an address of their own. It is noted as it is done, and cannot be asked for.
    ChangeOwnContact {
        /// The user id.
        person: String,
        /// What kind of address.
        channel: Channel,
        /// The id of the address.
        contact: String,
        /// What was done.
        change: ContactChange,
    },
}

/// What somebody did to an address of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContactChange {
    /// It was added.
    Added,
    /// It was taken away.
    Removed,
}

/// What may be asked for, by its word.
pub(crate) const KINDS: [&str; 13] = [
    "assign",
    "redate",
    "end-assignment",
    "change-person",
    "rename",
    "add-contact",
    "remove-contact",
    "add-registration",
    "remove-registration",
    "close-person",
    "reopen-person",
    "create-person",
    "change-own-contact",
];

impl Ask {
    /// The word on the wire and in the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "assign",
            Self::Redate { .. } => "redate",
            Self::EndAssignment { .. } => "end-assignment",
            Self::ChangePerson { .. } => "change-person",
            Self::Rename { .. } => "rename",
            Self::AddContact { .. } => "add-contact",
            Self::RemoveContact { .. } => "remove-contact",
            Self::AddRegistration { .. } => "add-registration",
            Self::RemoveRegistration { .. } => "remove-registration",
            Self::ClosePerson { .. } => "close-person",
            Self::ReopenPerson { .. } => "reopen-person",
            Self::CreatePerson { .. } => "create-person",
            Self::ChangeOwnContact { .. } => "change-own-contact",
        }
    }

    /// The act that it comes to once it is approved.
    pub(crate) fn act(&self) -> Act {
        match self {
            Self::Assign { .. } => Act::Assign,
            Self::Redate { .. } => Act::RedateAssignment,
            Self::EndAssignment { .. } => Act::EndAssignment,
            Self::ChangePerson { .. }
            | Self::Rename { .. }
            | Self::AddContact { .. }
            | Self::RemoveContact { .. }
            | Self::AddRegistration { .. }
            | Self::RemoveRegistration { .. }
            // Those see it who could change it too.
            | Self::ChangeOwnContact { .. } => Act::ChangePerson,
            Self::ClosePerson { .. } => Act::ClosePerson,
            Self::ReopenPerson { .. } => Act::ReopenPerson,
            Self::CreatePerson { .. } => Act::CreatePerson,
        }
    }

    /// Whether it is of a profile, in which numbers may be.
    pub(crate) fn has_numbers(&self) -> bool {
        matches!(self, Self::ChangePerson { .. } | Self::CreatePerson { .. } | Self::Rename { .. })
    }

    /// What it names, read.
    pub(crate) fn named(&self) -> Result<Named, Error> {
        let person = |text: &str| {
            text.parse::<UserId>().map_err(|_| wrong("person", text, "a user id of twelve digits"))
        };
        let assignment = |text: &str| {
            text.parse::<AssignmentId>().map_err(|_| wrong("assignment", text, "the id of an assignment"))
        };
        let organisation =
            |text: &str| crate::ods::normalised(text).map_err(|_| wrong("organisation", text, "an ODS code"));
        Ok(match self {
            Self::Assign { person: user, position, .. } => Named::Position(
                person(user)?,
                position.parse().map_err(|_| wrong("position", position, "the id of a position"))?,
            ),
            Self::Redate { assignment: id, .. } | Self::EndAssignment { assignment: id } => {
                Named::Assignment(assignment(id)?)
            }
            Self::ChangePerson { person: user, .. }
            | Self::Rename { person: user, .. }
            | Self::AddContact { person: user, .. }
            | Self::RemoveContact { person: user, .. }
            | Self::AddRegistration { person: user, .. }
            | Self::RemoveRegistration { person: user, .. }
            | Self::ClosePerson { person: user }
            | Self::ChangeOwnContact { person: user, .. } => Named::Person(person(user)?),
            Self::ReopenPerson { person: user, organisation: place } => {
                Named::PersonIn(person(user)?, organisation(place)?)
            }
            Self::CreatePerson { organisation: place, .. } => Named::Organisation(organisation(place)?),
        })
    }
}

fn wrong(field: &'static str, text: &str, expected: &str) -> Error {
    let short: String = text.chars().take(40).collect();
    Error::field(field, format!("\"{short}\" is not {expected}."))
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Position(UserId, PositionId),
    Assignment(AssignmentId),
    Person(UserId),
    PersonIn(UserId, OdsCode),
    Organisation(OdsCode),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::authority::{Cell, MATRIX};

    /// One of each kind, but for what is only noted.
    fn each() -> Vec<Ask> {
        let registration = json!({"body": "GMC", "number": "1234567"});
        let asks = json!([
            {"kind": "assign", "person": "1", "position": "2"},
            {"kind": "redate", "assignment": "3", "end": null},
            {"kind": "end-assignment", "assignment": "3"},
            {"kind": "change-person", "person": "1", "patch": {}},
            {"kind": "rename", "person": "1", "change": {}},
            {"kind": "add-contact", "person": "1", "channel": "email", "value": "a@b.example"},
            {"kind": "remove-contact", "person": "1", "channel": "mobile", "contact": "4"},
            {"kind": "add-registration", "person": "1", "registration": registration},
            {"kind": "remove-registration", "person": "1", "registration": registration},
            {"kind": "close-person", "person": "1"},
            {"kind": "reopen-person", "person": "1", "organisation": "RXX"},
            {"kind": "create-person", "organisation": "RXX", "profile": {}},
        ]);
        serde_json::from_value(asks).unwrap()
    }

    /// Each cell of the matrix that says that something is asked for has a kind of request that comes to it, and no kind comes to what
    /// nobody asks for.
    #[test]
    fn what_is_asked_for_can_be_asked() {
        let words: Vec<&str> = each().iter().map(Ask::word).chain(["change-own-contact"]).collect();
        assert_eq!(words, KINDS);
        let comes_to: BTreeSet<Act> = each().iter().map(Ask::act).collect();
        let asked = |cells: &[Cell]| cells.iter().any(|cell| matches!(cell, Cell::Asks | Cell::Assignable));
        let asks: BTreeSet<Act> = MATRIX.iter().filter(|row| asked(&row.1)).map(|row| row.0).collect();
        assert_eq!(comes_to, asks);
    }
}
