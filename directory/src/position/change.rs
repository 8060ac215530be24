//! Making and changing positions.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::OdsCode;

use super::approval::{Approval, approved_by_another};
use super::closure::{Inclusions, NotIncluded, closure};
use super::events::{PositionEvent, recorded};
use super::own::not_ones_own;
use super::rights::{AccessProfile, Codes};
use super::{Position, State};
use crate::acting::{self, Doing};
use crate::api::ChangeKind;
use crate::authority::{Act, Lineage, Rank, Target};
use crate::changes;
use crate::error::Error;
use crate::ids::{AccessProfileId, PositionId, WorkgroupId};
use crate::ods;
use crate::store::position_links::{self, Link};
use crate::store::positions::Past;
use crate::store::{lineages, positions, workgroups};
use crate::version::{Expected, Version};

/// How many positions may include one.
const MOST_ABOVE: usize = 200;

/// What a position is to give in one organisation.
#[derive(Debug, Clone)]
pub(crate) struct Gives {
    /// An access profile that it gives already.
    pub(crate) id: Option<AccessProfileId>,
    pub(crate) organisation: OdsCode,
    pub(crate) codes: Codes,
    pub(crate) workgroups: Vec<WorkgroupId>,
}

/// A position to be made.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) organisation: OdsCode,
    pub(crate) name: String,
    pub(crate) notes: Option<String>,
    pub(crate) gives: Vec<Gives>,
    pub(crate) included: Vec<PositionId>,
    pub(crate) approval: Approval,
}

/// What is to change; what is left out stays.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) name: Option<String>,
    #[expect(clippy::option_option, reason = "left to stay, taken away and given are three things")]
    pub(crate) notes: Option<Option<String>>,
    pub(crate) gives: Option<Vec<Gives>>,
    pub(crate) included: Option<Vec<PositionId>>,
    pub(crate) approval: Approval,
}

/// Makes a position.
pub(crate) async fn create(tx: &mut Tx, doing: &Doing, new: New) -> Result<Position, Error> {
    approved_by_another(tx, doing, &new.approval).await?;
    match lineages::is_active(tx, &new.organisation).await? {
        None => return Err(Error::unknown("organisation", &new.organisation)),
        Some(false) => {
            let sentence =
                "This organisation is closed. Positions are made in organisations that are in use.";
            return Err(Error::conflict("organisation-closed", sentence));
        }
        Some(true) => {}
    }
    let id = PositionId::new(doing.now);
    let profiles = profiles(doing, &id, &[], new.gives)?;
    let shape = Shape {
        id: &id,
        organisation: &new.organisation,
        before: None,
        kept: &BTreeSet::new(),
        profiles: &profiles,
        included: &new.included,
    };
    let ranks = weigh(tx, doing, &shape).await?;
    let position = Position {
        rank: ranks.own,
        id,
        organisation: new.organisation,
        name: new.name,
        notes: new.notes,
        state: State::Open,
        version: Version::FIRST,
    };
    positions::insert(tx, &position).await?;
    position_links::set_access_profiles(tx, &position.id, &profiles, doing.now).await?;
    position_links::set_links(tx, Link::Includes, &position.id, &new.included).await?;
    let event = PositionEvent::PositionCreated {
        position: position.id.to_string(),
        organisation: position.organisation.to_string(),
        rank: position.rank.map(|rank| rank.word().to_owned()),
        access_profiles: recorded(&profiles),
        included: new.included.iter().map(ToString::to_string).collect(),
    };
    written(tx, doing, &position, "created", Some(&new.approval), &event).await?;
    Ok(position)
}

/// Changes a position. What it gives changes for everybody who holds it, or holds one that includes it.
pub(crate) async fn change(
    tx: &mut Tx,
    doing: &Doing,
    id: &PositionId,
    expected: Expected,
    changed: Changed,
) -> Result<Position, Error> {
    approved_by_another(tx, doing, &changed.approval).await?;
    let mut position = found(tx, id, expected).await?;
    let present = position_links::access_profiles(tx, std::slice::from_ref(id)).await?;
    let kept = present.iter().map(|profile| profile.id.clone()).collect();
    let gives_other = changed.gives.is_some() || changed.included.is_some();
    let profiles = match changed.gives {
        Some(gives) => profiles(doing, id, &present, gives)?,
        None => present,
    };
    let included = match changed.included {
        Some(included) => included,
        None => position_links::linked(tx, Link::Includes, std::slice::from_ref(id))
            .await?
            .remove(id)
            .unwrap_or_default(),
    };
    let shape = Shape {
        id,
        organisation: &position.organisation,
        before: position.rank,
        kept: &kept,
        profiles: &profiles,
        included: &included,
    };
    let ranks = weigh(tx, doing, &shape).await?;
    if gives_other {
        let touched: Vec<&PositionId> = ranks.above.iter().map(|(above, _)| above).chain([id]).collect();
        not_ones_own(tx, doing, &touched).await?;
    }
    keep_sponsors(tx, doing, id, &profiles).await?;
    position.rank = ranks.own;
    position.name = changed.name.unwrap_or(position.name);
    position.notes = changed.notes.unwrap_or(position.notes);
    position.version = Version(position.version.0 + 1);
    positions::update(tx, &position).await?;
    position_links::set_access_profiles(tx, id, &profiles, doing.now).await?;
    position_links::set_links(tx, Link::Includes, id, &included).await?;
    let mut told = vec![(ChangeKind::PositionChanged, id.to_string(), None)];
    for (above, rank) in &ranks.above {
        positions::set_rank(tx, above, *rank).await?;
        told.push((ChangeKind::PositionChanged, above.to_string(), None));
    }
    changes::tell_many(tx, doing.now, &told).await?;
    let event = PositionEvent::PositionChanged {
        position: id.to_string(),
        version: position.version.0,
        rank: position.rank.map(|rank| rank.word().to_owned()),
        access_profiles: recorded(&profiles),
        included: included.iter().map(ToString::to_string).collect(),
    };
    written(tx, doing, &position, "changed", Some(&changed.approval), &event).await?;
    Ok(position)
}

/// Sets the positions that the holders of a sponsor's position may assign.
pub(crate) async fn set_assignable(
    tx: &mut Tx,
    doing: &Doing,
    id: &PositionId,
    expected: Expected,
    assignable: Vec<PositionId>,
    approval: &Approval,
) -> Result<Position, Error> {
    approved_by_another(tx, doing, approval).await?;
    let mut position = found(tx, id, expected).await?;
    demand_in(tx, doing, Act::ManageAssignable, &position).await?;
    let above = position_links::above_all(tx, std::slice::from_ref(id)).await?;
    let touched: Vec<&PositionId> = above.iter().chain([id]).collect();
    not_ones_own(tx, doing, &touched).await?;
    let profiles = position_links::access_profiles(tx, std::slice::from_ref(id)).await?;
    if !assignable.is_empty() && !are_sponsors(doing, &profiles) {
        return Err(not_a_sponsors());
    }
    let others = positions::find_all(tx, &assignable).await?;
    for wanted in &assignable {
        let Some(other) = others.iter().find(|other| other.id == *wanted) else {
            return Err(Error::unknown("position", wanted));
        };
        if !other.is_open() {
            return Err(closed(other));
        }
        // Its holders could put each other into their own position, or raise somebody above it.
        demand_in(tx, doing, Act::ManageAssignable, other).await?;
    }
    position_links::set_links(tx, Link::MayAssign, id, &assignable).await?;
    position.version = Version(position.version.0 + 1);
    positions::update(tx, &position).await?;
    let event = PositionEvent::AssignableSet {
        position: id.to_string(),
        assignable: assignable.iter().map(ToString::to_string).collect(),
    };
    changes::tell(tx, doing.now, ChangeKind::PositionChanged, id.as_str(), None).await?;
    written(tx, doing, &position, "assignable-set", Some(approval), &event).await?;
    Ok(position)
}

/// Demands an act on a position with the rank it gives.
pub(super) async fn demand_in(
    tx: &mut Tx,
    doing: &Doing,
    act: Act,
    position: &Position,
) -> Result<(), Error> {
    let target = acting::in_organisation_in(tx, &position.organisation).await?;
    let (id, rank) = (Some(position.id.clone()), position.rank);
    doing.demand(act, &Target { position: id, position_rank: rank, ..target })
}

/// The open position that is meant.
pub(super) async fn found(tx: &mut Tx, id: &PositionId, expected: Expected) -> Result<Position, Error> {
    let position = positions::find(tx, id).await?.ok_or_else(|| Error::unknown("position", id))?;
    if !expected.holds(position.version) {
        return Err(Error::Changed { what: "position", present: position.version });
    }
    if position.is_open() { Ok(position) } else { Err(closed(&position)) }
}

pub(super) fn closed(position: &Position) -> Error {
    let sentence =
        format!("The position {} is closed for good. Use another or make a new one.", position.name);
    Error::conflict("position-closed", sentence)
}

fn not_a_sponsors() -> Error {
    let sentence = "Only a sponsor's position, one that holds the activity B1300, has positions to assign.";
    Error::conflict("not-a-sponsors-position", sentence)
}

/// Whether what is given makes sponsors.
fn are_sponsors(doing: &Doing, profiles: &[AccessProfile]) -> bool {
    profiles.iter().any(|profile| profile.is_sponsors(&doing.book))
}

/// A position with assignable ones stays a sponsor's.
async fn keep_sponsors(
    tx: &mut Tx,
    doing: &Doing,
    id: &PositionId,
    profiles: &[AccessProfile],
) -> Result<(), Error> {
    let assignable = position_links::linked(tx, Link::MayAssign, std::slice::from_ref(id)).await?;
    let lost = !assignable.is_empty() && !are_sponsors(doing, profiles);
    if lost { Err(not_a_sponsors()) } else { Ok(()) }
}

/// The access profiles that are to be given. One that is kept keeps its organisation and job role: the role profiles
/// minted for it mean those.
fn profiles(
    doing: &Doing,
    of: &PositionId,
    present: &[AccessProfile],
    gives: Vec<Gives>,
) -> Result<Vec<AccessProfile>, Error> {
    let mut kept = BTreeSet::new();
    let mut all = Vec::with_capacity(gives.len());
    for one in gives {
        let id = match one.id {
            None => AccessProfileId::new(doing.now),
            Some(id) => {
                let same = present.iter().find(|profile| profile.id == id);
                let same = same.ok_or_else(|| Error::unknown("access profile", &id))?;
                if same.organisation != one.organisation || same.codes.job_role != one.codes.job_role {
                    let sentence = "An access profile keeps its organisation and job role. Leave its id out to give \
                                    another in its place.";
                    return Err(Error::field("access_profiles", sentence));
                }
                if !kept.insert(id.clone()) {
                    return Err(Error::field(
                        "access_profiles",
                        format!("The access profile {id} stands there twice."),
                    ));
                }
                id
            }
        };
        let Gives { organisation, codes, workgroups, .. } = one;
        let before = present.iter().find(|profile| profile.id == id).map(|profile| &profile.codes);
        known(doing, &codes, before)?;
        all.push(AccessProfile { id, position: of.clone(), organisation, codes, workgroups });
    }
    Ok(all)
}

/// What is given anew the release in force has; what a position had before stays, whatever became of it. Before there is a release
/// nothing is known of codes.
fn known(doing: &Doing, codes: &Codes, before: Option<&Codes>) -> Result<(), Error> {
    if doing.book.number() == 0 {
        return Ok(());
    }
    if let Some((given, right)) =
        codes.misplaced(&doing.book).find(|(given, _)| !before.is_some_and(|codes| codes.has_path(given)))
    {
        let sentence = format!(
            "The release {} has this as {right}, and not as {given}. Write it so.",
            doing.book.name()
        );
        return Err(Error::field("access_profiles", sentence));
    }
    let old = before.map(|codes| codes.unknown(doing.basis())).unwrap_or_default();
    let mut unknown = codes.unknown(doing.basis());
    unknown.retain(|code| !old.contains(code));
    if unknown.is_empty() {
        return Ok(());
    }
    let (release, codes) = (doing.book.name(), unknown.join(", "));
    let sentence =
        format!("The release {release} of the national roles does not have {codes}. Correct what was typed.");
    Err(Error::field("access_profiles", sentence))
}

/// What a position is to become.
struct Shape<'a> {
    id: &'a PositionId,
    organisation: &'a OdsCode,
    before: Option<Rank>,
    /// The access profiles that it gives already.
    kept: &'a BTreeSet<AccessProfileId>,
    profiles: &'a [AccessProfile],
    included: &'a [PositionId],
}

/// The ranks that follow.
struct Ranks {
    own: Option<Rank>,
    above: Vec<(PositionId, Option<Rank>)>,
}

/// Checks what a position is to become: everything it names is there and within reach, nothing includes itself, and
/// nobody gains a rank above that of whoever does it.
async fn weigh(tx: &mut Tx, doing: &Doing, shape: &Shape<'_>) -> Result<Ranks, Error> {
    let included = positions::find_all(tx, shape.included).await?;
    for wanted in shape.included {
        match included.iter().find(|position| position.id == *wanted) {
            None => return Err(Error::unknown("position", wanted)),
            Some(position) if !position.is_open() => return Err(closed(position)),
            Some(_) => {}
        }
    }
    refuse_closed(tx, shape).await?;
    let ranks = ranks(tx, doing, shape).await?;
    let highest = ranks.above.iter().map(|(_, rank)| *rank).chain([ranks.own, shape.before]).max().flatten();
    let mut places: Vec<OdsCode> = included.iter().map(|position| position.organisation.clone()).collect();
    places.extend(shape.profiles.iter().map(|profile| profile.organisation.clone()));
    let groups = workgroups::organisations_of(tx, shape.profiles).await?;
    places.extend(groups.iter().cloned());
    places.push(shape.organisation.clone());
    let lines = lineages::of(tx, &places).await?;
    let line = |organisation: &OdsCode| {
        lines.get(organisation).ok_or_else(|| Error::unknown("organisation", organisation))
    };
    let own = line(shape.organisation)?;
    let host = own.0.get(1).unwrap_or(shape.organisation);
    for organisation in places.iter().collect::<BTreeSet<_>>() {
        let lineage = line(organisation)?;
        if ods::is_anywhere(organisation) && organisation != shape.organisation {
            // It is nobody's: whoever manages the position gives it.
            continue;
        }
        if !lineage.is_within(host) {
            let sentence =
                format!("{organisation} is not below {host}, which hosts the registration authority here.");
            return Err(Error::field("access_profiles", sentence));
        }
        doing.demand(Act::ManagePositions, &target(shape.id, highest, lineage))?;
    }
    Ok(ranks)
}

/// Nothing is given anew in an organisation that is closed; what was given there stays as it is.
async fn refuse_closed(tx: &mut Tx, shape: &Shape<'_>) -> Result<(), Error> {
    let new = shape.profiles.iter().filter(|profile| !shape.kept.contains(&profile.id));
    let places: Vec<OdsCode> = new.map(|profile| profile.organisation.clone()).collect();
    match lineages::closed(tx, &places).await?.first_key_value() {
        None => Ok(()),
        Some((closed, successors)) => {
            let sentence = format!(
                "{closed} is closed, and nothing is given there any more. Name {}.",
                crate::organisation::who_follows(successors)
            );
            Err(Error::conflict("organisation-closed", sentence))
        }
    }
}

fn target(id: &PositionId, rank: Option<Rank>, lineage: &Lineage) -> Target {
    Target {
        position: Some(id.clone()),
        position_rank: rank,
        organisations: vec![lineage.clone()],
        ..Target::default()
    }
}

/// The rank of the position and of each that includes it.
async fn ranks(tx: &mut Tx, doing: &Doing, shape: &Shape<'_>) -> Result<Ranks, Error> {
    let above = position_links::above(tx, shape.id, MOST_ABOVE + 1).await?;
    if above.len() > MOST_ABOVE {
        return Err(too_many());
    }
    let roots: Vec<PositionId> = above.iter().chain(shape.included).chain([shape.id]).cloned().collect();
    let mut inclusions: Inclusions = position_links::inclusions_below(tx, &roots).await?;
    inclusions.insert(shape.id.clone(), shape.included.to_vec());
    let own = closed_over(tx, shape.id, &inclusions).await?;
    let mut closures: Vec<(PositionId, Vec<PositionId>)> = Vec::with_capacity(above.len());
    for id in above {
        let all = closed_over(tx, &id, &inclusions).await?;
        closures.push((id, all));
    }
    let others: BTreeSet<PositionId> =
        closures.iter().flat_map(|(_, all)| all).chain(&own).filter(|id| *id != shape.id).cloned().collect();
    let others: Vec<PositionId> = others.into_iter().collect();
    let mut given: BTreeMap<PositionId, Option<Rank>> = BTreeMap::new();
    for profile in position_links::access_profiles(tx, &others).await?.iter().chain(shape.profiles) {
        let rank = profile.rank(doing.basis());
        let highest = given.entry(profile.position.clone()).or_insert(rank);
        *highest = rank.max(*highest);
    }
    let highest = |all: &[PositionId]| all.iter().filter_map(|id| given.get(id).copied().flatten()).max();
    Ok(Ranks {
        own: highest(&own),
        above: closures.into_iter().map(|(id, all)| (id, highest(&all))).collect(),
    })
}

/// Everything a position includes; what stands against it is told with names.
async fn closed_over(
    tx: &mut Tx,
    of: &PositionId,
    inclusions: &Inclusions,
) -> Result<Vec<PositionId>, Error> {
    match closure(of, inclusions) {
        Ok(all) => Ok(all),
        Err(NotIncluded::TooMany) => Err(too_many()),
        Err(NotIncluded::Cycle(path)) => {
            let known = positions::find_all(tx, &path).await?;
            let name = |id: &PositionId| {
                let found = known.iter().find(|position| position.id == *id);
                found.map_or_else(
                    || "the new position".to_owned(),
                    |position| format!("{} ({id})", position.name),
                )
            };
            let path: Vec<String> = path.iter().map(name).collect();
            let sentence =
                format!("The position would include itself: {}. Leave one of them out.", path.join(" → "));
            Err(Error::conflict("inclusion-cycle", sentence))
        }
    }
}

fn too_many() -> Error {
    let sentence = "A position includes at most a hundred others, eight one in the other, and is included by at most \
                    two hundred.";
    Error::conflict("too-many-inclusions", sentence)
}

/// Writes history and audit record of what was done to a position.
pub(super) async fn written(
    tx: &mut Tx,
    doing: &Doing,
    position: &Position,
    act: &str,
    approval: Option<&Approval>,
    event: &PositionEvent,
) -> Result<(), Error> {
    let past = Past {
        version: position.version,
        at: doing.now,
        act: act.to_owned(),
        by_kind: doing.caller.kind.to_string(),
        by_subject: doing.name(),
        how: approval.map(|approval| approval.how.clone()),
        approver: approval.map(|approval| approval.approver.clone()),
    };
    positions::remember(tx, &position.id, &past).await?;
    audit::record(tx, doing.now, &doing.recorded(), event).await?;
    Ok(())
}
