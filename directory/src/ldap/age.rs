//! Whether an entry came to be after a point of the feed: of such a one who follows is told that it was added, of any other that it has
//! changed.
//!
//! What is known is when a thing was made, never what a client was sent. Memberships and roles come and go under ids for life, so of
//! them it is asked whether anything gave them at the point.

use std::collections::HashSet;

use platform::db::Tx;

use super::delta::Point;
use super::dn::Dn;
use super::tree::{Branch, Unit};
use crate::error::Error;
use crate::ids::made_at;
use crate::store::{former, touched};

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

/// How old the entries of a unit are for who knows the register up to a point.
pub(super) async fn ages(tx: &mut Tx, branch: Branch, unit: &Unit, from: &Point) -> Result<Ages, Error> {
    let made = match branch {
        Branch::Organisations => former::organisation_made_at(&mut *tx, &unit.id).await?,
        _ => unit.made,
    };
    let is_new = made.is_some_and(|made| made > from.told_at);
    let mut ages = Ages {
        unit: if is_new { Age::New } else { Age::Known },
        members: HashSet::new(),
        roles: HashSet::new(),
    };
    if branch == Branch::People && unit.entries.len() > 1 {
        for given in touched::given_at(tx, &unit.id, from.told_at, from.day).await? {
            // What a position gives may be younger than what gives the position.
            if made_at(&given.access_profile).is_none_or(|made| made <= from.told_at) {
                ages.members.insert(given.member);
                ages.roles.insert(given.role);
            }
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
        let is_known = dn.0.first().is_some_and(|own| known.contains(&own.value));
        if is_known { Age::Known } else { Age::New }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
