//! What the model holds, and how far it has come.

use std::collections::HashMap;
use std::sync::Arc;

use platform::clock::Millis;
use platform::id::{OdsCode, UserId};

use super::names::{Code, Entry, Names};
use super::organisation::{self, OrganisationView};
use super::systems::Systems;
use super::{Detail, Named, Organisation, PersonView, compact};
use crate::api::{OrganisationStatus, PersonRole};
use crate::assignment::Names as NamesOfRoles;
use crate::changes;
use crate::day::Day;
use crate::organisation::name_key;
use crate::rbac::Book;
use crate::store::faces::Question;
use crate::system::System;
use crate::version::Version;

/// What an entry of a table takes beside its octets, roughly.
pub(super) const AROUND: usize = 64;

/// What part of the memory is kept back from everything else for systems that come: where one of them has no room, none is found by its words.
const FOR_SYSTEMS: usize = 32;

/// Up to how much everything but the systems fills it.
fn beside_systems(most: usize) -> usize {
    most - most / FOR_SYSTEMS
}

/// Up to where the model has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Come {
    /// It is being filled.
    Nowhere,
    /// Everything up to this change is in it, as it is on this day.
    To { number: u64, day: Day },
}

/// An organisation as it is held.
#[derive(Debug)]
struct HeldOrganisation {
    octets: Box<[u8]>,
    version: Version,
    written_at: Option<Millis>,
}

/// What is held.
#[derive(Debug)]
pub(super) struct Held {
    come: Come,
    book: Arc<Book>,
    people: HashMap<u64, Box<[u8]>>,
    /// Who has these ids in organisations, and whose roles these are: two kinds of numbers, of which one is often the other.
    by_member: HashMap<u64, u64>,
    by_role: HashMap<u64, u64>,
    /// Who has these numbers of professional bodies.
    by_number: HashMap<String, Vec<u64>>,
    organisations: HashMap<Code, HeldOrganisation>,
    names: Names,
    /// Whether every organisation found room.
    has_every_organisation: bool,
    workgroups: HashMap<String, String>,
    systems: Systems,
    /// What everything but the systems and the names of organisations takes.
    octets: usize,
    /// Whether everybody found room.
    has_everybody: bool,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            come: Come::Nowhere,
            book: Arc::default(),
            people: HashMap::new(),
            by_member: HashMap::new(),
            by_role: HashMap::new(),
            by_number: HashMap::new(),
            organisations: HashMap::new(),
            names: Names::default(),
            has_every_organisation: true,
            workgroups: HashMap::new(),
            systems: Systems::default(),
            octets: 0,
            has_everybody: true,
        }
    }
}

/// A user id as a key.
fn key(id: &str) -> Option<u64> {
    let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_id { id.parse().ok() } else { None }
}

/// A code of an organisation as a key; nothing of what is none.
fn code_key(code: &str) -> Option<Code> {
    let octets = code.as_bytes();
    let mut key = [0; 12];
    key.get_mut(..octets.len())?.copy_from_slice(octets);
    (!octets.contains(&0)).then_some(key)
}

/// The user id of a key.
pub(super) fn user_id(key: u64) -> Option<UserId> {
    format!("{key:012}").parse().ok()
}

impl Held {
    /// This, if it answers now.
    pub(super) fn current(&self) -> Option<&Self> {
        match self.come {
            Come::To { number, .. } if changes::told() <= number => Some(self),
            _ => None,
        }
    }

    /// This, if it answers now for what depends on the day.
    pub(super) fn as_of(&self, today: Day) -> Option<&Self> {
        match self.come {
            Come::To { day, .. } if day == today => self.current(),
            _ => None,
        }
    }

    /// Somebody's octets.
    pub(super) fn person(&self, id: &str) -> Option<&[u8]> {
        self.people.get(&key(id)?).map(AsRef::as_ref)
    }

    /// The release in force.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// An organisation.
    pub(super) fn organisation(&self, code: &str) -> Option<Organisation<'_>> {
        let held = self.organisations.get(&code_key(code)?)?;
        let view = OrganisationView::read(&held.octets)?;
        Some(Organisation { view, version: held.version, written_at: held.written_at })
    }

    /// The names of everything in some roles; nothing where one is not here.
    pub(super) fn names(&self, roles: &[(PersonRole, Option<Day>)]) -> Option<NamesOfRoles> {
        let mut names = NamesOfRoles::default();
        for (role, _) in roles {
            if !names.organisations.contains_key(&role.org_code) {
                let name = self.organisation_name(&role.org_code)?.to_owned();
                names.organisations.insert(role.org_code.clone(), name);
            }
            for code in &role.workgroups_codes {
                if !names.workgroups.contains_key(code) {
                    names.workgroups.insert(code.clone(), self.workgroups.get(code)?.clone());
                }
            }
        }
        Some(names)
    }

    /// Somebody with the names of everything in their roles that is looked at; nothing where something is not here.
    pub(super) fn view<'a>(&'a self, id: &'a str, detail: Detail) -> Option<PersonView<'a>> {
        compact::view(id, self.person(id)?, detail, self)
    }

    /// The name of an organisation.
    pub(super) fn organisation_name(&self, code: &str) -> Option<&str> {
        organisation::name(&self.organisations.get(&code_key(code)?)?.octets)
    }

    /// How many organisations there are in whose names a key is, and some of them in the order of their codes: so many, after as many as are
    /// skipped. Nothing where not every organisation is here.
    pub(super) fn named(
        &self,
        key: &str,
        status: Option<OrganisationStatus>,
        skip: usize,
        most: usize,
    ) -> Option<Named> {
        if !self.has_every_organisation {
            return None;
        }
        let mut named = Named::default();
        let is_meant = |one: &&Entry| status.is_none_or(|status| one.status == status);
        for entry in self.names.containing(key).filter(is_meant) {
            if named.total >= skip && named.some.len() < most {
                let view = OrganisationView::read(&self.organisations.get(&entry.code)?.octets)?;
                named.some.push((view.code.to_owned(), view.name.to_owned(), view.status));
            }
            named.total += 1;
        }
        Some(named)
    }

    /// The name of a workgroup.
    pub(super) fn workgroup_name(&self, id: &str) -> Option<&str> {
        self.workgroups.get(id).map(String::as_str)
    }

    /// Who is meant by a question that has few answers, if that is known here.
    pub(super) fn found(&self, question: &Question) -> Option<Vec<u64>> {
        match question {
            Question::User(id) => key(id).filter(|id| self.people.contains_key(id)).map(|id| vec![id]),
            Question::Profile(id) => {
                let id = key(id)?;
                let mut users: Vec<u64> =
                    [self.by_member.get(&id), self.by_role.get(&id)].into_iter().flatten().copied().collect();
                users.sort_unstable();
                users.dedup();
                // A role that has ended is not here, and may have this id too.
                (users.len() == 2 || self.by_role.contains_key(&id)).then_some(users)
            }
            // Of a number it has to be known that nobody else has it.
            Question::Registration(body, number) if self.has_everybody => {
                self.by_number.get(&compact::number_key(body, number)).cloned()
            }
            _ => None,
        }
    }

    /// Begins anew with a release; what was held is given back, so that it is let go of without the lock.
    pub(super) fn clear(&mut self, book: Arc<Book>) -> Self {
        std::mem::replace(self, Self { book, ..Self::default() })
    }

    /// Somebody cannot be held.
    pub(super) fn lose_person(&mut self, user: &UserId) {
        if let Some(user) = key(user.as_str()) {
            self.take_out(user);
        }
        self.has_everybody = false;
    }

    /// Puts a release in force.
    pub(super) fn put_book(&mut self, book: Arc<Book>) {
        self.book = book;
    }

    /// Everything up to here is in it.
    pub(super) fn come(&mut self, come: Come) {
        self.come = come;
    }

    /// Puts somebody in, or takes them out; those for whom there is no room stay out.
    pub(super) fn put_person(&mut self, user: &UserId, octets: Option<Box<[u8]>>, most: usize) {
        let Some(user) = key(user.as_str()) else {
            self.has_everybody &= octets.is_none();
            return;
        };
        self.take_out(user);
        let Some(octets) = octets else { return };
        let (ids, numbers) = compact::keys(&octets);
        let size = octets.len() + AROUND * (1 + 2 * (ids.len() + numbers.len()));
        if self.taken() + size > beside_systems(most) {
            self.has_everybody = false;
            return;
        }
        self.octets += size;
        for (member, role) in ids {
            self.by_member.insert(member, user);
            self.by_role.insert(role, user);
        }
        for number in numbers {
            let all = self.by_number.entry(number).or_default();
            // In the order of the ids, as the database has them.
            if let Err(place) = all.binary_search(&user) {
                all.insert(place, user);
            }
        }
        self.people.insert(user, octets);
    }

    fn take_out(&mut self, user: u64) {
        let Some(octets) = self.people.remove(&user) else { return };
        let (ids, numbers) = compact::keys(&octets);
        self.octets =
            self.octets.saturating_sub(octets.len() + AROUND * (1 + 2 * (ids.len() + numbers.len())));
        for (member, role) in ids {
            // It may be somebody else's by now.
            if self.by_member.get(&member) == Some(&user) {
                self.by_member.remove(&member);
            }
            if self.by_role.get(&role) == Some(&user) {
                self.by_role.remove(&role);
            }
        }
        for number in numbers {
            if let Some(all) = self.by_number.get_mut(&number) {
                all.retain(|one| *one != user);
                if all.is_empty() {
                    self.by_number.remove(&number);
                }
            }
        }
    }

    /// Puts an organisation in.
    pub(super) fn put_organisation(&mut self, one: &Organisation<'_>, most: usize) {
        let Organisation { view, version, written_at } = one;
        let Some(key) = code_key(view.code) else { return self.lose_organisation() };
        self.take_out_code(key);
        let Some(octets) = view.octets() else { return self.lose_organisation() };
        let (size, name) = (octets.len() + AROUND, name_key(view.name));
        // They come before people when everything is filled, so that what is kept back is there for those that change later.
        if self.taken() + size + Names::size(&name) > most {
            return self.lose_organisation();
        }
        self.octets += size;
        self.names.put(key, &name, view.status);
        let held = HeldOrganisation { octets, version: *version, written_at: *written_at };
        self.organisations.insert(key, held);
    }

    /// Takes an organisation out.
    pub(super) fn take_out_organisation(&mut self, code: &OdsCode) {
        if let Some(key) = code_key(code.as_str()) {
            self.take_out_code(key);
        }
    }

    /// An organisation cannot be held.
    fn lose_organisation(&mut self) {
        if std::mem::replace(&mut self.has_every_organisation, false) {
            tracing::warn!(
                "the read model has no room for every organisation, and the database is asked for what is in their names: raise \
                 [directory.model] most_mib, and start anew"
            );
        }
    }

    fn take_out_code(&mut self, key: Code) {
        self.names.take_out(&key);
        if let Some(held) = self.organisations.remove(&key) {
            self.octets = self.octets.saturating_sub(held.octets.len() + AROUND);
        }
    }

    /// Puts the name of a workgroup in, or takes it out.
    pub(super) fn put_workgroup(&mut self, id: &str, name: Option<String>, most: usize) {
        if let Some(before) = self.workgroups.remove(id) {
            self.octets = self.octets.saturating_sub(before.len() + AROUND);
        }
        let Some(name) = name else { return };
        let size = name.len() + AROUND;
        if self.taken() + size <= beside_systems(most) {
            self.octets += size;
            self.workgroups.insert(id.to_owned(), name);
        }
    }

    /// Systems.
    pub(super) fn systems(&self) -> &Systems {
        &self.systems
    }

    /// Puts a system in as it is now, or takes it out where it was withdrawn.
    pub(super) fn put_system(&mut self, system: &System, most: usize) {
        self.systems.put(system, most.saturating_sub(self.octets + self.names.octets()));
    }

    /// How much everything takes.
    fn taken(&self) -> usize {
        self.octets + self.names.octets() + self.systems.octets()
    }

    /// How much it takes, and of whom it is.
    pub(super) fn size(&self) -> (usize, usize, usize) {
        (self.taken(), self.people.len(), self.organisations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{IdentityLevel, MessageHandlingSystem, Name, SystemContent, SystemKind};
    use crate::assignment::DatedRole;
    use crate::model::{Life, Shown};
    use crate::store::systems::Wanted;

    fn octets(id: &UserId, member: &str, role: &str) -> Box<[u8]> {
        let name =
            Name { title: None, given: "A".to_owned(), middle: None, family: "B".to_owned(), on_card: None };
        let shown = Shown {
            user_id: id.clone(),
            life: Life::Open,
            version: Version(1),
            assurance: IdentityLevel::None,
            name,
            created_at: Millis(1),
            changed_at: Millis(1),
        };
        let role = PersonRole {
            person_orgid: member.to_owned(),
            person_roleid: role.to_owned(),
            org_code: "RXX".to_owned(),
            role_code: "S1:G2:R3".to_owned(),
            added_activity_codes: Vec::new(),
            activity_codes: Vec::new(),
            aow_codes: Vec::new(),
            workgroups_codes: Vec::new(),
            position: "p".to_owned(),
            until: None,
        };
        compact::write(&shown, &[], Some(&[DatedRole { role, from: None }])).unwrap()
    }

    /// Codes are found as they are written, and nothing else is one.
    #[test]
    fn codes_are_keys() {
        assert_eq!(code_key("RXX"), Some(*b"RXX\0\0\0\0\0\0\0\0\0"));
        assert_eq!(code_key("ABCDEFGHIJKL"), Some(*b"ABCDEFGHIJKL"));
        assert_ne!(code_key("rxx"), code_key("RXX"));
        assert_eq!((code_key("RXX\0"), code_key("ABCDEFGHIJKLM")), (None, None));
    }

    /// Where people have filled it, a system that comes has room, and systems are found by their words; nothing else takes what is kept back
    /// for them.
    #[test]
    fn systems_come_when_it_is_full() {
        let most = 256 << 10;
        let mut held = Held::default();
        for number in 1.. {
            let user = UserId::from_number(number).unwrap();
            held.put_person(&user, Some(octets(&user, "000000000001", "000000000002")), most);
            if !held.has_everybody {
                break;
            }
        }
        let full = held.size();
        assert!(full.0 <= most - most / FOR_SYSTEMS && full.0 > most / 2, "{full:?}");
        held.put_workgroup("1", Some("n".repeat(most / FOR_SYSTEMS - AROUND)), most);
        assert_eq!(held.size(), full);

        let content = SystemContent::MessageHandling(MessageHandlingSystem {
            organisation: "RXX".to_owned(),
            party_key: "RXX-0000001".to_owned(),
            interaction: "urn:a:b".to_owned(),
            ..MessageHandlingSystem::default()
        });
        held.put_system(&System::new("b1".parse().unwrap(), content, Millis(1)), most);
        assert!(held.systems().is_whole() && held.size().0 <= most);
        let keys = vec![("organisation", "rxx".to_owned())];
        let wanted = Wanted { kind: Some(SystemKind::MessageHandling), keys };
        assert_eq!(held.systems().found(&wanted, 10).unwrap().len(), 1);
    }

    /// The number of somebody's role may be that of somebody else in an organisation: both are found by it. Where only the latter is held,
    /// the database is asked, and who is taken out takes nothing of others along.
    #[test]
    fn one_number_is_of_two_people() {
        let [ann, bob] = ["555000000108", "555000000207"].map(|id| id.parse::<UserId>().unwrap());
        let mut held = Held::default();
        held.put_person(&ann, Some(octets(&ann, "000000000001", "000000000002")), usize::MAX);
        let found = |held: &Held, id: &str| held.found(&Question::Profile(id.to_owned()));
        assert_eq!(found(&held, "000000000002"), Some(vec![555_000_000_108]));
        assert_eq!(found(&held, "000000000001"), None, "a role that has ended may have it");
        held.put_person(&bob, Some(octets(&bob, "000000000002", "000000000001")), usize::MAX);
        for id in ["000000000001", "000000000002"] {
            assert_eq!(found(&held, id), Some(vec![555_000_000_108, 555_000_000_207]));
        }
        held.put_person(&bob, None, usize::MAX);
        assert_eq!(found(&held, "000000000002"), Some(vec![555_000_000_108]));
        assert_eq!(held.size().0, octets(&ann, "000000000001", "000000000002").len() + AROUND * 3);
    }
}
