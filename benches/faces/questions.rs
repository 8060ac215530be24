//! What is asked for over LDAP, drawn at random from everything that there is.

use std::time::Duration;

use anyhow::ensure;
use directory::seed::Chance;

use crate::drive::{Driven, drive};
use crate::ldap::{Ldap, Search};
use crate::population::{Population, chance, one};
use crate::rig::secure::Target;

/// How many questions are made ready.
const READY: usize = 50_000;

/// By what is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    User,
    RoleProfile,
    Registration,
    Organisation,
}

impl By {
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::RoleProfile, Self::Registration, Self::Organisation];

    /// How it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "uid",
            Self::RoleProfile => "uniqueIdentifier of a role profile",
            Self::Registration => "nhsGMC",
            Self::Organisation => "uniqueIdentifier of an organisation",
        }
    }

    /// Questions, ready to be sent.
    pub(crate) fn searches(self, population: &Population) -> anyhow::Result<Vec<Search>> {
        let mut chance = chance();
        (0..READY).map(|_| self.search(population, &mut chance)).collect()
    }

    fn search(self, population: &Population, chance: &mut Chance) -> anyhow::Result<Search> {
        const PEOPLE: &str = "ou=People,o=nhs";
        Ok(match self {
            Self::User => Search::new(PEOPLE, "uid", &population.anybody(chance)?),
            Self::RoleProfile => Search::new(PEOPLE, "uniqueIdentifier", one(&population.roles, chance)),
            Self::Registration => Search::new(PEOPLE, "nhsGMC", &population.doctor(chance)),
            Self::Organisation => {
                let code = population.organisation(chance);
                Search::new("ou=Organisations,o=nhs", "uniqueIdentifier", &code)
            }
        })
    }
}

/// Asks these over so many connections for a while; each has to find something.
pub(crate) fn asked(
    ldap: &Target,
    searches: &[Search],
    at_once: usize,
    time: Duration,
) -> anyhow::Result<Driven> {
    drive(ldap, at_once, time, Ldap::open, |connection, turn| {
        let found = connection.count(&searches[turn % searches.len()])?;
        ensure!(found > 0, "nothing was found");
        Ok(())
    })
}
