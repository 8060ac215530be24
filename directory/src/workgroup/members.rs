//! Role profiles in workgroups, from a day to a day.

use platform::db::Tx;
use platform::id::UserId;

use super::{Member, Workgroup, WorkgroupEvent};
use crate::acting::{self, Doing};
use crate::api::ChangeKind;
use crate::authority::{Act, Target};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{MemberId, RoleProfileId, WorkgroupId};
use crate::store::roles::{self, held};
use crate::store::workgroups;
use crate::version::{Expected, Version};

/// Which role profile is to be put into a workgroup, from when to when.
#[derive(Debug, Clone)]
pub(crate) struct NewMember {
    pub(crate) role_profile: RoleProfileId,
    /// Today if none is given.
    pub(crate) from: Option<Day>,
    pub(crate) to: Option<Day>,
}

/// Puts a role profile into a workgroup.
pub(crate) async fn add(
    tx: &mut Tx,
    doing: &Doing,
    id: &WorkgroupId,
    new: NewMember,
) -> Result<Member, Error> {
    let workgroup = workgroups::find(tx, id).await?.ok_or_else(|| Error::unknown("workgroup", id))?;
    // Before anything is said of a role profile.
    doing.demand(Act::ManageWorkgroups, &acting::in_organisation_in(tx, &workgroup.organisation).await?)?;
    let unknown = || Error::unknown("role profile", &new.role_profile);
    let (user, profile) = roles::holder(tx, &new.role_profile).await?.ok_or_else(unknown)?;
    let today = doing.today();
    let held = held(tx, &user, today).await?;
    let role = held.iter().find(|role| role.profile.id == profile).ok_or_else(|| {
        let sentence = "Nobody holds this role profile now or from a later day.";
        Error::conflict("role-profile-ended", sentence)
    })?;
    // Where the role is, and where the workgroup is.
    for organisation in [&role.profile.organisation, &workgroup.organisation] {
        let target = acting::in_organisation_in(tx, organisation).await?;
        doing.demand(Act::ManageWorkgroups, &Target { person: Some(user.clone()), ..target })?;
    }
    let from = new.from.unwrap_or(today);
    if from < today {
        return Err(Error::field("start", format!("{from} has passed. A membership begins today or later.")));
    }
    in_order(from, new.to, today)?;
    let present = workgroups::memberships(tx, id, &new.role_profile).await?;
    free(from, new.to, present.iter())?;
    let member = Member {
        id: MemberId::new(doing.now),
        workgroup: id.clone(),
        role_profile: new.role_profile,
        user,
        from,
        to: new.to,
        version: Version::FIRST,
    };
    workgroups::insert_member(tx, &member).await?;
    let event = WorkgroupEvent::WorkgroupMemberAdded {
        workgroup: id.to_string(),
        member: member.id.to_string(),
        role_profile: member.role_profile.to_string(),
        user: member.user.to_string(),
        start: member.from.to_string(),
        end: member.to.map(String::from),
    };
    written(tx, doing, &member, &event).await?;
    Ok(member)
}

fn in_order(from: Day, to: Option<Day>, today: Day) -> Result<(), Error> {
    match to {
        Some(to) if to < from || to < today => {
            Err(Error::field("end", format!("{to} is before the first day or has passed.")))
        }
        _ => Ok(()),
    }
}

/// One role profile is in a workgroup once at a time.
fn free<'a>(from: Day, to: Option<Day>, present: impl Iterator<Item = &'a Member>) -> Result<(), Error> {
    let meets =
        |member: &&Member| member.to.is_none_or(|end| end >= from) && to.is_none_or(|to| member.from <= to);
    let mut present = present;
    match present.find(meets) {
        None => Ok(()),
        Some(member) => {
            let sentence = format!(
                "This role profile is in the workgroup from {} already ({}).",
                member.from, member.id
            );
            Err(Error::conflict("member-overlaps", sentence))
        }
    }
}

/// A membership that is there still, with which it may be done.
async fn found(
    tx: &mut Tx,
    doing: &Doing,
    workgroup: &WorkgroupId,
    id: &MemberId,
    expected: Expected,
) -> Result<(Workgroup, Member), Error> {
    let unknown = || Error::unknown("membership", id);
    let group =
        workgroups::find(tx, workgroup).await?.ok_or_else(|| Error::unknown("workgroup", workgroup))?;
    let member = workgroups::member(tx, id).await?.filter(|member| member.workgroup == *workgroup);
    let member = member.ok_or_else(unknown)?;
    let target = acting::in_organisation_in(tx, &group.organisation).await?;
    doing.demand(Act::ManageWorkgroups, &Target { person: Some(member.user.clone()), ..target })?;
    if !expected.holds(member.version) {
        return Err(Error::Changed { what: "membership", present: member.version });
    }
    Ok((group, member))
}

/// Gives a membership another end.
pub(crate) async fn redate(
    tx: &mut Tx,
    doing: &Doing,
    workgroup: &WorkgroupId,
    id: &MemberId,
    expected: Expected,
    to: Option<Day>,
) -> Result<Member, Error> {
    let (_, mut member) = found(tx, doing, workgroup, id, expected).await?;
    if member.to.is_some_and(|to| to < doing.today()) {
        return Err(Error::conflict(
            "member-ended",
            "This membership has ended. Make a new one for days to come.",
        ));
    }
    in_order(member.from, to, doing.today())?;
    let present = workgroups::memberships(tx, workgroup, &member.role_profile).await?;
    free(member.from, to, present.iter().filter(|other| other.id != *id))?;
    member.to = to;
    member.version = Version(member.version.0 + 1);
    workgroups::set_member_end(tx, &member).await?;
    let event = WorkgroupEvent::WorkgroupMemberRedated {
        workgroup: workgroup.to_string(),
        member: id.to_string(),
        user: member.user.to_string(),
        end: member.to.map(String::from),
    };
    written(tx, doing, &member, &event).await?;
    Ok(member)
}

/// Takes a role profile out of a workgroup.
pub(crate) async fn remove(
    tx: &mut Tx,
    doing: &Doing,
    workgroup: &WorkgroupId,
    id: &MemberId,
    expected: Expected,
) -> Result<(), Error> {
    let (_, member) = found(tx, doing, workgroup, id, expected).await?;
    workgroups::remove_member(tx, id, doing.now).await?;
    let event = WorkgroupEvent::WorkgroupMemberRemoved {
        workgroup: workgroup.to_string(),
        member: id.to_string(),
        user: member.user.to_string(),
    };
    written(tx, doing, &member, &event).await
}

/// Takes everything that somebody holds out of every workgroup: who comes back is put into them anew.
pub(crate) async fn remove_all_of(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<(), Error> {
    let removed = workgroups::remove_all_of(tx, user, doing.today(), doing.now).await?;
    for some in removed.chunks(100) {
        let events: Vec<WorkgroupEvent> = some
            .iter()
            .map(|(member, workgroup)| WorkgroupEvent::WorkgroupMemberRemoved {
                workgroup: workgroup.to_string(),
                member: member.to_string(),
                user: user.to_string(),
            })
            .collect();
        audit::record_many(tx, doing.now, &doing.recorded(), &events).await?;
    }
    let told: Vec<_> = removed
        .iter()
        .map(|(_, workgroup)| (ChangeKind::WorkgroupChanged, workgroup.to_string(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    Ok(())
}

async fn written(tx: &mut Tx, doing: &Doing, member: &Member, event: &WorkgroupEvent) -> Result<(), Error> {
    audit::record(tx, doing.now, &doing.recorded(), event).await?;
    let (subject, person) = (member.workgroup.as_str(), Some(member.user.as_str()));
    changes::tell(tx, doing.now, ChangeKind::WorkgroupChanged, subject, person).await?;
    Ok(())
}
