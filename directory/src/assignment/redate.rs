//! Another end for assignments. The start never changes.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::UserId;

use super::end::{Around, demanded};
use super::rules::{end, in_the_way};
use super::{Assignment, AssignmentEvent, Right, Sorted};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::store::assignments;
use crate::version::{Expected, Version};
use crate::workgroup;

/// Which assignment is to end when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redate {
    pub(crate) id: AssignmentId,
    pub(crate) expected: Expected,
    /// The last day; none for no end.
    pub(crate) to: Option<Day>,
}

/// An assignment as it was, and its new end.
pub(crate) struct Redated {
    before: Assignment,
    to: Option<Day>,
}

/// Checks each row; nothing is written.
pub(crate) async fn prepare_redate(
    tx: &mut Tx,
    doing: &Doing,
    right: Right<'_>,
    asked: &[Redate],
) -> Result<Sorted<Redated>, Error> {
    let ids: Vec<AssignmentId> = asked.iter().map(|one| one.id.clone()).collect();
    let around = Around::read(tx, doing, &ids).await?;
    let (users, positions): (Vec<_>, Vec<_>) =
        around.assignments.values().map(|one| (one.user.clone(), one.position.clone())).unzip();
    let busy = assignments::of_pairs(tx, &users, &positions).await?;
    let mut rows = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter().enumerate() {
        if asked[..at].iter().any(|before| before.id == one.id) {
            rows.push(Err(Error::conflict("twice", "This assignment stands in the list twice.")));
            continue;
        }
        rows.push(checked(doing, right, one, &around, &busy));
    }
    Ok(Sorted::of(rows))
}

fn checked(
    doing: &Doing,
    right: Right<'_>,
    asked: &Redate,
    around: &Around,
    busy: &[Assignment],
) -> Result<Redated, Error> {
    let before = demanded(doing, right, &asked.id, asked.expected, around)?;
    end(before.from, asked.to, doing.today())?;
    let same = |other: &&Assignment| {
        other.id != before.id && other.user == before.user && other.position == before.position
    };
    in_the_way((before.from, asked.to), busy.iter().filter(same))?;
    Ok(Redated { before: before.clone(), to: asked.to })
}

/// Gives an assignment another end, other notes, or both; gives it as it is then. Whoever calls knows that something differs. Nobody who
/// follows is told of notes.
#[expect(clippy::option_option, reason = "left to stay, taken away and given are three things")]
pub(crate) async fn change(
    tx: &mut Tx,
    doing: &Doing,
    row: Redated,
    notes: Option<Option<String>>,
) -> Result<Assignment, Error> {
    let mut after = if row.to == row.before.to {
        Assignment { version: Version(row.before.version.0 + 1), ..row.before }
    } else {
        let mut after = redate(tx, doing, vec![row], None).await?;
        after.pop().ok_or(Error::Stored { what: "assignment" })?
    };
    let Some(notes) = notes.filter(|notes| *notes != after.notes) else { return Ok(after) };
    after.notes = notes;
    assignments::set_notes(tx, &after).await?;
    let event = AssignmentEvent::AssignmentNoted {
        assignment: after.id.to_string(),
        user: after.user.to_string(),
        position: after.position.to_string(),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(after)
}

/// Stores the new ends; gives the assignments as they are then.
pub(crate) async fn redate(
    tx: &mut Tx,
    doing: &Doing,
    rows: Vec<Redated>,
    request: Option<&str>,
) -> Result<Vec<Assignment>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut by_end: BTreeMap<Option<Day>, Vec<AssignmentId>> = BTreeMap::new();
    for row in &rows {
        by_end.entry(row.to).or_default().push(row.before.id.clone());
    }
    for (to, ids) in &by_end {
        assignments::set_end(tx, ids, *to).await?;
    }
    let events: Vec<AssignmentEvent> = rows
        .iter()
        .map(|row| AssignmentEvent::Redated {
            assignment: row.before.id.to_string(),
            user: row.before.user.to_string(),
            position: row.before.position.to_string(),
            before: row.before.to.map(String::from),
            end: row.to.map(String::from),
            request: request.map(str::to_owned),
        })
        .collect();
    audit::record_many(tx, doing.now, &doing.recorded(), &events).await?;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (ChangeKind::AssignmentChanged, row.before.id.to_string(), Some(row.before.user.to_string()))
        })
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    let users: BTreeSet<UserId> = rows.iter().map(|row| row.before.user.clone()).collect();
    workgroup::follow(tx, doing, &users).await?;
    let after =
        |row: Redated| Assignment { to: row.to, version: Version(row.before.version.0 + 1), ..row.before };
    Ok(rows.into_iter().map(after).collect())
}
