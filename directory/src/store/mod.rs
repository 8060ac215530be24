//! Every query of the register, one file for what belongs together.
//!
//! A function that takes a transaction is called inside a job of the writer; one that takes any executor also reads from
//! the pool.

pub(crate) mod assignments;
pub(crate) mod assignments_end;
pub(crate) mod campaigns;
pub(crate) mod changes;
pub(crate) mod counters;
pub(crate) mod deletions;
pub(crate) mod document_keys;
pub(crate) mod employers;
pub(crate) mod exports;
pub(crate) mod faces;
pub(crate) mod feed_erasure;
pub(crate) mod feed_events;
pub(crate) mod feed_links;
pub(crate) mod former;
pub(crate) mod leavings;
pub(crate) mod lineages;
pub(crate) mod once;
pub(crate) mod organisation_faces;
pub(crate) mod organisation_imports;
pub(crate) mod organisations;
pub(crate) mod organisations_closed;
pub(crate) mod organisations_imported;
pub(crate) mod organisations_search;
pub(crate) mod organisations_written;
pub(crate) mod people;
mod people_by_start;
pub(crate) mod people_closed;
pub(crate) mod people_contacts;
pub(crate) mod people_duplicates;
pub(crate) mod people_erasure;
pub(crate) mod people_evidence;
pub(crate) mod people_links;
pub(crate) mod people_names;
pub(crate) mod people_photos;
pub(crate) mod people_search;
pub(crate) mod position_links;
pub(crate) mod positions;
pub(crate) mod ranks;
pub(crate) mod rbac;
pub(crate) mod reading;
pub(crate) mod reads_journals;
pub(crate) mod reports;
pub(crate) mod requests;
pub(crate) mod role_holders;
pub(crate) mod roles;
pub(crate) mod savepoints;
pub(crate) mod scim_users;
pub(crate) mod seeding;
pub(crate) mod shown;
pub(crate) mod subscriptions;
pub(crate) mod systems;
pub(crate) mod systems_withdrawn;
pub(crate) mod touched;
pub(crate) mod workgroups;

use std::str::FromStr;

use platform::db;
pub(crate) use platform::db::rows::{list, places};
use sqlx::{Any, Executor};

use crate::error::Error;
use crate::span::Span;

/// Either the read pool or a transaction.
pub(crate) trait Reader<'c>: Executor<'c, Database = Any> {}
impl<'c, E: Executor<'c, Database = Any>> Reader<'c> for E {}

/// Reads a stored identifier, day or word.
pub(crate) fn read<T: FromStr>(what: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Stored { what })
}

/// A number that is never below zero, as it is stored.
pub(crate) fn stored_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The condition that a column of moments lies in a span, made of our own numbers.
pub(crate) fn within(column: &str, span: Span) -> String {
    let mut parts = vec![format!("{column} IS NOT NULL")];
    parts.extend(span.from.map(|at| format!("{column} >= {}", at.0)));
    parts.extend(span.before.map(|at| format!("{column} < {}", at.0)));
    parts.join(" AND ")
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(db::Error::from(error))
    }
}
