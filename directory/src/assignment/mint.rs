//! Ids for life: of people in organisations, and of role profiles.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use crate::counter::{new_organisation_person_ids, new_role_profile_ids};
use crate::error::Error;
use crate::ids::{AccessProfileId, OrganisationPersonId, PositionId, RoleProfileId};
use crate::store::{position_links, roles};

/// The ids that were new.
#[derive(Debug, Default)]
pub(crate) struct Minted {
    pub(crate) organisation_people: Vec<OrganisationPersonId>,
    pub(crate) role_profiles: Vec<RoleProfileId>,
}

/// Gives each person ids for everything that their position comes to, where they have none yet: who is assigned again
/// keeps the ids of before.
pub(crate) async fn mint(tx: &mut Tx, pairs: &[(UserId, PositionId)]) -> Result<Minted, Error> {
    let roots: BTreeSet<&PositionId> = pairs.iter().map(|(_, position)| position).collect();
    let roots: Vec<PositionId> = roots.into_iter().cloned().collect();
    let inclusions = position_links::inclusions_below(tx, &roots).await?;
    let mut all: BTreeSet<PositionId> = roots.iter().cloned().collect();
    all.extend(inclusions.values().flatten().cloned());
    let all: Vec<PositionId> = all.into_iter().collect();
    let profiles = position_links::access_profiles(tx, &all).await?;
    let (mut members, mut holders) = (BTreeSet::new(), BTreeSet::new());
    for root in &roots {
        let mut within = vec![root];
        let mut at = 0;
        while let Some(position) = within.get(at).copied() {
            at += 1;
            for next in inclusions.get(position).map_or(&[][..], Vec::as_slice) {
                if !within.contains(&next) {
                    within.push(next);
                }
            }
        }
        for (user, _) in pairs.iter().filter(|(_, position)| position == root) {
            for profile in profiles.iter().filter(|profile| within.contains(&&profile.position)) {
                members.insert((user.clone(), profile.organisation.clone()));
                holders.insert((user.clone(), profile.id.clone()));
            }
        }
    }
    let organisation_people = mint_members(tx, members).await?;
    Ok(Minted { organisation_people, role_profiles: mint_holders(tx, holders).await? })
}

async fn mint_members(
    tx: &mut Tx,
    mut wanted: BTreeSet<(UserId, OdsCode)>,
) -> Result<Vec<OrganisationPersonId>, Error> {
    let users = firsts(&wanted);
    let places: BTreeSet<OdsCode> = wanted.iter().map(|(_, organisation)| organisation.clone()).collect();
    let places: Vec<OdsCode> = places.into_iter().collect();
    for had in roles::organisation_people(tx, &users, &places).await? {
        wanted.remove(&had);
    }
    let ids = new_organisation_person_ids(tx, wanted.len()).await?;
    let rows: Vec<_> = wanted.into_iter().zip(ids).map(|((user, place), id)| (user, place, id)).collect();
    roles::insert_organisation_people(tx, &rows).await?;
    Ok(rows.into_iter().map(|(_, _, id)| id).collect())
}

/// Gives each person a role profile for each access profile, where they have none yet.
pub(crate) async fn mint_holders(
    tx: &mut Tx,
    mut wanted: BTreeSet<(UserId, AccessProfileId)>,
) -> Result<Vec<RoleProfileId>, Error> {
    let users = firsts(&wanted);
    let profiles: BTreeSet<AccessProfileId> = wanted.iter().map(|(_, profile)| profile.clone()).collect();
    let profiles: Vec<AccessProfileId> = profiles.into_iter().collect();
    for had in roles::role_profiles(tx, &users, &profiles).await? {
        wanted.remove(&had);
    }
    let ids = new_role_profile_ids(tx, wanted.len()).await?;
    let rows: Vec<_> = wanted.into_iter().zip(ids).map(|((user, profile), id)| (user, profile, id)).collect();
    roles::insert_role_profiles(tx, &rows).await?;
    Ok(rows.into_iter().map(|(_, _, id)| id).collect())
}

fn firsts<T: Ord>(pairs: &BTreeSet<(UserId, T)>) -> Vec<UserId> {
    let users: BTreeSet<&UserId> = pairs.iter().map(|(user, _)| user).collect();
    users.into_iter().cloned().collect()
}
