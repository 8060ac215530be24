//! Making one record of two that are one person.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::duplicate::{POSSIBLE, score};
use super::events::Event;
use super::evidence::{self, Proof};
use super::note::{also, note};
use super::profile::{Profile, open};
use crate::acting::Doing;
use crate::api::{ChangeKind, IdentityLevel, MergePeople, Standing};
use crate::assignment::{clear_overlaps, mint, mint_holders};
use crate::authority::Act;
use crate::changes;
use crate::error::Error;
use crate::request;
use crate::store::{
    assignments_end, leavings, people, people_contacts, people_duplicates, people_evidence, people_links,
    people_names, people_photos, requests, roles, workgroups,
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
    demand_alike(tx, user, duplicate).await?;
    let assignments = move_everything(tx, doing.now, duplicate, user).await?;
    let told: Vec<_> = assignments
        .iter()
        .map(|id| (ChangeKind::AssignmentChanged, id.clone(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    clear_overlaps(tx, doing, user).await?;
    let why = format!("The profile was a second record of {user}. Ask for that one.");
    request::end_all_of(tx, doing, duplicate, &why).await?;
    // What was asked about them is erased with what is the survivor's.
    requests::hand_over(tx, duplicate, user).await?;
    survivor.assurance = assurance(tx, &survivor, &other).await?;
    // A merged record is nobody's identity.
    other.standing = Standing::Unverified;
    let moved = u64::try_from(assignments.len()).unwrap_or(u64::MAX);
    let (user_id, merged) = (user.to_string(), duplicate.to_string());
    let event = Event::PeopleMerged { user_id, merged, assignments: moved };
    note(tx, doing, other, ChangeKind::PersonMerged, &event).await?;
    also(tx, doing, survivor, ChangeKind::PersonChanged, &event).await
}

/// Two records are made one where they may be of one person: by a number, a document or a registration that both have, or by name
/// and birth.
async fn demand_alike(tx: &mut Tx, one: &UserId, other: &UserId) -> Result<(), Error> {
    let traits =
        (people_duplicates::traits_of(tx, one).await?, people_duplicates::traits_of(tx, other).await?);
    let (Some((_, one)), Some((_, other))) = traits else { return Err(Error::unknown("person", other)) };
    if score(&one, &other).points >= POSSIBLE {
        return Ok(());
    }
    let sentence = "Nothing in these two records says that they are of one person: no name with a birth, no document, no number, \
                    no registration. Correct the one that is wrong, with the document that shows it, and merge them then.";
    Err(Error::conflict("not-alike", sentence))
}

/// How sure it is who somebody is by everything that either record was shown. What was checked under one of the two records for the
/// other they checked themselves, which counts for nothing: where the rest is not enough, the records stay two until somebody
/// else has checked.
async fn assurance(tx: &mut Tx, survivor: &Profile, other: &Profile) -> Result<IdentityLevel, Error> {
    let mut ids = people::merged_into(tx, &survivor.user_id).await?;
    ids.extend([survivor.user_id.clone(), other.user_id.clone()]);
    let by_themselves =
        |proof: &Proof| proof.checker.parse::<UserId>().is_ok_and(|checker| ids.contains(&checker));
    let (own, shown): (Vec<_>, Vec<_>) =
        people_evidence::proofs(tx, &survivor.user_id).await?.into_iter().partition(by_themselves);
    let level = evidence::level(&shown);
    if own.is_empty() {
        return Ok(survivor.assurance.max(other.assurance).max(level));
    }
    if level < IdentityLevel::High {
        let sentence = "Documents of one of these records were checked under the other, and nobody checks their own. Let a \
                        colleague check the documents of this person again and note them here, and merge then.";
        return Err(Error::conflict("checked-by-themselves", sentence));
    }
    Ok(level)
}

/// Everything that one profile has becomes another's; the ids of the assignments among it come back.
async fn move_everything(tx: &mut Tx, now: Millis, from: &UserId, to: &UserId) -> Result<Vec<String>, Error> {
    people_names::hand_over(tx, from, to).await?;
    people_evidence::hand_over(tx, from, to).await?;
    people_contacts::hand_over(tx, from, to).await?;
    people_photos::hand_over(tx, from, to).await?;
    people_links::hand_over(tx, from, to, now).await?;
    people::redirect(tx, from, to).await?;
    // Whoever was to leave leaves under the id that stays.
    leavings::hand_over(tx, from, to).await?;
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
