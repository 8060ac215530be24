//! The people of a block, and what they are assigned to.

use platform::id::UserId;

use super::places::{CLOSED_FROM, code};
use super::positions::{Post, Work};
use super::rows::{MADE_AT, Table, Value, id};
use super::{BLOCK, NUMBERS};
use crate::api::{Gender, Name};
use crate::ids::{OrganisationPersonId, RoleProfileId};
use crate::person::keys;
use crate::seed::chance::Chance;
use crate::seed::names;

/// How many assignments so many people have: 4,000 for 1,400.
pub(super) fn assignments(people: u64) -> u64 {
    people * 20 / 7
}

/// How many assignments the person at this place has: two or three.
fn held(place: u64) -> u64 {
    assignments(place + 1) - assignments(place)
}

/// What somebody at this place of a block does in the trust: a few people of the registration authority, then everybody else.
fn work(place: u64) -> Work {
    match (place, place % 20) {
        (0..2, _) => Work::Manager,
        (2..5, _) => Work::Advanced,
        (5..12, _) => Work::Agent,
        (12..20, _) => Work::Checker,
        (20..30, _) => Work::Administrator,
        (30..60, _) => Work::Sponsor,
        (_, 0 | 1) => Work::Doctor,
        (_, 2..9) => Work::Nurse,
        (_, 9) => Work::Pharmacist,
        (_, 10) => Work::Scientist,
        _ => Work::Clerk,
    }
}

/// The registration of somebody, by their number among everybody: a number of a body is one person's.
fn registration(work: Work, number: u64) -> Option<(&'static str, String)> {
    match work {
        // Two of twenty are doctors.
        Work::Doctor => Some(("GMC", format!("{:07}", number / 20 * 2 + number % 20))),
        Work::Nurse => {
            let letter = char::from(b'A' + u8::try_from(number / 10_000 % 26).unwrap_or(0));
            Some(("NMC", format!("{:02}{letter}{:04}X", number / 260_000 % 100, number % 10_000)))
        }
        Work::Pharmacist => Some(("GPhC", format!("2{:06}", number / 20 % 1_000_000))),
        Work::Scientist => Some(("HCPC", format!("XX{:06}", number / 20 % 1_000_000))),
        _ => None,
    }
}

/// Whether somebody's profile is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

/// The tables that people stand in.
pub(super) struct People {
    open: Table,
    closed: Table,
    names: Table,
    keys: Table,
    history: Table,
    contacts: Table,
    registrations: Table,
    assignments: Table,
    roles: Table,
    members: Table,
    retention: Table,
    numbers: u64,
}

/// The first people of a block are its registration authority, who are at their posts.
const AT_POSTS: u64 = 60;

const COLUMNS: &str = "user_id, kind, state, version, standing, assurance, origin, given, family, birth, gender, created_at, changed_at";

impl People {
    pub(super) fn new(block: u64) -> Self {
        Self {
            open: Table::new("directory_person", COLUMNS),
            closed: Table::new(
                "directory_person",
                "user_id, kind, state, version, standing, assurance, origin, given, family, birth, gender, created_at, \
                 changed_at, closed_at, close_reason",
            ),
            names: Table::new("directory_person_name", "user_id, number, given, family, reason, at"),
            keys: Table::new("directory_person_key", "key, user_id"),
            history: Table::new(
                "directory_person_history",
                "user_id, version, at, act, by_kind, by_whom, details",
            ),
            contacts: Table::new("directory_contact", "contact_id, user_id, channel, value, tries, made_at"),
            registrations: Table::new("directory_registration", "body, number, user_id, at"),
            assignments: Table::new(
                "directory_assignment",
                "assignment_id, user_id, position_id, organisation, from_day, to_day, state, via, made_by, made_at, version",
            ),
            roles: Table::new("directory_role_profile", "user_id, access_profile_id, role_profile_id"),
            members: Table::new(
                "directory_organisation_person",
                "user_id, organisation, organisation_person_id",
            ),
            retention: Table::new("directory_retention", "user_id, what, closed_at"),
            numbers: block * NUMBERS,
        }
    }

    /// Adds somebody, with what they hold.
    pub(super) fn add(&mut self, chance: &mut Chance, block: u64, place: u64, posts: &[Post]) {
        // What has no number is beyond what can be ordered.
        let Some(user) = UserId::from_number(block * BLOCK + place + 1) else { return };
        let user = String::from(user);
        let name = Name {
            title: None,
            given: names::given(chance).to_owned(),
            middle: None,
            family: names::family(chance),
            on_card: None,
        };
        let state = if place >= AT_POSTS && chance.below(33) == 0 { State::Closed } else { State::Open };
        self.profile(chance, &user, &name, state);
        let work = work(place);
        self.around(chance, block * BLOCK + place, &user, &name, work);
        let mut taken: Vec<usize> = Vec::new();
        for count in 0..held(place) {
            let Some(at) = post(place, count, work, posts, &taken) else { continue };
            let first_there = taken.iter().all(|other| posts[*other].place != posts[at].place);
            taken.push(at);
            let organisation = code(block, posts[at].place);
            let lasts = count == 0 && place < AT_POSTS;
            let member = self.assign(chance, &user, &posts[at], &organisation, (state, lasts));
            if let Some(member) = member.filter(|_| first_there) {
                self.members.add([(&user).into(), organisation.into(), String::from(member).into()]);
            }
        }
    }

    fn profile(&mut self, chance: &mut Chance, user: &String, name: &Name, state: State) {
        let (standing, assurance, origin) = if chance.below(10) == 0 {
            ("unverified", "none", "imported")
        } else {
            ("verified", "high", "registered")
        };
        let word = if state == State::Open { "open" } else { "closed" };
        let common: [Value; 13] = [
            user.into(),
            "person".into(),
            word.into(),
            1.into(),
            standing.into(),
            assurance.into(),
            origin.into(),
            (&name.given).into(),
            (&name.family).into(),
            names::birth(chance).into(),
            Gender::ALL[chance.place(Gender::ALL.len())].word().into(),
            MADE_AT.into(),
            MADE_AT.into(),
        ];
        match state {
            State::Open => self.open.add(common),
            State::Closed => {
                let closing = [Value::Number(MADE_AT), Value::Word("left")];
                self.closed.rows.push(common.into_iter().chain(closing).collect());
                self.retention.add([user.into(), "contacts".into(), MADE_AT.into()]);
            }
        }
        self.names.add([
            user.into(),
            1.into(),
            (&name.given).into(),
            (&name.family).into(),
            origin.into(),
            MADE_AT.into(),
        ]);
    }

    /// How somebody is found and reached.
    fn around(&mut self, chance: &mut Chance, number: u64, user: &String, name: &Name, work: Work) {
        for key in keys(name) {
            self.keys.add([key.into(), user.into()]);
        }
        self.history.add([
            user.into(),
            1.into(),
            MADE_AT.into(),
            "person-created".into(),
            "module".into(),
            "seed".into(),
            "{}".into(),
        ]);
        let address = format!("{}.{}.{number}@nowhere.example", name.given, name.family).to_ascii_lowercase();
        let contact = id(chance, number);
        self.contacts.add([
            contact.into(),
            user.into(),
            "email".into(),
            address.into(),
            0.into(),
            MADE_AT.into(),
        ]);
        if let Some((body, registered)) = registration(work, number) {
            self.registrations.add([body.into(), registered.into(), user.into(), MADE_AT.into()]);
        }
    }

    /// Puts somebody into a position; gives the id that they have in its organisation if they are new there.
    fn assign(
        &mut self,
        chance: &mut Chance,
        user: &String,
        post: &Post,
        organisation: &String,
        (state, lasts): (State, bool),
    ) -> Option<OrganisationPersonId> {
        self.numbers += 1;
        let role = RoleProfileId::from_number(self.numbers)?;
        let from =
            format!("{}-{:02}-{:02}", 2013 + chance.below(12), 1 + chance.below(12), 1 + chance.below(28));
        let (to, word) = match (state, chance.below(20)) {
            (State::Open, _) if lasts => (Value::Nothing, "live"),
            (State::Closed, _) | (_, 0) => (Value::Text("2025-06-30".to_owned()), "ended"),
            (_, 1 | 2) => (Value::Text(format!("2032-{:02}-28", 1 + chance.below(12))), "live"),
            _ => (Value::Nothing, "live"),
        };
        let assignment = id(chance, self.numbers);
        self.assignments.add([
            assignment.into(),
            user.into(),
            (&post.position).into(),
            organisation.into(),
            from.into(),
            to,
            word.into(),
            "csv".into(),
            "seed".into(),
            MADE_AT.into(),
            1.into(),
        ]);
        self.roles.add([user.into(), (&post.access_profile).into(), String::from(role).into()]);
        OrganisationPersonId::from_number(self.numbers)
    }

    pub(super) fn tables(self) -> [Table; 11] {
        [
            self.open,
            self.closed,
            self.names,
            self.keys,
            self.history,
            self.contacts,
            self.registrations,
            self.assignments,
            self.roles,
            self.members,
            self.retention,
        ]
    }
}

/// Where somebody is put at first, second and third: into the trust, then into two other organisations, once as the one who
/// manages the staff if they are one in ten.
fn post(place: u64, count: u64, work: Work, posts: &[Post], taken: &[usize]) -> Option<usize> {
    if count == 0 {
        return posts.iter().position(|post| post.place == 0 && post.work == work);
    }
    let organisations = posts.last().map_or(0, |post| post.place).min(CLOSED_FROM - 1);
    if organisations == 0 {
        // A trust alone: whatever it has besides.
        let others =
            posts.iter().enumerate().filter(|(at, post)| !taken.contains(at) && post.work >= Work::Doctor);
        return others.map(|(at, _)| at).nth(usize::try_from(place).unwrap_or(0) % 3);
    }
    let at = 1 + (place + count * 97) % organisations;
    let wanted = if count == 1 && place.is_multiple_of(10) { Work::Sponsor } else { Work::Staff };
    let found = posts.iter().position(|post| post.place == at && post.work == wanted);
    found.filter(|found| !taken.contains(found)).or_else(|| {
        posts.iter().enumerate().position(|(found, post)| post.place == at && !taken.contains(&found))
    })
}
