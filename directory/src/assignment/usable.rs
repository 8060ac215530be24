//! The roles that somebody can use on a day, as relying parties get them.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::UserId;

use super::{AssignmentEvent, mint};
use crate::acting::in_turn;
use crate::api::PersonRole;
use crate::day::Day;
use crate::error::Error;
use crate::ids::PositionId;
use crate::rbac::{ActivityCode, Book};
use crate::register::Register;
use crate::store::roles::{Held, held};
use crate::store::{assignments, workgroups};

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
    shown(read, book, live, today).await
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

/// Each access profile once, until the latest day that any assignment gives it.
async fn shown(tx: &mut Tx, book: &Book, live: Vec<Held>, today: Day) -> Result<Vec<PersonRole>, Error> {
    let mut by_profile: BTreeMap<_, Held> = BTreeMap::new();
    for role in live {
        match by_profile.get_mut(&role.profile.id) {
            Some(before) => before.to = before.to.zip(role.to).map(|(one, other)| one.max(other)),
            None => {
                by_profile.insert(role.profile.id.clone(), role);
            }
        }
    }
    let ids: Vec<_> = by_profile.keys().cloned().collect();
    let by_position = workgroups::of_profiles(tx, &ids).await?;
    let role_profiles: Vec<_> = by_profile.values().filter_map(|role| role.role_profile.clone()).collect();
    let direct = workgroups::of_role_profiles(tx, &role_profiles, today).await?;
    let texts = |codes: &[ActivityCode]| codes.iter().map(ToString::to_string).collect();
    let mut roles = Vec::with_capacity(by_profile.len());
    for role in by_profile.into_values() {
        let (Some(role_profile), Some(member)) = (role.role_profile, role.organisation_person) else {
            continue;
        };
        let mut groups: BTreeSet<String> = BTreeSet::new();
        groups.extend(by_position.iter().filter(|row| row.0 == role.profile.id).map(|row| row.1.to_string()));
        groups.extend(direct.iter().filter(|row| row.0 == role_profile).map(|row| row.1.to_string()));
        roles.push(PersonRole {
            person_orgid: member.to_string(),
            person_roleid: role_profile.to_string(),
            org_code: role.profile.organisation.to_string(),
            role_code: role.profile.codes.job_role.to_string(),
            added_activity_codes: texts(&role.profile.codes.activities),
            activity_codes: texts(&role.profile.codes.effective(book)),
            aow_codes: role.profile.codes.areas.iter().map(ToString::to_string).collect(),
            workgroups_codes: groups.into_iter().collect(),
            position: role.profile.position.to_string(),
            until: role.to.map(String::from),
        });
    }
    Ok(roles)
}
