//! Making one record of two that are one person.

use platform::db::Tx;
use platform::id::UserId;

use super::events::Event;
use super::evidence;
use super::note::{also, note};
use super::profile::{Profile, open};
use crate::acting::Doing;
use crate::api::{ChangeKind, MergePeople, Standing};
use crate::assignment::{clear_overlaps, mint, mint_holders};
use crate::authority::Act;
use crate::changes;
use crate::error::Error;
use crate::request;
use crate::store::{
    assignments_end, people, people_contacts, people_evidence, people_links, people_names, people_photos,
    roles, workgroups,
};
use crate::version::{Expected, Version};

/// Makes `asked.duplicate` part of `user`: registrations, evidence, addresses, names, photograph and assignments move,
/// and the other id stays as a sign to this one.
pub(crate) async fn merge(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    asked: &MergePeople,
) -> Result<Profile, Error> {
    let duplicate = &asked.duplicate;
    if user == duplicate {
        return Err(Error::field("duplicate", "This is the profile itself. Name the other one."));
    }
    let mut survivor = open(tx, user, expected).await?;
    let mut other = open(tx, duplicate, Expected::This(Version(asked.duplicate_version))).await?;
    for profile in [&survivor, &other] {
        doing.demand_on(tx, Act::MergePeople, profile).await?;
        profile.demand_person()?;
    }
    survivor.state.demand_open()?;
    survivor.demand_verified()?;
    other.state = other.state.merge_into(user)?;
    match (&survivor.national_insurance, &other.national_insurance) {
        (Some(one), Some(two)) if one.hash != two.hash => {
            return Err(Error::conflict(
                "numbers-differ",
                "The two profiles have different national insurance numbers, and nobody has two. Correct the wrong one first.",
            ));
        }
        (None, Some(_)) => survivor.national_insurance = other.national_insurance.take(),
        _ => other.national_insurance = None,
    }
    let assignments = move_everything(tx, duplicate, user).await?;
    let told: Vec<_> = assignments
        .iter()
        .map(|id| (ChangeKind::AssignmentChanged, id.clone(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    clear_overlaps(tx, doing, user).await?;
    let why = format!("The profile was a second record of {user}. Ask for that one.");
    request::end_all_of(tx, doing, duplicate, &why).await?;
    let shown = people_evidence::of(&mut *tx, user).await?;
    let shown: Vec<_> = shown.iter().map(|it| (it.document, it.method)).collect();
    survivor.assurance = survivor.assurance.max(other.assurance).max(evidence::level(&shown));
    // A merged record is nobody's identity.
    other.standing = Standing::Unverified;
    let moved = u64::try_from(assignments.len()).unwrap_or(u64::MAX);
    let (user_id, merged) = (user.to_string(), duplicate.to_string());
    let event = Event::PeopleMerged { user_id, merged, assignments: moved };
    note(tx, doing, other, ChangeKind::PersonMerged, &event).await?;
    also(tx, doing, survivor, ChangeKind::PersonChanged, &event).await
}

/// Everything that one profile has becomes another's; the ids of the assignments among it come back.
async fn move_everything(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<Vec<String>, Error> {
    people_names::hand_over(tx, from, to).await?;
    people_evidence::hand_over(tx, from, to).await?;
    people_contacts::hand_over(tx, from, to).await?;
    people_photos::hand_over(tx, from, to).await?;
    people_links::hand_over(tx, from, to).await?;
    people::redirect(tx, from, to).await?;
    let assignments = assignments_end::move_all(tx, from, to).await?;
    // The survivor has ids of their own for what moved, and for what the other id was ever given; those of the other id stay
    // its own, and can be read.
    let pairs: Vec<_> = assignments.iter().map(|(_, position)| (to.clone(), position.clone())).collect();
    mint(tx, &pairs).await?;
    let given = roles::access_profiles_of(tx, from).await?;
    mint_holders(tx, given.into_iter().map(|profile| (to.clone(), profile)).collect()).await?;
    workgroups::hand_over(tx, from, to).await?;
    Ok(assignments.iter().map(|(id, _)| id.to_string()).collect())
}
