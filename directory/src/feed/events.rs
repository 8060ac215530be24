//! What is recorded of the feed of personnel systems.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{FeedKind, FeedReason};

/// An act of or on the feed. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum FeedAct {
    /// An event of a personnel system was done.
    FeedEventApplied {
        /// The event.
        feed_event: String,
        /// The client that sent it.
        client: String,
        /// The sender's id of it.
        their_id: String,
        /// The kind.
        kind: FeedKind,
        /// Whom it concerned.
        user: Option<String>,
        /// The assignments that were made.
        made: Vec<String>,
        /// The assignments that were ended.
        ended: Vec<String>,
    },
    /// An event could not be done and lies in quarantine, for the first time or again.
    FeedEventQuarantined {
        /// The event.
        feed_event: String,
        /// The client that sent it.
        client: String,
        /// The sender's id of it.
        their_id: String,
        /// The kind.
        kind: FeedKind,
        /// Why.
        reason: FeedReason,
    },
    /// An event was put aside.
    FeedEventDiscarded {
        /// The event.
        feed_event: String,
        /// Why.
        reason: String,
    },
    /// It was said who an employee is.
    FeedEmployeeLinked {
        /// The client whose employee it is.
        client: String,
        /// The employee's number there.
        employee: String,
        /// Who it is here.
        user: String,
    },
    /// A position of a personnel system was linked to one here.
    FeedPositionLinked {
        /// The link.
        link: String,
        /// The employer.
        organisation: String,
        /// The number of the position there.
        their_position: String,
        /// The position here.
        position: String,
        /// How it was approved.
        how: String,
        /// By whom.
        approver: String,
    },
    /// The link of a position ended.
    FeedPositionUnlinked {
        /// The link.
        link: String,
    },
    /// An employee number left whose record had become part of another: nothing ended, for the person is employed under another number.
    FeedDuplicateLeft {
        /// The sender.
        client: String,
        /// The number that is known no more.
        employee: String,
        /// Whose record it had become.
        user: String,
    },
    /// Events were erased because their time was over.
    #[serde(rename = "feed-events-erased")]
    FeedEventsErased {
        /// How many.
        many: u64,
        /// All were settled before this time, in milliseconds since 1970.
        before: i64,
    },
    /// What was told in the change feed was erased because its time was over and every consumer had applied it.
    #[serde(rename = "changes-erased")]
    ChangesErased {
        /// How many.
        many: u64,
        /// The number of the last.
        last: u64,
    },
}

impl audit::Event for FeedAct {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::FeedEventApplied { .. } => "feed-event-applied",
            Self::FeedEventQuarantined { .. } => "feed-event-quarantined",
            Self::FeedEventDiscarded { .. } => "feed-event-discarded",
            Self::FeedEmployeeLinked { .. } => "feed-employee-linked",
            Self::FeedDuplicateLeft { .. } => "feed-duplicate-left",
            Self::FeedPositionLinked { .. } => "feed-position-linked",
            Self::FeedPositionUnlinked { .. } => "feed-position-unlinked",
            Self::FeedEventsErased { .. } => "feed-events-erased",
            Self::ChangesErased { .. } => "changes-erased",
        }
    }
}
