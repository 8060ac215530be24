//! The feed of a personnel system on the wire: events, links of positions, quarantine.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Approval, Trial};

words!(
    /// What a personnel system tells of somebody.
    FeedKind, "starter, change or leaver" {
        /// They begin in a position.
        Starter = "starter",
        /// They go from one position to another.
        Change = "change",
        /// They leave the employer.
        Leaver = "leaver",
    }
);

words!(
    /// What became of an event.
    FeedState, "applied, quarantined, discarded or refused" {
        /// It was done.
        Applied = "applied",
        /// It could not be done, and waits for the registration authority.
        Quarantined = "quarantined",
        /// The registration authority put it aside.
        Discarded = "discarded",
        /// It cannot be an event, and is not kept.
        Refused = "refused",
    }
);

words!(
    /// Why an event could not be done.
    FeedReason, "a reason of the quarantine" {
        /// Nobody here is known to be this employee.
        UnknownPerson = "unknown-person",
        /// The person holds nothing with this employer.
        PersonElsewhere = "person-elsewhere",
        /// Who the person is was not verified yet.
        NotVerified = "not-verified",
        /// The profile is closed or merged.
        ProfileClosed = "profile-closed",
        /// No position here is linked to the position.
        NoLink = "no-link",
        /// The linked position is closed.
        PositionClosed = "position-closed",
        /// A date is none, or not in order.
        BadDate = "bad-date",
        /// It contradicts what is here, or itself.
        Contradicts = "contradicts",
        /// A later event of this employee was done already.
        OutOfOrder = "out-of-order",
        /// An earlier event of this employee is in quarantine.
        Waits = "waits",
        /// Whoever does it may not.
        NotAllowed = "not-allowed",
        /// An event with this id came before with other content.
        EventIdReused = "event-id-reused",
        /// A member is empty or too long.
        Malformed = "malformed",
    }
);

/// Something that a personnel system tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedEvent {
    /// Its id, given by whoever sends it: the same id is the same event.
    pub id: String,
    /// What kind.
    pub kind: FeedKind,
    /// The sender's number of the employee.
    pub employee: String,
    /// The place of the event among those of this employee: each one's is higher than that of the one before.
    pub sequence: u64,
    /// The user id, where the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The sender's number of the position that begins; none for a leaver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// For a change: the sender's number of the position that ends. It can be left out where the person holds one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_position: Option<String>,
    /// The first day in the position, as `YYYY-MM-DD`; for a leaver the last day.
    pub day: String,
    /// The last day in the position, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Why, for a leaver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Events, done in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedEvents {
    /// The events: 1 to 100.
    pub events: Vec<FeedEvent>,
    /// `yes` to be told what would happen; nothing is kept then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<Trial>,
}

/// An assignment that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedMade {
    /// Its id; none in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<String>,
    /// The position here.
    pub position: String,
    /// The first day.
    pub start: String,
    /// The last day, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// An assignment that was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedEnded {
    /// Its id.
    pub assignment: String,
    /// The position here.
    pub position: String,
    /// Its last day; left out where it was taken away at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_day: Option<String>,
}

/// What an event did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedDone {
    /// To whom: a user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Assignments that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<FeedMade>,
    /// Assignments that were ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<FeedEnded>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedOutcome {
    /// The sender's id of the event.
    pub id: String,
    /// The id under which it is kept here; none in a dry run, and for one that is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What became of it.
    pub state: FeedState,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FeedReason>,
    /// The same for people, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// What it did.
    pub done: FeedDone,
}

/// What became of events, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedOutcomes {
    /// Whether it was only tried.
    pub dry_run: Trial,
    /// One for each.
    pub outcomes: Vec<FeedOutcome>,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptFeedEvent {
    /// Its id here.
    pub event: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// The client id of whoever sent it.
    pub client: String,
    /// The employer.
    pub organisation: String,
    /// The event as it was sent.
    pub sent: FeedEvent,
    /// What became of it.
    pub state: FeedState,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FeedReason>,
    /// The same for people, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// What it did.
    pub done: FeedDone,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Who decided it, where somebody of the registration authority did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<i64>,
    /// Why it was put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded_why: Option<String>,
}

/// Which events are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedEventQuery {
    /// Of this employer. A personnel system leaves it out: it sees its own.
    pub organisation: Option<String>,
    /// `applied`, `quarantined` or `discarded`; all if it is left out.
    pub state: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// What is told of the feed of an employer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedSummaryQuery {
    /// Of this employer. A personnel system leaves it out: it sees its own.
    pub organisation: Option<String>,
    /// Events that came on this day or later.
    pub from: Option<String>,
    /// Events that came on this day or before.
    pub to: Option<String>,
}

/// How many events of one kind had one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedCount {
    /// The kind.
    pub kind: FeedKind,
    /// What became of them.
    pub state: FeedState,
    /// Why they were not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FeedReason>,
    /// How many.
    pub events: u64,
}

/// What was done with the events of an employer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedSummary {
    /// The employer.
    pub organisation: String,
    /// The counts.
    pub counts: Vec<FeedCount>,
}

/// A quarantined event is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedRetry {
    /// Who the employee is, where nobody was known: a user id. It is kept for this and every later event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// A quarantined event is put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedDiscard {
    /// Why.
    pub reason: String,
}

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeedLink {
    /// The employer for whom the personnel system speaks.
    pub organisation: String,
    /// The personnel system's number of the position.
    pub their_position: String,
    /// The position here.
    pub position: String,
    /// Who approved it, and how.
    pub approval: Approval,
}

/// A position of a personnel system that stands for one here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedLink {
    /// Its id.
    pub id: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// The employer for whom the personnel system speaks.
    pub organisation: String,
    /// The personnel system's number of the position.
    pub their_position: String,
    /// The position here.
    pub position: String,
    /// Who approved it, and how.
    pub approval: Approval,
    /// Who made it.
    pub made_by: String,
    /// When, in milliseconds since 1970.
    pub made_at: i64,
    /// Who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// Which links are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedLinkQuery {
    /// Of this employer.
    pub organisation: String,
    /// `in-force`, if it is left out, or `all`.
    pub state: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}
