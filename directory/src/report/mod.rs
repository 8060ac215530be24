//! Reports: what the register knows of an organisation and of those below it, in rows, filtered and in pages.

mod events;
mod filter;
mod kinds;

use std::future::Future;

use platform::db::Tx;
use platform::id::OdsCode;
use serde::Serialize;

use crate::authority::Act;
use crate::day::Day;
use crate::error::Error;

pub use events::ReportEvent;
pub(crate) use filter::{Answer, below, days, flag, word};
pub(crate) use kinds::{
    Assignments, Campaigns, ELSEWHERE, Leavers, Positions, Registrations, Requests, THERE, Users,
};

/// Where a report is of, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) organisation: OdsCode,
    pub(crate) below: Below,
    pub(crate) today: Day,
}

/// Whether those below an organisation are in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Below {
    Too,
    No,
}

/// Which rows of a report come next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    /// Those after the row with this cursor; empty for the first.
    pub(crate) after: &'a str,
    /// How many at most.
    pub(crate) limit: u32,
}

/// A report with its filters.
pub(crate) trait Report: Send + Sync + 'static {
    /// One row.
    type Row: Serialize + Send;
    /// The last part of its address.
    const NAME: &'static str;
    /// What must be allowed where it is of.
    const ACT: Act;
    /// The members of a row in the order of the columns.
    const COLUMNS: &'static [&'static str];

    /// The next rows.
    fn rows(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        cut: Cut<'_>,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Error>> + Send;

    /// Where to read on after a row.
    fn cursor(row: &Self::Row) -> String;
}
