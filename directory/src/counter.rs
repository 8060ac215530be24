//! Running numbers: each is given once, in the order of the commits, on both engines.
//!
//! A number is taken in the transaction that uses it. The row is held until that commits, so a higher number is never seen
//! before a lower one: whoever reads the change feed by number misses nothing.

use platform::db::Tx;
use platform::id::UserId;

use crate::error::Error;
use crate::ids::{OrganisationPersonId, RoleProfileId};
use crate::store::counters;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Rows of the change feed.
    Change,
    /// People.
    Person,
    /// People in organisations.
    OrganisationPerson,
    /// Role profiles.
    RoleProfile,
}

impl Counter {
    /// Its name in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Person => "person",
            Self::OrganisationPerson => "organisation-person",
            Self::RoleProfile => "role-profile",
        }
    }

    /// The first of `many` numbers that are now taken.
    pub(crate) async fn take(self, tx: &mut Tx, many: u32) -> Result<u64, Error> {
        counters::take(tx, self, many).await
    }
}

/// A new person's id.
pub(crate) async fn new_user_id(tx: &mut Tx) -> Result<UserId, Error> {
    let number = Counter::Person.take(tx, 1).await?;
    UserId::from_number(number).ok_or(Error::NumbersSpent { what: "person" })
}

/// A new id of a person in an organisation.
pub(crate) async fn new_organisation_person_id(tx: &mut Tx) -> Result<OrganisationPersonId, Error> {
    let number = Counter::OrganisationPerson.take(tx, 1).await?;
    OrganisationPersonId::from_number(number).ok_or(Error::NumbersSpent { what: "organisation membership" })
}

/// A new role profile id.
pub(crate) async fn new_role_profile_id(tx: &mut Tx) -> Result<RoleProfileId, Error> {
    let number = Counter::RoleProfile.take(tx, 1).await?;
    RoleProfileId::from_number(number).ok_or(Error::NumbersSpent { what: "role profile" })
}
