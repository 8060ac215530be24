//! Whether an entry came to be after a point of the feed: of such a one who follows is told that it was added, of any other that it has
//! changed.
//!
//! What is known is when a thing was made, and in which order changes were told; never what a client was sent. Numbers of changes are in
//! the order of the commits and their times are not: two acts have one millisecond, and two nodes have two clocks. So the time leaves it
//! open of few whether they were there, and of those the changes up to the point say it. Memberships and roles come and go under ids for
//! life, so of them it is asked whether anything gave them at the point.

use std::collections::{BTreeMap, HashSet};

use platform::clock::Millis;
use platform::db::Tx;

use super::delta::unit_of;
use super::dn::Dn;
use super::tree::{Branch, Unit};
use crate::api::{Change, ChangeKind};
use crate::day::Day;
use crate::error::Error;
use crate::ids::made_at;
use crate::store::touched::{Given, given_at};
use crate::store::{changes, former};
use crate::touched::touched;

/// How many changes up to a point are looked at for those that are no older than what was told behind it.
const LOOKED_BACK: u64 = 2_000;
/// Where nothing was told behind the point, everything is older.
const NEVER: Millis = Millis(i64::MAX);

/// What there was at a point of the feed.
#[derive(Debug)]
pub(super) struct Before {
    day: Day,
    /// The first time at which anything was told behind the point: what was made before was there.
    since: Millis,
    /// Of what is no older, the ids of which something was told up to the point.
    units: BTreeMap<Branch, HashSet<String>>,
    begun: HashSet<String>,
    ended: HashSet<String>,
    /// Positions of which something was told behind the point.
    positions: HashSet<String>,
}

/// How old an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It was not there at the point.
    New,
    /// It was, or nobody knows.
    Known,
}

/// How old the entries of a unit are.
pub(super) struct Ages {
    unit: Age,
    /// Ids of memberships and of roles that there were at the point.
    members: HashSet<String>,
    roles: HashSet<String>,
}

impl Before {
    /// The point was of this day, and nothing was told behind it.
    pub(super) fn new(day: Day) -> Self {
        Self {
            day,
            since: NEVER,
            units: BTreeMap::new(),
            begun: HashSet::new(),
            ended: HashSet::new(),
            positions: HashSet::new(),
        }
    }

    /// Something was told behind the point.
    pub(super) fn followed_by(&mut self, change: &Change) {
        self.since = self.since.min(change.at);
    }

    /// Something was told of this position behind the point.
    pub(super) fn position_changed(&mut self, position: &str) {
        self.positions.insert(position.to_owned());
    }

    /// Reads what was told up to the point, and is no older than what was told behind it.
    pub(super) async fn look_back(&mut self, tx: &mut Tx, number: u64) -> Result<(), Error> {
        if self.since < NEVER {
            for change in changes::up_to(&mut *tx, number, LOOKED_BACK, self.since).await? {
                self.preceded_by(&change);
            }
        }
        Ok(())
    }

    fn preceded_by(&mut self, change: &Change) {
        let Some(what) = touched(change) else { return };
        for branch in Branch::REGISTER {
            if let Some(id) = unit_of(branch, &what) {
                self.units.entry(branch).or_default().insert(id);
            }
        }
        match change.kind {
            ChangeKind::AssignmentChanged => self.begun.insert(change.subject.clone()),
            ChangeKind::AssignmentEnded => self.ended.insert(change.subject.clone()),
            _ => false,
        };
    }

    /// Whether a unit that was made at a time was there.
    fn has_unit(&self, branch: Branch, id: &str, made: Millis) -> bool {
        made < self.since || self.units.get(&branch).is_some_and(|ids| ids.contains(id))
    }

    /// Whether something was given.
    fn has_given(&self, given: &Given) -> bool {
        let had_begun = given.made_at < self.since || self.begun.contains(&given.assignment);
        let had_ended = given.removed_at.is_some() && self.ended.contains(&given.assignment);
        // What a position gives may be younger than what gives the position.
        let is_as_old = !self.positions.contains(&given.position)
            || made_at(&given.access_profile).is_none_or(|made| made < self.since);
        had_begun && !had_ended && is_as_old
    }
}

/// How old the entries of a unit are for who knows the register up to a point.
pub(super) async fn ages(tx: &mut Tx, branch: Branch, unit: &Unit, before: &Before) -> Result<Ages, Error> {
    let made = match branch {
        Branch::Organisations => former::organisation_made_at(&mut *tx, &unit.id).await?,
        _ => unit.made,
    };
    let was_there = made.is_none_or(|made| before.has_unit(branch, &unit.id, made));
    let mut ages = Ages {
        unit: if was_there { Age::Known } else { Age::New },
        members: HashSet::new(),
        roles: HashSet::new(),
    };
    if branch == Branch::People && unit.entries.len() > 1 {
        let given = given_at(tx, &unit.id, before.since, before.day).await?;
        for given in given.into_iter().filter(|given| before.has_given(given)) {
            ages.members.insert(given.member);
            ages.roles.insert(given.role);
        }
    }
    Ok(ages)
}

impl Ages {
    /// How old the entry with this name is.
    pub(super) fn of(&self, dn: &Dn) -> Age {
        let known = match dn.depth_below(Branch::People.dn()) {
            Some(2) => &self.members,
            Some(3) => &self.roles,
            _ => return self.unit,
        };
        let is_known = dn.0.first().is_some_and(|own| known.contains(own.value()));
        if is_known { Age::Known } else { Age::New }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccessProfileId;

    /// Of somebody what is below them has an age of its own, by its own id.
    #[test]
    fn memberships_and_roles_have_their_own_age() {
        let ages = Ages {
            unit: Age::Known,
            members: HashSet::from(["555000000306".to_owned()]),
            roles: HashSet::from(["555000000207".to_owned()]),
        };
        let person = Branch::People.dn().below("uid", "555021942107");
        let below = |id: &str| person.below("uniqueIdentifier", id);
        assert_eq!(ages.of(&person), Age::Known);
        assert_eq!(ages.of(&below("555000000306")), Age::Known);
        assert_eq!(ages.of(&below("555000000207")), Age::New, "a role has this id");
        let role = |id: &str| below("555000000306").below("uniqueIdentifier", id);
        assert_eq!(ages.of(&role("555000000207")), Age::Known);
        assert_eq!(ages.of(&role("555000000306")), Age::New);
    }
    /// By the times alone nothing is said to be old that was told behind the point, and nothing to be new of which something was told before,
    /// whatever the clocks said.
    #[test]
    fn one_millisecond_is_told_apart() {
        let change = |number, at, kind, subject: &str, person: Option<&str>| {
            let (subject, person) = (subject.to_owned(), person.map(str::to_owned));
            Change { number, at: Millis(at), kind, subject, person }
        };
        let mut before = Before::new("2026-11-30".parse().unwrap());
        let has = |before: &Before, id: &str, made| before.has_unit(Branch::Organisations, id, Millis(made));
        assert!(has(&before, "RXX", 100), "nothing was told since");
        before.preceded_by(&change(1, 10, ChangeKind::OrganisationChanged, "RXX", None));
        before.preceded_by(&change(2, 10, ChangeKind::AssignmentChanged, "old", Some("555021942107")));
        before.preceded_by(&change(3, 10, ChangeKind::AssignmentEnded, "over", Some("555021942107")));
        // The clock of another node is behind.
        before.followed_by(&change(4, 10, ChangeKind::OrganisationChanged, "RYY", None));
        before.followed_by(&change(5, 9, ChangeKind::OrganisationChanged, "RZZ", None));
        assert!(has(&before, "RXX", 10) && has(&before, "RAA", 8));
        assert!(!has(&before, "RYY", 10) && !has(&before, "RZZ", 9));
        assert!(!before.has_unit(Branch::Services, "RXX", Millis(10)), "another thing with that id");
        assert!(before.has_unit(Branch::People, "555021942107", Millis(10)));

        let given = |assignment: &str, made, removed_at, profile: Option<i64>| Given {
            member: "555000000306".to_owned(),
            role: "555000000207".to_owned(),
            access_profile: profile
                .map_or("1".to_owned(), |made| AccessProfileId::new(Millis(made)).to_string()),
            position: "ward".to_owned(),
            assignment: assignment.to_owned(),
            made_at: Millis(made),
            removed_at,
        };
        let has = |before: &Before, given| before.has_given(&given);
        assert!(has(&before, given("old", 10, None, None)) && has(&before, given("older", 8, None, None)));
        assert!(!has(&before, given("new", 9, None, None)) && !has(&before, given("new", 10, None, None)));
        assert!(has(&before, given("old", 10, Some(Millis(10)), None)), "it ended since");
        assert!(!has(&before, given("over", 8, Some(Millis(10)), None)), "it had ended");
        assert!(has(&before, given("old", 10, None, Some(10))), "nothing of the position has changed");
        before.position_changed("ward");
        assert!(
            !has(&before, given("old", 10, None, Some(10))) && has(&before, given("old", 10, None, Some(8)))
        );
    }
}
