//! Putting people into positions, one or many in one act.

use std::collections::{BTreeMap, BTreeSet};

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::mint::mint;
use super::rules::{days, in_the_way};
use super::{Assignment, AssignmentEvent, Redate, Right, Sorted, State, Via};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::authority::{Lineage, Target};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::organisation;
use crate::position::Position;
use crate::store::assignments::Condition;
use crate::store::{assignments, lineages, positions};
use crate::version::Version;

/// Who is to be put into what, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) user: UserId,
    pub(crate) position: PositionId,
    /// Today if none is given.
    pub(crate) from: Option<Day>,
    pub(crate) to: Option<Day>,
    pub(crate) notes: Option<String>,
}

/// What else is done in the same act.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    /// Assignments that are taken away.
    pub(crate) ended: &'a [AssignmentId],
    /// Assignments that get another end.
    pub(crate) redated: &'a [Redate],
}

/// What is read once for all rows.
struct Known {
    positions: BTreeMap<PositionId, Position>,
    lines: BTreeMap<OdsCode, Lineage>,
    /// Those that are closed, with those that took their place.
    closed: BTreeMap<OdsCode, Vec<OdsCode>>,
    people: BTreeMap<UserId, Condition>,
    busy: Vec<Assignment>,
}

/// Checks each row; nothing is written. A few statements, however many rows there are.
pub(crate) async fn prepare_assign(
    tx: &mut Tx,
    doing: &Doing,
    right: Right<'_>,
    asked: Vec<Asked>,
    via: Via,
    beside: Beside<'_>,
) -> Result<Sorted<Assignment>, Error> {
    let mut known = known(tx, &asked).await?;
    known.busy.retain(|assignment| !beside.ended.contains(&assignment.id));
    for assignment in &mut known.busy {
        if let Some(redated) = beside.redated.iter().find(|redate| redate.id == assignment.id) {
            assignment.to = redated.to;
        }
    }
    let mut rows = Vec::with_capacity(asked.len());
    for one in asked {
        let row = checked(doing, right, one, via, &known);
        if let Ok(good) = &row {
            known.busy.push(good.clone());
        }
        rows.push(row);
    }
    Ok(Sorted::of(rows))
}

/// Checks rows of several acts, each by whoever acts in it; the first that may not be is the error of all.
pub(crate) async fn prepare_each(
    tx: &mut Tx,
    acts: &[(&Doing, &Asked)],
    right: Right<'_>,
    via: Via,
) -> Result<Vec<Assignment>, Error> {
    let asked: Vec<Asked> = acts.iter().map(|(_, asked)| (*asked).clone()).collect();
    let mut known = known(tx, &asked).await?;
    let mut rows = Vec::with_capacity(acts.len());
    for ((doing, _), one) in acts.iter().zip(asked) {
        let row = checked(doing, right, one, via, &known)?;
        known.busy.push(row.clone());
        rows.push(row);
    }
    Ok(rows)
}

async fn known(tx: &mut Tx, asked: &[Asked]) -> Result<Known, Error> {
    let users: BTreeSet<&UserId> = asked.iter().map(|one| &one.user).collect();
    let users: Vec<UserId> = users.into_iter().cloned().collect();
    let wanted: BTreeSet<&PositionId> = asked.iter().map(|one| &one.position).collect();
    let wanted: Vec<PositionId> = wanted.into_iter().cloned().collect();
    let positions = positions::find_all(tx, &wanted).await?;
    let places: Vec<OdsCode> = positions.iter().map(|position| position.organisation.clone()).collect();
    Ok(Known {
        closed: lineages::closed(tx, &places).await?,
        lines: lineages::of(tx, &places).await?,
        people: assignments::conditions(tx, &users).await?,
        busy: assignments::of_pairs(tx, &users, &wanted).await?,
        positions: positions.into_iter().map(|position| (position.id.clone(), position)).collect(),
    })
}

/// One row: the position is open and the person too, it was checked who they are, it may be done, the days are in order and free.
fn checked(
    doing: &Doing,
    right: Right<'_>,
    asked: Asked,
    via: Via,
    known: &Known,
) -> Result<Assignment, Error> {
    let position =
        known.positions.get(&asked.position).ok_or_else(|| Error::unknown("position", &asked.position))?;
    if let Right::Of(acts) = right {
        let target = Target {
            person: Some(asked.user.clone()),
            organisations: known.lines.get(&position.organisation).cloned().into_iter().collect(),
            position: Some(position.id.clone()),
            position_rank: position.rank,
            ..Target::default()
        };
        for act in acts {
            doing.demand(*act, &target)?;
        }
    }
    if !position.is_open() {
        let sentence = format!("The position {} is closed. Choose another.", position.name);
        return Err(Error::conflict("position-closed", sentence));
    }
    if let Some(successors) = known.closed.get(&position.organisation) {
        let sentence = format!(
            "{} is closed, and nobody begins there any more. Use a position of {}.",
            position.organisation,
            organisation::who_follows(successors)
        );
        return Err(Error::conflict("organisation-closed", sentence));
    }
    demand_ready(known, &asked.user)?;
    let (from, to) = days(asked.from, asked.to, via, doing.today())?;
    let same = |other: &&Assignment| other.user == asked.user && other.position == asked.position;
    in_the_way((from, to), known.busy.iter().filter(same))?;
    Ok(Assignment {
        id: AssignmentId::new(doing.now),
        user: asked.user,
        position: asked.position,
        organisation: position.organisation.clone(),
        from,
        to,
        state: State::Live,
        notes: asked.notes,
        via,
        made_by: doing.name(),
        made_at: doing.now,
        version: Version::FIRST,
    })
}

/// Goes on if the profile is open and its identity was checked. Nobody gets access before it is known who they are.
fn demand_ready(known: &Known, user: &UserId) -> Result<(), Error> {
    let condition = known.people.get(user).ok_or_else(|| Error::unknown("person", user))?;
    if !condition.open {
        let sentence = "The profile of this person is closed, or it was a second one of somebody. Read it: it says which, and \
                        open it again or use the other.";
        return Err(Error::conflict("profile-closed", sentence));
    }
    if !condition.verified {
        let sentence = "It was not checked who this is, and until then nobody puts them into a position. Verify the identity first.";
        return Err(Error::conflict("identity-unverified", sentence));
    }
    Ok(())
}

/// Stores what was checked, with the ids it needs, its events and its changes.
pub(crate) async fn assign(
    tx: &mut Tx,
    doing: &Doing,
    rows: &[Assignment],
    request: Option<&str>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    store(tx, rows).await?;
    let events: Vec<AssignmentEvent> = rows.iter().map(|row| assigned(row, request)).collect();
    audit::record_many(tx, doing.now, &doing.recorded(), &events).await?;
    tell(tx, doing.now, rows).await
}

/// Stores rows of several acts that were checked, each with the event of whoever acts in it, all at the same time.
pub(crate) async fn assign_each(tx: &mut Tx, acts: &[&Doing], rows: &[Assignment]) -> Result<(), Error> {
    let Some(now) = acts.first().map(|doing| doing.now) else { return Ok(()) };
    store(tx, rows).await?;
    let actors: Vec<audit::Actor> = acts.iter().map(|doing| doing.recorded()).collect();
    let events: Vec<_> =
        actors.iter().zip(rows).map(|(actor, row)| (now, actor, assigned(row, None))).collect();
    audit::record_each(tx, &events).await?;
    tell(tx, now, rows).await
}

async fn store(tx: &mut Tx, rows: &[Assignment]) -> Result<(), Error> {
    let pairs: Vec<(UserId, PositionId)> =
        rows.iter().map(|row| (row.user.clone(), row.position.clone())).collect();
    mint(tx, &pairs).await?;
    assignments::insert(tx, rows).await
}

fn assigned(row: &Assignment, request: Option<&str>) -> AssignmentEvent {
    AssignmentEvent::Assigned {
        assignment: row.id.to_string(),
        user: row.user.to_string(),
        position: row.position.to_string(),
        organisation: row.organisation.to_string(),
        start: row.from.to_string(),
        end: row.to.map(String::from),
        via: row.via.to_string(),
        request: request.map(str::to_owned),
    }
}

async fn tell(tx: &mut Tx, now: Millis, rows: &[Assignment]) -> Result<(), Error> {
    let told: Vec<_> = rows
        .iter()
        .map(|row| (ChangeKind::AssignmentChanged, row.id.to_string(), Some(row.user.to_string())))
        .collect();
    changes::tell_many(tx, now, &told).await?;
    Ok(())
}
