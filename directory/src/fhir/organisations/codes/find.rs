//! Concepts and the members of sets, as the register has them.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::OdsCode;
use tokio::sync::Semaphore;

use super::super::errors::too_costly;
use super::concept::Concept;
use super::set::{Include, SetAsked};
use super::system::System;
use crate::api::OrganisationStatus;
use crate::error::Error;
use crate::fhir::kit::Outcome;
use crate::model::Named;
use crate::organisation::name_key;
use crate::register::Register;
use crate::store::organisation_faces::{self as store, Affiliations, Condition, Instance, Text};
use crate::store::organisations;

/// How many look through the names of organisations at once: whoever puts something into the model waits for each of them.
static SCANS: Semaphore = Semaphore::const_new(2);

/// How many members a set has at most.
pub(crate) const MOST: usize = 50_000;

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) system: System,
    pub(crate) concept: Concept,
}

/// A concept by its code.
pub(crate) async fn concept(tx: &mut Tx, system: System, code: &str) -> Result<Option<Concept>, Outcome> {
    if system.is_small() {
        return Ok(system.concepts().into_iter().find(|one| one.code == code));
    }
    Ok(match system {
        System::Organisation => {
            let Ok(code) = code.parse() else { return Ok(None) };
            organisations::find(tx, &code).await?.map(|one| Concept::of_organisation(&one.record))
        }
        System::RelationshipInstance => {
            let wanted = Affiliations { instances: vec![vec![code.to_owned()]], ..Affiliations::default() };
            store::affiliations(tx, &wanted, 0, 1).await?.first().map(Concept::of_relationship)
        }
        System::RoleInstance | System::Succession => {
            let table = if system == System::Succession { Instance::Succession } else { Instance::Role };
            let Some(owner) = store::owner_of(tx, table, code).await? else { return Ok(None) };
            let Some(owner) = organisations::find(tx, &owner).await? else { return Ok(None) };
            if table == Instance::Role {
                Concept::of_role(&owner.record, code)
            } else {
                Concept::of_succession(&owner.record, code)
            }
        }
        _ => None,
    })
}

/// How many members a set has, and those of one page of it; organisations by their names alone, as [`whole`] does not have them.
pub(crate) async fn members(
    register: &Register,
    tx: &mut Tx,
    set: &SetAsked,
) -> Result<(usize, Vec<Member>), Outcome> {
    if let ([one], []) = (&set.includes[..], &set.excludes[..])
        && one.system == System::Organisation
    {
        let conditions = one.conditions(set)?;
        if let Some(Named { total, some }) = in_memory(register, &conditions, set).await {
            demand_few(total)?;
            return Ok((total, some.into_iter().map(organisation).collect()));
        }
        let total = store::count(tx, &conditions).await?;
        demand_few(total)?;
        let members = organisations_of(tx, &conditions, set.offset, set.count()).await?;
        return Ok((total, members));
    }
    let mut excluded = BTreeSet::new();
    for exclude in &set.excludes {
        let gone = gathered(tx, set, exclude).await?;
        excluded.extend(gone.into_iter().map(|member| (member.system, member.concept.code)));
    }
    let (mut members, mut known) = (Vec::new(), BTreeSet::new());
    for include in &set.includes {
        for member in gathered(tx, set, include).await? {
            let key = (member.system, member.concept.code.clone());
            if !excluded.contains(&key) && known.insert(key) {
                members.push(member);
            }
        }
        demand_few(members.len())?;
    }
    let total = members.len();
    let page: Vec<Member> =
        members.into_iter().skip(to_length(set.offset)).take(to_length(set.count())).collect();
    Ok((total, page))
}

fn to_length(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn demand_few(many: usize) -> Result<(), Outcome> {
    if many <= MOST {
        return Ok(());
    }
    Err(too_costly(format!(
        "The set exceeds size limit: it has {many} members, and {MOST} are told at most."
    )))
}

/// Every member of one part of a set.
async fn gathered(tx: &mut Tx, set: &SetAsked, include: &Include) -> Result<Vec<Member>, Outcome> {
    let system = include.system;
    if system == System::Organisation {
        let conditions = include.conditions(set)?;
        demand_few(store::count(tx, &conditions).await?)?;
        return organisations_of(tx, &conditions, 0, u32::MAX).await;
    }
    let concepts = if system.is_small() {
        system.concepts()
    } else {
        // What has ids by the million is told by name alone.
        let Some(codes) = &include.codes else {
            return Err(too_costly(format!("{} has no declared filter: name its codes.", system.url())));
        };
        let mut concepts = Vec::new();
        for code in codes {
            concepts.extend(concept(tx, system, code).await?);
        }
        concepts
    };
    let concepts = include.among(set, concepts).await?;
    Ok(concepts.into_iter().map(|concept| Member { system, concept }).collect())
}

/// Organisations as members, by their names.
async fn organisations_of(
    tx: &mut Tx,
    conditions: &[Condition],
    offset: u32,
    limit: u32,
) -> Result<Vec<Member>, Outcome> {
    let limit = limit.min(u32::try_from(MOST).unwrap_or(u32::MAX));
    let names = store::names(tx, conditions, offset, limit).await?;
    Ok(names.into_iter().map(organisation).collect())
}

/// An organisation as a member, by its name.
fn organisation((code, name, status): (String, String, OrganisationStatus)) -> Member {
    Member { system: System::Organisation, concept: Concept::of_name(&code, &name, status) }
}

/// Organisations that are meant by nothing but what is in their names, from the model: the database would look at every one of them, twice.
async fn in_memory(register: &Register, conditions: &[Condition], set: &SetAsked) -> Option<Named> {
    let (key, status) = by_name(conditions)?;
    let (skip, most) = (to_length(set.offset), to_length(set.count()).min(MOST));
    let register = register.clone();
    let turn = SCANS.acquire().await.ok()?;
    // Others have their turn meanwhile.
    let found = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        register.model.named(&key, status, skip, most)
    });
    found.await.ok().flatten()
}

/// What is to be in their names, and their state if it matters, where nothing else does.
fn by_name(conditions: &[Condition]) -> Option<(String, Option<OrganisationStatus>)> {
    let (status, name) = match conditions {
        [name] => (None, name),
        [Condition::Status(any), name] if any.len() == 1 => (any.first().copied(), name),
        _ => return None,
    };
    match name {
        Condition::Name(Text::Contains, any) if any.len() == 1 => Some((name_key(&any[0]), status)),
        _ => None,
    }
}

/// These members with everything that is said of them, for which organisations are read: so many as lie in memory together.
pub(super) async fn whole(tx: &mut Tx, members: &[Member]) -> Result<Vec<Member>, Outcome> {
    let organisations = members.iter().filter(|member| member.system == System::Organisation);
    let code = |member: &Member| {
        let code = member.concept.code.parse::<OdsCode>();
        code.map_err(|_| Error::Stored { what: "directory_organisation.ods" })
    };
    let codes = organisations.map(code).collect::<Result<Vec<OdsCode>, Error>>()?;
    let found = store::many(tx, &codes).await?;
    let mut found: BTreeMap<String, Concept> =
        found.iter().map(|one| (one.record.ods.to_string(), Concept::of_organisation(&one.record))).collect();
    let mut whole = Vec::with_capacity(members.len());
    for member in members {
        let is_read = member.system == System::Organisation;
        let concept = if is_read { found.remove(&member.concept.code) } else { None };
        let concept = concept.unwrap_or_else(|| member.concept.clone());
        whole.push(Member { system: member.system, concept });
    }
    Ok(whole)
}
