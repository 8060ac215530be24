//! Who and what is in a register that was filled, as far as questions need to know it: everybody by their numbers, and some people who
//! are drawn from everywhere and looked up, with what hangs on them.

use anyhow::{Context, ensure};
use directory::seed::Chance;
use directory::seed::bulk::BLOCK;
use platform::id::UserId;

use crate::ldap::{Entry, Ldap, Search};
use crate::rig::secure::Target;
use crate::systems;

/// What is drawn follows from this number.
const SEED: u64 = 99;
/// How many people are looked up, and how many organisations.
const LOOKED_UP: usize = 5_000;
const ORGANISATIONS: usize = 500;
/// A block has a trust and this many others (`docs/seeding.md`).
const PLACES: u64 = 300;
/// The first people of a trust have other work; then two of twenty are doctors.
const DOCTORS_FROM: u64 = 60;

/// What is in the register.
pub(crate) struct Population {
    people: u64,
    /// People whose profile is open and who are somewhere, by their user ids.
    pub(crate) users: Vec<String>,
    /// Their family names, and their role profiles.
    pub(crate) families: Vec<String>,
    pub(crate) roles: Vec<String>,
    /// Names of organisations.
    pub(crate) names: Vec<String>,
}

/// One of these, of which there is one at least.
pub(crate) fn one<'a>(all: &'a [String], chance: &mut Chance) -> &'a str {
    &all[chance.place(all.len())]
}

/// The code of an organisation by its block and its place there.
pub(crate) fn code(block: u64, place: u64) -> String {
    if place == 0 { format!("Z{block:05}") } else { format!("Z{block:05}{place:03}") }
}

/// A stream of chance that is the same in each run.
pub(crate) fn chance() -> Chance {
    Chance::new(SEED)
}

impl Population {
    /// Looks up in a register of so many people whatever does not follow from their numbers.
    pub(crate) fn look_up(people: u64, ldap: &Target) -> anyhow::Result<Self> {
        let (mut chance, mut connection) = (chance(), Ldap::open(ldap)?);
        let mut found =
            Self { people, users: Vec::new(), families: Vec::new(), roles: Vec::new(), names: Vec::new() };
        for _ in 0..LOOKED_UP {
            let user = found.anybody(&mut chance)?;
            let base = format!("uid={user},ou=People,o=nhs");
            found.add(&user, &connection.entries(&Search::new(&base, "objectClass", "top"))?);
        }
        for _ in 0..ORGANISATIONS {
            let code = found.organisation(&mut chance);
            let search = Search::new("ou=Organisations,o=nhs", "uniqueIdentifier", &code);
            for entry in connection.entries(&search)? {
                // Sites have their name elsewhere.
                found.names.extend(entry.values("o").chain(entry.values("ou")).map(str::to_owned));
            }
        }
        let all = [&found.users, &found.families, &found.roles, &found.names];
        ensure!(all.iter().all(|some| !some.is_empty()), "the register has nobody to ask for");
        Ok(found)
    }

    fn add(&mut self, user: &str, entries: &[Entry]) {
        let is_open = |entry: &&Entry| entry.values("nhspersonstatus").any(|status| status == "1");
        let Some(person) = entries.iter().find(is_open) else { return };
        let is_role = |entry: &&Entry| {
            entry.values("objectclass").any(|class| class.eq_ignore_ascii_case("nhsOrgPersonRole"))
        };
        let before = self.roles.len();
        for role in entries.iter().filter(is_role) {
            self.roles.extend(role.values("uniqueidentifier").map(str::to_owned));
        }
        if self.roles.len() > before {
            self.users.push(user.to_owned());
            self.families.extend(person.values("sn").map(str::to_owned));
        }
    }

    /// Anybody, whether or not their profile is open.
    pub(crate) fn anybody(&self, chance: &mut Chance) -> anyhow::Result<String> {
        let user = UserId::from_number(chance.below(self.people) + 1);
        Ok(user.context("there are fewer user ids")?.to_string())
    }

    /// Any organisation of a whole block.
    pub(crate) fn organisation(&self, chance: &mut Chance) -> String {
        code(chance.below(self.blocks()), chance.below(PLACES))
    }

    /// The number of any doctor of a whole block with the General Medical Council.
    pub(crate) fn doctor(&self, chance: &mut Chance) -> String {
        let group = DOCTORS_FROM / 20 + chance.below((BLOCK - DOCTORS_FROM) / 20);
        let groups_before = chance.below(self.blocks()) * (BLOCK / 20);
        format!("{:07}", (groups_before + group) * 2 + chance.below(2))
    }

    /// Any system of those that were brought in, by its number.
    #[expect(clippy::unused_self, reason = "asked of a register, as its people are")]
    pub(crate) fn system(&self, chance: &mut Chance) -> u64 {
        chance.below(systems::COUNT)
    }

    /// The organisation of a system.
    pub(crate) fn organisation_of(&self, system: u64) -> String {
        systems::organisation(system, self.blocks())
    }

    fn blocks(&self) -> u64 {
        (self.people / BLOCK).max(1)
    }
}
