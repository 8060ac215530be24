//! Assignments: people in positions, from a day to a day.
//!
//! Dates decide what is live; the state in the table only says what was told of. The start never changes.

mod end;
mod events;
mod leaving;
mod make;
mod merging;
mod mint;
mod named_roles;
mod redate;
mod rules;
mod sweep;
mod together;
mod usable;

use std::fmt;
use std::str::FromStr;

use platform::clock::Millis;
use platform::id::{NotAnId, OdsCode, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::Act;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::version::Version;

pub(crate) use end::{Around, End, Ending, end, end_now, prepare_end};
pub use events::{AssignmentEvent, Cause};
pub(crate) use leaving::{Leaving, leave, leave_employer, withdraw};
pub(crate) use make::{Asked, Beside, assign, assign_each, prepare_assign, prepare_each};
pub(crate) use merging::clear_overlaps;
pub(crate) use mint::{mint, mint_holders};
pub(crate) use named_roles::{Names, dated_roles, named_roles, role_name, with_names};
pub(crate) use redate::{Redate, change, prepare_redate, redate};
pub(crate) use rules::{days as days_in_order, end as end_in_order};
pub use sweep::Swept;
pub(crate) use together::Assigning;
pub(crate) use usable::{DatedRole, roles_of, roles_of_each};

/// A person in a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) id: AssignmentId,
    pub(crate) user: UserId,
    pub(crate) position: PositionId,
    /// The organisation of the position.
    pub(crate) organisation: OdsCode,
    /// The first day.
    pub(crate) from: Day,
    /// The last day; none if no end is set.
    pub(crate) to: Option<Day>,
    pub(crate) state: State,
    pub(crate) notes: Option<String>,
    pub(crate) via: Via,
    pub(crate) made_by: String,
    pub(crate) made_at: Millis,
    pub(crate) version: Version,
}

/// What became of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing was told of its end yet; its days say whether it is live.
    Live,
    /// Its last day has passed, and that was told.
    Ended,
    /// It was taken away.
    Removed { by: String, at: Millis, why: Option<String> },
}

impl Assignment {
    /// Whether it gives anything on this day or a later one.
    pub(crate) fn is_open(&self, today: Day) -> bool {
        self.state == State::Live && self.to.is_none_or(|to| today <= to)
    }

    /// Whether it gives something on this day.
    pub(crate) fn is_live(&self, today: Day) -> bool {
        self.is_open(today) && self.from <= today
    }
}

/// How an assignment came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// By somebody of the registration authority.
    Cim,
    /// By the staff record.
    Esr,
    /// By a personnel system over SCIM.
    Scim,
    /// By an import of rows.
    Csv,
    /// By a request that was approved.
    Request,
}

const VIAS: [(Via, &str); 5] =
    [(Via::Cim, "cim"), (Via::Esr, "esr"), (Via::Scim, "scim"), (Via::Csv, "csv"), (Via::Request, "request")];

impl Via {
    /// The word on the wire and in the table.
    pub fn word(self) -> &'static str {
        VIAS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// Whether the start may lie in the past: another system tells of what was so already.
    fn tells_of_the_past(self) -> bool {
        matches!(self, Self::Esr | Self::Scim | Self::Csv)
    }
}

impl FromStr for Via {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let found = VIAS.iter().find(|row| row.1 == text).map(|row| row.0);
        found.ok_or(NotAnId { expected: "how an assignment came about" })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// By what right something is done to assignments.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Right<'a> {
    /// These acts must be allowed, for each.
    Of(&'a [Act]),
    /// A request was approved, which was demanded then.
    Approved(&'a crate::request::Approved),
}

impl<'a> Right<'a> {
    /// The request that was approved.
    pub(crate) fn request(self) -> Option<&'a str> {
        match self {
            Self::Of(_) => None,
            Self::Approved(approved) => Some(approved.request().as_str()),
        }
    }
}

/// What becomes of the good rows where others are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing is done unless everything can be.
    #[default]
    AllOrNone,
    /// What can be done is done, and the rest is named.
    WhatCanBeDone,
}

/// Which rows were good, and what stood against the others.
pub(crate) struct Sorted<T> {
    pub(crate) good: Vec<T>,
    pub(crate) refused: Vec<(usize, Error)>,
}

impl<T> Sorted<T> {
    fn of(rows: Vec<Result<T, Error>>) -> Self {
        let mut sorted = Self { good: Vec::with_capacity(rows.len()), refused: Vec::new() };
        for (at, row) in rows.into_iter().enumerate() {
            match row {
                Ok(good) => sorted.good.push(good),
                Err(error) => sorted.refused.push((at, error)),
            }
        }
        sorted
    }

    /// The one row there is.
    pub(crate) fn one(mut self) -> Result<T, Error> {
        match (self.refused.pop(), self.good.pop()) {
            (Some((_, error)), _) => Err(error),
            (None, Some(good)) => Ok(good),
            (None, None) => Err(Error::Stored { what: "row" }),
        }
    }
}
