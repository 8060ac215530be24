//! The roles that somebody can use on a day, as relying parties get them.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::UserId;

use super::{AssignmentEvent, mint};
use crate::acting::in_turn;
use crate::api::PersonRole;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AccessProfileId, PositionId, RoleProfileId};
use crate::rbac::{ActivityCode, Book};
use crate::register::Register;
use crate::store::roles::{Held, held};
use crate::store::{assignments, shown, workgroups};

/// How many ids go into one statement.
const AT_ONCE: usize = 400;

/// The roles of a person on a day, each with its role profile.
pub(crate) async fn roles_of(
    register: &Register,
    read: &mut Tx,
    user: &UserId,
    today: Day,
    book: &Book,
) -> Result<Vec<PersonRole>, Error> {
    let mut live = live(read, user, today).await?;
    if live.iter().any(|role| role.role_profile.is_none() || role.organisation_person.is_none()) {
        mint_now(register, user, today).await?;
        live = self::live(read, user, today).await?;
    }
    let groups = Groups::of(read, &live.iter().collect::<Vec<_>>(), today).await?;
    Ok(usable(book, live, &groups))
}

async fn live(tx: &mut Tx, user: &UserId, today: Day) -> Result<Vec<Held>, Error> {
    let mut held = held(tx, user, today).await?;
    held.retain(|role| role.is_live(today));
    Ok(held)
}

/// What a position came to give after somebody had got it has no role profile until it is asked for. They are ids for life, and recorded.
async fn mint_now(register: &Register, user: &UserId, today: Day) -> Result<(), Error> {
    let (user, shared) = (user.clone(), register.clone());
    register
        .db
        .write(move |tx| {
            Box::pin(async move {
                in_turn(tx, &shared).await?;
                let now = shared.now();
                let held = assignments::open_of_person(tx, &user, None, today).await?;
                let pairs: Vec<(UserId, PositionId)> =
                    held.into_iter().map(|one| (one.user, one.position)).collect();
                let minted = mint(tx, &pairs).await?;
                if minted.role_profiles.is_empty() && minted.organisation_people.is_empty() {
                    // Somebody else asked at the same time.
                    return Ok(());
                }
                let event = AssignmentEvent::RoleProfilesMinted {
                    user: user.to_string(),
                    role_profiles: minted.role_profiles.iter().map(ToString::to_string).collect(),
                    organisation_people: minted.organisation_people.iter().map(ToString::to_string).collect(),
                };
                audit::record(tx, now, &audit::Actor::system("directory"), &event).await?;
                Ok(())
            })
        })
        .await
}

/// A role that can be used on a day, with the day from which it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatedRole {
    pub(crate) role: PersonRole,
    pub(crate) from: Option<Day>,
}

/// The roles of several people on a day. Whoever is not among the answer is asked for by themselves: a role profile of theirs is to be
/// minted, or they hold more than anybody does.
pub(crate) async fn roles_of_each(
    tx: &mut Tx,
    users: &[UserId],
    today: Day,
    book: &Book,
) -> Result<BTreeMap<UserId, Vec<DatedRole>>, Error> {
    let mut held = shown::held(tx, users, today).await?;
    let is_minted = |role: &Held| role.role_profile.is_some() && role.organisation_person.is_some();
    for roles in held.values_mut() {
        roles.retain(|role| role.is_live(today));
    }
    held.retain(|_, roles| roles.iter().all(is_minted));
    let live: Vec<&Held> = held.values().flatten().collect();
    let groups = Groups::of(tx, &live, today).await?;
    let mut all = BTreeMap::new();
    for (user, live) in held {
        let mut first: BTreeMap<String, Day> = BTreeMap::new();
        for role in &live {
            let Some(id) = &role.role_profile else { continue };
            let from = first.entry(id.to_string()).or_insert(role.from);
            *from = role.from.min(*from);
        }
        let roles = usable(book, live, &groups).into_iter();
        let roles = roles.map(|role| DatedRole { from: first.get(&role.person_roleid).copied(), role });
        all.insert(user, roles.collect());
    }
    Ok(all)
}

/// The workgroups that roles come with.
struct Groups {
    by_position: BTreeMap<AccessProfileId, BTreeSet<String>>,
    direct: BTreeMap<RoleProfileId, BTreeSet<String>>,
}

impl Groups {
    async fn of(tx: &mut Tx, live: &[&Held], today: Day) -> Result<Self, Error> {
        let ids: BTreeSet<_> = live.iter().map(|role| role.profile.id.clone()).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let (mut by_position, mut direct) = (BTreeMap::new(), BTreeMap::new());
        for some in ids.chunks(AT_ONCE) {
            for (profile, group) in workgroups::of_profiles(tx, some).await? {
                by_position.entry(profile).or_insert_with(BTreeSet::new).insert(group.to_string());
            }
        }
        let ids: BTreeSet<_> = live.iter().filter_map(|role| role.role_profile.clone()).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        for some in ids.chunks(AT_ONCE) {
            for (role, group) in workgroups::of_role_profiles(tx, some, today).await? {
                direct.entry(role).or_insert_with(BTreeSet::new).insert(group.to_string());
            }
        }
        Ok(Self { by_position, direct })
    }
}

/// Each access profile once, until the latest day that any assignment gives it.
fn usable(book: &Book, live: Vec<Held>, groups: &Groups) -> Vec<PersonRole> {
    let mut by_profile: BTreeMap<_, Held> = BTreeMap::new();
    for role in live {
        match by_profile.get_mut(&role.profile.id) {
            Some(before) => before.to = before.to.zip(role.to).map(|(one, other)| one.max(other)),
            None => {
                by_profile.insert(role.profile.id.clone(), role);
            }
        }
    }
    let texts = |codes: &[ActivityCode]| codes.iter().map(ToString::to_string).collect();
    let mut roles = Vec::with_capacity(by_profile.len());
    for role in by_profile.into_values() {
        let (Some(role_profile), Some(member)) = (role.role_profile, role.organisation_person) else {
            continue;
        };
        let own = [groups.by_position.get(&role.profile.id), groups.direct.get(&role_profile)];
        let all: BTreeSet<String> = own.into_iter().flatten().flatten().cloned().collect();
        roles.push(PersonRole {
            person_orgid: member.to_string(),
            person_roleid: role_profile.to_string(),
            org_code: role.profile.organisation.to_string(),
            role_code: role.profile.codes.job_role.to_string(),
            added_activity_codes: texts(&role.profile.codes.activities),
            activity_codes: texts(&role.profile.codes.effective(book)),
            aow_codes: role.profile.codes.areas.iter().map(ToString::to_string).collect(),
            workgroups_codes: all.into_iter().collect(),
            position: role.profile.position.to_string(),
            until: role.to.map(String::from),
        });
    }
    roles
}
