//! Places in workgroups follow the assignments that give their role profile.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::UserId;

use super::{Member, WorkgroupEvent};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::RoleProfileId;
use crate::store::roles::held_whole;
use crate::store::workgroups;
use crate::version::Version;

/// How a place in a workgroup ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With what gives its role profile.
    On(Day),
    /// At once: nothing gives its role profile any more, or not while it was to last.
    Now,
}

/// Until when each role profile of somebody is given, now or later; none for no end.
type Given = BTreeMap<RoleProfileId, Option<Day>>;

/// Takes these people out of the workgroups in which they were by a role profile that no assignment of theirs gives now or later, and
/// ends the other places with what gives them. Role profiles are for life: whoever comes back to the same position would be in
/// them again. Called with every act that ends assignments; gives the number of the last change.
pub(crate) async fn follow(
    tx: &mut Tx,
    doing: &Doing,
    users: &BTreeSet<UserId>,
) -> Result<Option<u64>, Error> {
    let today = doing.today();
    let users: Vec<UserId> = users.iter().cloned().collect();
    let mut known: Option<(UserId, Given)> = None;
    let (mut events, mut told) = (Vec::new(), Vec::new());
    // In the order of the people, so that each is read once.
    for member in workgroups::open_of(tx, &users, today).await? {
        let given = match known.take() {
            Some((user, given)) if user == member.user => given,
            _ => given(tx, &member.user, today).await?,
        };
        let end = end(&member, &given);
        known = Some((member.user.clone(), given));
        let Some(end) = end else { continue };
        events.push(ended(tx, doing, &member, end).await?);
        let (workgroup, user) = (member.workgroup.to_string(), member.user.to_string());
        told.push((ChangeKind::WorkgroupChanged, workgroup, Some(user)));
    }
    for events in events.chunks(100) {
        audit::record_many(tx, doing.now, &doing.recorded(), events).await?;
    }
    changes::tell_many(tx, doing.now, &told).await
}

/// Until when the role profiles of somebody are given: by the assignment that lasts longest.
async fn given(tx: &mut Tx, user: &UserId, today: Day) -> Result<Given, Error> {
    let mut given = Given::new();
    for role in held_whole(tx, user, today).await? {
        let Some(id) = role.role_profile else { continue };
        let last = given.entry(id).or_insert(role.to);
        *last = last.zip(role.to).map(|(one, other)| one.max(other));
    }
    Ok(given)
}

/// How a place ends, if it does.
fn end(member: &Member, given: &Given) -> Option<End> {
    match given.get(&member.role_profile) {
        None => Some(End::Now),
        Some(Some(last)) if *last < member.from => Some(End::Now),
        Some(Some(last)) if member.to.is_none_or(|to| to > *last) => Some(End::On(*last)),
        Some(_) => None,
    }
}

/// Ends a place; gives what is recorded of it.
async fn ended(tx: &mut Tx, doing: &Doing, member: &Member, end: End) -> Result<WorkgroupEvent, Error> {
    let (workgroup, id) = (member.workgroup.to_string(), member.id.to_string());
    let user = member.user.to_string();
    match end {
        End::Now => {
            workgroups::remove_member(tx, &member.id, doing.now).await?;
            Ok(WorkgroupEvent::WorkgroupMemberRemoved { workgroup, member: id, user })
        }
        End::On(last) => {
            let version = Version(member.version.0 + 1);
            let shorter = Member { to: Some(last), version, ..member.clone() };
            workgroups::set_member_end(tx, &shorter).await?;
            let end = Some(last.to_string());
            Ok(WorkgroupEvent::WorkgroupMemberRedated { workgroup, member: id, user, end })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place lasts no longer than what gives its role profile, and is gone where nothing does while it was to last.
    #[test]
    fn places_last_as_long_as_what_gives_them() {
        let day = |day: &str| day.parse::<Day>().unwrap();
        let role: RoleProfileId = "555021942107".parse().unwrap();
        let member = |to: Option<&str>| Member {
            id: "01990000-0000-7000-8000-000000000001".parse().unwrap(),
            workgroup: "01990000-0000-7000-8000-000000000002".parse().unwrap(),
            role_profile: role.clone(),
            user: "555021942107".parse().unwrap(),
            from: day("2026-11-10"),
            to: to.map(day),
            version: Version::FIRST,
        };
        let until = |last: Option<&str>| Given::from([(role.clone(), last.map(day))]);
        let cases = [
            (None, Given::new(), Some(End::Now)),
            (None, until(None), None),
            (None, until(Some("2026-11-09")), Some(End::Now)),
            (None, until(Some("2026-11-10")), Some(End::On(day("2026-11-10")))),
            (Some("2026-11-20"), until(Some("2026-11-15")), Some(End::On(day("2026-11-15")))),
            (Some("2026-11-20"), until(Some("2026-11-20")), None),
        ];
        for (to, given, expected) in cases {
            assert_eq!(end(&member(to), &given), expected, "{to:?} {given:?}");
        }
    }
}
