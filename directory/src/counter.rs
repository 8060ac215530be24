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
    /// Accredited systems.
    AccreditedSystem,
}

impl Counter {
    /// Its name in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Person => "person",
            Self::OrganisationPerson => "organisation-person",
            Self::RoleProfile => "role-profile",
            Self::AccreditedSystem => "accredited-system",
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

/// New ids of people in organisations.
pub(crate) async fn new_organisation_person_ids(
    tx: &mut Tx,
    many: usize,
) -> Result<Vec<OrganisationPersonId>, Error> {
    numbers(
        tx,
        Counter::OrganisationPerson,
        many,
        OrganisationPersonId::from_number,
        "organisation membership",
    )
    .await
}

/// New role profile ids.
pub(crate) async fn new_role_profile_ids(tx: &mut Tx, many: usize) -> Result<Vec<RoleProfileId>, Error> {
    numbers(tx, Counter::RoleProfile, many, RoleProfileId::from_number, "role profile").await
}

async fn numbers<T>(
    tx: &mut Tx,
    counter: Counter,
    many: usize,
    id: impl Fn(u64) -> Option<T>,
    what: &'static str,
) -> Result<Vec<T>, Error> {
    let spent = || Error::NumbersSpent { what };
    let taken = u32::try_from(many).map_err(|_| spent())?;
    if taken == 0 {
        return Ok(Vec::new());
    }
    let first = counter.take(tx, taken).await?;
    (first..).take(many).map(|number| id(number).ok_or_else(spent)).collect()
}
