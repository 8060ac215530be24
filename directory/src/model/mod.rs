//! The read model: in memory, what the faces are asked for most, as the register has it.
//!
//! The register is the one truth, and the database is where it is. Every question can be answered from there, and is while the model
//! is being filled, while it is behind, and for whatever it does not hold. What the model answers is what the database would:
//!
//! * It is filled page by page after the server has begun to answer, and follows the change feed from the place where it began.
//! * It knows how far it has come. As soon as this process has told of a change that is not yet in it, the database answers, so
//!   whoever has written something reads it here at once. What another node wrote is here within a second.
//! * It is of a day. Roles begin and end with days, so at midnight the database answers until the model is of the new day.
//! * What is not in it may be in the database all the same: it never says that there is no such thing.
//! * Systems are found by their words, and organisations by what is in their names, only while every one of them has room. Some is kept back
//!   for systems that come.
//!
//! People and organisations are held as compact octets, people with codes in place of names (about 400 octets each); names are looked up when
//! they are shown, so that a new release of the national roles changes nothing of it. It takes no more memory than
//! `[directory.model] most_mib`; who does not fit is read from the database.

mod compact;
mod config;
mod held;
mod keep;
mod names;
mod organisation;
mod systems;
#[cfg(test)]
mod tests;
mod view;

use std::sync::{PoisonError, RwLock};

use platform::clock::Millis;
use platform::id::UserId;

pub use config::ModelConfig;
use held::Held;
pub(crate) use organisation::{AddressView, OrganisationRoleView, OrganisationView};
pub(crate) use view::{Coded, Detail, NameView, PersonView, RoleView};

use crate::api::{IdentityLevel, Name, NamedRole, OrganisationStatus, Registration};
use crate::assignment::with_names;
use crate::day::Day;
use crate::person::{Profile, State};
use crate::store::faces::Question;
use crate::store::systems::Wanted;
use crate::system::System;
use crate::version::Version;

/// What the faces show of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) user_id: UserId,
    pub(crate) life: Life,
    pub(crate) version: Version,
    pub(crate) assurance: IdentityLevel,
    pub(crate) name: Name,
    pub(crate) created_at: Millis,
    pub(crate) changed_at: Millis,
}

/// Whether a profile is in use. What became part of another is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    Over,
}

impl From<Profile> for Shown {
    fn from(profile: Profile) -> Self {
        let life = if matches!(profile.state, State::Open) { Life::Open } else { Life::Over };
        let Profile { user_id, version, assurance, name, created_at, changed_at, .. } = profile;
        Self { user_id, life, version, assurance, name, created_at, changed_at }
    }
}

/// A role that somebody can use today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) named: NamedRole,
    /// The first day of what gives it.
    pub(crate) from: Option<Day>,
}

/// Somebody as the faces show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) shown: Shown,
    pub(crate) registrations: Vec<Registration>,
    /// What they can use today, in the order of access profiles; nothing where they have left.
    pub(crate) roles: Vec<Role>,
}

/// An organisation as the faces show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Organisation<'a> {
    pub(crate) view: OrganisationView<'a>,
    pub(crate) version: Version,
    /// When it was written last, where that is known.
    pub(crate) written_at: Option<Millis>,
}

/// Organisations that were found by their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// How many there are.
    pub(crate) total: usize,
    /// Codes, names and states of some of them, in the order of their codes.
    pub(crate) some: Vec<(String, String, OrganisationStatus)>,
}

/// What is in memory. The lock is held to look up or to put in, never while anything is waited for.
#[derive(Debug, Default)]
pub(crate) struct Model(RwLock<Held>);

impl Model {
    fn held<T>(&self, look: impl FnOnce(&Held) -> Option<T>) -> Option<T> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        look(&held)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut held)
    }

    /// Somebody as they are today, as far as they are looked at. `None`: ask the database.
    pub(crate) fn person(&self, id: &str, today: Day, detail: Detail) -> Option<Person> {
        self.held(|held| {
            let octets = held.as_of(today)?.person(id)?;
            let compact::Read { mut person, roles } = compact::read(id.parse().ok()?, octets, detail)?;
            let names = held.names(&roles)?;
            person.roles = roles
                .into_iter()
                .map(|(mut role, from)| {
                    if detail == Detail::Everything {
                        role.activity_codes = compact::activities(&role, held.book())?;
                    }
                    Some(Role { named: with_names(held.book(), &names, role), from })
                })
                .collect::<Option<_>>()?;
            Some(person)
        })
    }

    /// Looks at somebody as they are today, where they are held: nothing is put in meanwhile. `None`: ask the database.
    pub(crate) fn look_at<T>(
        &self,
        id: &str,
        today: Day,
        detail: Detail,
        look: impl FnOnce(&PersonView<'_>) -> T,
    ) -> Option<T> {
        self.held(|held| held.as_of(today)?.view(id, detail).map(|view| look(&view)))
    }

    /// Looks at an organisation, by its code as it is written, where it is held. `None`: ask the database.
    pub(crate) fn look_at_organisation<T>(
        &self,
        code: &str,
        look: impl FnOnce(&Organisation<'_>) -> T,
    ) -> Option<T> {
        self.held(|held| held.current()?.organisation(code).map(|found| look(&found)))
    }

    /// Organisations in whose names a key is, as they are searched: how many, and at most so many of them after as many as are skipped. It takes
    /// some milliseconds where there are many organisations. `None`: ask the database.
    pub(crate) fn named(
        &self,
        key: &str,
        status: Option<OrganisationStatus>,
        skip: usize,
        most: usize,
    ) -> Option<Named> {
        self.held(|held| held.current()?.named(key, status, skip, most))
    }

    /// A system that is not withdrawn, by its identifier as it is folded. `None`: ask the database.
    pub(crate) fn system(&self, folded: &str) -> Option<System> {
        self.held(|held| held.current()?.systems().one(folded))?.read()
    }

    /// The systems under every one of these words, in the order of their folded identifiers, at most so many. `None`: ask the database.
    pub(crate) fn systems(&self, wanted: &Wanted, limit: u32) -> Option<Vec<System>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = self.held(|held| held.current()?.systems().found(wanted, limit))?;
        // They may be large, and are read without the lock.
        found.iter().map(|one| one.read()).collect()
    }

    /// The people of whom of every list of questions one holds, where each has one answer at most. `None`: ask the database.
    pub(crate) fn people(&self, questions: &[Vec<Question>]) -> Option<Vec<UserId>> {
        self.held(|held| {
            let held = held.current()?;
            let mut found: Option<Vec<u64>> = None;
            for any in questions {
                let [question] = any.as_slice() else { return None };
                let one = held.found(question)?;
                let both = match found {
                    None => one,
                    Some(before) => before.into_iter().filter(|user| one.contains(user)).collect(),
                };
                found = Some(both);
            }
            found?.into_iter().map(held::user_id).collect()
        })
    }
}
