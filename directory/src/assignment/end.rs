//! Taking assignments away.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::{Assignment, AssignmentEvent, Cause, Right, Sorted, State};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::authority::{Lineage, Rank, Target};
use crate::changes;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::position::Position;
use crate::store::{assignments, lineages, positions, roles};
use crate::version::{Expected, Version};
use crate::workgroup;

/// Which assignment is to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) id: AssignmentId,
    pub(crate) expected: Expected,
}

/// Why assignments are taken away.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    /// What was said.
    pub(crate) why: Option<String>,
    /// The request that was approved.
    pub(crate) request: Option<String>,
}

impl Ending {
    /// Their position is closed.
    pub(crate) fn with_position() -> Self {
        Self::because(Cause::PositionClosed, None)
    }

    /// For a cause, with what was said.
    pub(crate) fn because(cause: Cause, why: Option<String>) -> Self {
        Self { cause, why, request: None }
    }
}

/// What is read once for all rows about assignments that there are.
pub(crate) struct Around {
    pub(crate) assignments: BTreeMap<AssignmentId, Assignment>,
    positions: BTreeMap<PositionId, Position>,
    lines: BTreeMap<OdsCode, Lineage>,
    ranks: BTreeMap<UserId, Rank>,
}

impl Around {
    pub(crate) async fn read(tx: &mut Tx, doing: &Doing, ids: &[AssignmentId]) -> Result<Self, Error> {
        let found = assignments::find_all(tx, ids).await?;
        let mut wanted: Vec<PositionId> = found.iter().map(|one| one.position.clone()).collect();
        wanted.sort();
        wanted.dedup();
        let mut users: Vec<UserId> = found.iter().map(|one| one.user.clone()).collect();
        users.sort();
        users.dedup();
        let positions = positions::find_all(tx, &wanted).await?;
        let places: Vec<OdsCode> = positions.iter().map(|position| position.organisation.clone()).collect();
        Ok(Self {
            lines: lineages::of(tx, &places).await?,
            ranks: roles::ranks(tx, &users, doing.today()).await?,
            positions: positions.into_iter().map(|position| (position.id.clone(), position)).collect(),
            assignments: found.into_iter().map(|one| (one.id.clone(), one)).collect(),
        })
    }

    /// The target of an act on one of the assignments.
    pub(crate) fn target(&self, assignment: &Assignment) -> Target {
        Target {
            person: Some(assignment.user.clone()),
            organisations: self.lines.get(&assignment.organisation).cloned().into_iter().collect(),
            position: Some(assignment.position.clone()),
            position_rank: self.positions.get(&assignment.position).and_then(|position| position.rank),
            person_rank: self.ranks.get(&assignment.user).copied(),
            ..Target::default()
        }
    }
}

/// An assignment that is open still, at the version that is meant, with which it may be done.
pub(super) fn demanded<'a>(
    doing: &Doing,
    right: Right<'_>,
    id: &AssignmentId,
    expected: Expected,
    around: &'a Around,
) -> Result<&'a Assignment, Error> {
    let assignment = around.assignments.get(id).ok_or_else(|| Error::unknown("assignment", id))?;
    if let Right::Of(acts) = right {
        let target = around.target(assignment);
        for act in acts {
            doing.demand(*act, &target)?;
        }
    }
    if !expected.holds(assignment.version) {
        return Err(Error::Changed { what: "assignment", present: assignment.version });
    }
    if !assignment.is_open(doing.today()) {
        let sentence = "This assignment has ended or was taken away. Make a new one for days to come.";
        return Err(Error::conflict("assignment-ended", sentence));
    }
    Ok(assignment)
}

/// Checks each row; nothing is written.
pub(crate) async fn prepare_end(
    tx: &mut Tx,
    doing: &Doing,
    right: Right<'_>,
    asked: &[End],
) -> Result<Sorted<Assignment>, Error> {
    let ids: Vec<AssignmentId> = asked.iter().map(|one| one.id.clone()).collect();
    let around = Around::read(tx, doing, &ids).await?;
    let mut rows = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter().enumerate() {
        if asked[..at].iter().any(|before| before.id == one.id) {
            rows.push(Err(Error::conflict("twice", "This assignment stands in the list twice.")));
            continue;
        }
        rows.push(demanded(doing, right, &one.id, one.expected, &around).cloned());
    }
    Ok(Sorted::of(rows))
}

/// Takes away what was checked; gives the assignments as they are then.
pub(crate) async fn end(
    tx: &mut Tx,
    doing: &Doing,
    rows: Vec<Assignment>,
    ending: &Ending,
) -> Result<Vec<Assignment>, Error> {
    end_now(tx, doing, &rows, ending).await?;
    let after = |row: Assignment| Assignment {
        state: State::Removed { by: doing.name(), at: doing.now, why: ending.why.clone() },
        version: Version(row.version.0 + 1),
        ..row
    };
    Ok(rows.into_iter().map(after).collect())
}

/// Takes assignments away, and the places in workgroups that nothing gives then, with their events and changes; gives the number of the
/// last change.
pub(crate) async fn end_now(
    tx: &mut Tx,
    doing: &Doing,
    rows: &[Assignment],
    ending: &Ending,
) -> Result<Option<u64>, Error> {
    let ids: Vec<AssignmentId> = rows.iter().map(|row| row.id.clone()).collect();
    assignments::remove(tx, &ids, &doing.name(), doing.now, ending.why.as_deref()).await?;
    let events: Vec<AssignmentEvent> = rows
        .iter()
        .map(|row| AssignmentEvent::AssignmentRemoved {
            assignment: row.id.to_string(),
            user: row.user.to_string(),
            position: row.position.to_string(),
            cause: ending.cause,
            request: ending.request.clone(),
        })
        .collect();
    for events in events.chunks(100) {
        audit::record_many(tx, doing.now, &doing.recorded(), events).await?;
    }
    let told: Vec<_> = rows
        .iter()
        .map(|row| (ChangeKind::AssignmentEnded, row.id.to_string(), Some(row.user.to_string())))
        .collect();
    let told = changes::tell_many(tx, doing.now, &told).await?;
    let users: BTreeSet<UserId> = rows.iter().map(|row| row.user.clone()).collect();
    Ok(workgroup::follow(tx, doing, &users).await?.or(told))
}
