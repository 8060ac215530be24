//! Who is found in the register.

use std::borrow::Cow;
use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::UserId;

use super::asked::{Kind, Named, Wanted};
use super::systems;
use crate::api::{Name, NamedRole, Registration};
use crate::assignment::dated_roles;
use crate::day::Day;
use crate::error::Error;
use crate::fhir::kit::token;
use crate::model::{Detail, Life, Model, Person, PersonView, Role, Shown};
use crate::person::{Profile, State, composed, plain};
use crate::register::Register;
use crate::store::faces::{self, Question};
use crate::store::reading::Reading;
use crate::store::{people, people_evidence};

/// How many people are read with one statement at most.
const AT_ONCE: u32 = 100;
/// How many people one parameter names at most.
const NAMED: u32 = 200;
/// How many people are looked at for one page; a page that has fewer than it might says where to go on.
const LOOKED_AT: u32 = 1_000;

/// Somebody who was found, with the roles that are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) profile: Shown,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) roles: Vec<Role>,
}

impl Found {
    /// Who they are, as they are told.
    pub(super) fn person(&self) -> PersonView<'_> {
        PersonView::of(&self.profile, &self.registrations, &[])
    }
}

/// A page of those who were found.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) found: Vec<Found>,
    /// Whether there is one who was asked for by id.
    pub(crate) is_known: bool,
    /// Whether that one has left.
    pub(crate) is_inactive: bool,
    /// Of whom something is said by not finding them: they were asked for by an id or a number.
    pub(crate) judged: Vec<String>,
    /// After whom, or after which role of whom, the next page begins.
    pub(crate) next: Option<String>,
}

/// Where a page begins: after a person, or after a role of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    user: String,
    role: String,
}

impl Place {
    /// Reads a cursor as it was given.
    fn read(cursor: &str) -> Option<Self> {
        let (user, role) = cursor.split_once('.').unwrap_or((cursor, ""));
        let is_id = |text: &str| {
            text.is_empty() || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        (is_id(user) && is_id(role)).then(|| Self { user: user.to_owned(), role: role.to_owned() })
    }
}

/// The one with this id, open or not; nothing where nobody has it.
pub(crate) async fn find_id(
    register: &Register,
    reading: &mut Reading<'_>,
    wanted: &Wanted,
    kind: Kind,
) -> Result<Page, Error> {
    let mut page = Page::default();
    // Whether somebody has the id is another question than whether the rest holds.
    let own = wanted.person.as_ref().map(|id| vec![vec![Question::User(id.clone())]]);
    let by = own.as_ref().unwrap_or(&wanted.questions);
    let known = reading.model().and_then(|model| model.people(by));
    let ids = match known.filter(|ids| !ids.is_empty()) {
        Some(ids) => ids,
        // An id of a role may be somebody else's id in an organisation.
        None => faces::people_of(reading.tx().await?, by, "", 2).await?,
    };
    for id in ids {
        let person = reading.model().and_then(|model| in_model(register, model, wanted, kind, &id));
        let found = if let Some(person) = person {
            page.is_inactive = person.shown.life != Life::Open;
            (!page.is_inactive).then(|| of_model(register, wanted, person))
        } else {
            let tx = reading.tx().await?;
            let Some(profile) = people::find(&mut *tx, &id).await? else { continue };
            page.is_inactive = !matches!(profile.state, State::Open);
            if page.is_inactive { None } else { whole(register, tx, wanted, kind, profile).await? }
        };
        let is_other =
            |found: &Found| kind == Kind::Role && !wanted.profiles.is_empty() && found.roles.is_empty();
        if found.as_ref().is_some_and(is_other) {
            continue;
        }
        page.is_known = true;
        match found {
            Some(found) if is_meant(&found, wanted) => page.found.push(found),
            _ => page.judged.push(id.to_string()),
        }
    }
    judge(reading, wanted, kind, &mut page).await?;
    Ok(page)
}

/// Whether everything holds of somebody who was found by their id.
fn is_meant(found: &Found, wanted: &Wanted) -> bool {
    let holds = |question: &Question| match question {
        Question::User(id) => found.profile.user_id.as_str() == id.as_str(),
        Question::UserBegins(beginning) => found.profile.user_id.as_str().starts_with(beginning.as_str()),
        Question::Registration(body, number) => {
            found.registrations.iter().any(|one| one.body.word() == *body && one.number == *number)
        }
        Question::Written(span) => span.has(found.profile.changed_at),
        // Names are compared whole, and roles are looked through by themselves.
        Question::Name(_) | Question::Member(_) | Question::Profile(_) => true,
    };
    wanted.questions.iter().all(|any| any.iter().any(holds))
        && wanted.names.iter().all(|named| is_named(&found.profile.name, named))
}

/// Notes of whom something is said by not showing them.
async fn judge(reading: &mut Reading<'_>, wanted: &Wanted, kind: Kind, page: &mut Page) -> Result<(), Error> {
    let named: Vec<&Vec<Question>> = wanted.questions.iter().filter(|any| names_somebody(any)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let is_shown = |found: &&Found| kind == Kind::Practitioner || !found.roles.is_empty();
    let id = |found: &Found| found.profile.user_id.to_string();
    let shown: BTreeSet<String> = page.found.iter().filter(is_shown).map(id).collect();
    let mut judged: BTreeSet<String> = page.judged.drain(..).collect();
    judged.extend(page.found.iter().map(id));
    if wanted.questions.len() > 1 || !wanted.names.is_empty() {
        for any in named {
            let all = faces::people_of(reading.tx().await?, std::slice::from_ref(any), "", NAMED).await?;
            judged.extend(all.iter().map(UserId::to_string));
        }
    }
    page.judged = judged.difference(&shown).cloned().collect();
    Ok(())
}

/// Whether these questions are asked of certain people.
fn names_somebody(any: &[Question]) -> bool {
    let names =
        |one: &Question| matches!(one, Question::User(_) | Question::Profile(_) | Question::Registration(..));
    !any.is_empty() && any.iter().all(names)
}

/// A page of those of whom everything holds; `None`: the cursor is none.
pub(crate) async fn find(
    register: &Register,
    reading: &mut Reading<'_>,
    wanted: &Wanted,
    kind: Kind,
    cursor: Option<&str>,
    most: usize,
) -> Result<Option<Page>, Error> {
    let Some(begin) = Place::read(cursor.unwrap_or_default()) else { return Ok(None) };
    let mut page = gone_through(register, reading, wanted, kind, &begin, most).await?;
    judge(reading, wanted, kind, &mut page).await?;
    Ok(Some(page))
}

async fn gone_through(
    register: &Register,
    reading: &mut Reading<'_>,
    wanted: &Wanted,
    kind: Kind,
    begin: &Place,
    most: usize,
) -> Result<Page, Error> {
    let mut page = Page::default();
    // A role of this person may be where the page before ended.
    let mut after = if begin.role.is_empty() { begin.user.clone() } else { before(&begin.user) };
    let (mut looked_at, mut many) = (0, 0);
    // Nearly always everybody who is found is meant: then no more are read than the page has, and one who says that it is not the last.
    let mut at_once = u32::try_from(most).map_or(AT_ONCE, |most| AT_ONCE.min(most.saturating_add(1)));
    loop {
        let ids = ids_after(reading, wanted, &after, at_once).await?;
        let is_last = u32::try_from(ids.len()).is_ok_and(|read| read < at_once);
        for id in ids {
            let Some(mut found) = self::found(register, reading, wanted, kind, &id).await? else {
                // Who was looked at is behind, meant or not: the next statement begins after them.
                after = id.to_string();
                continue;
            };
            if kind == Kind::Role && id.as_str() == begin.user {
                found.roles.retain(|role| role.named.role.person_roleid > begin.role);
            }
            let here = if kind == Kind::Role { found.roles.len() } else { 1 };
            if many + here > most {
                page.next = Some(cut(&mut page.found, found, kind, most - many, &after));
                return Ok(page);
            }
            many += here;
            after = id.to_string();
            if here > 0 {
                page.found.push(found);
            }
        }
        looked_at += at_once;
        at_once = AT_ONCE;
        if is_last {
            return Ok(page);
        }
        if looked_at >= LOOKED_AT {
            page.next = Some(after);
            return Ok(page);
        }
    }
}

/// The people of whom everything holds that an index knows, after one.
async fn ids_after(
    reading: &mut Reading<'_>,
    wanted: &Wanted,
    after: &str,
    at_once: u32,
) -> Result<Vec<UserId>, Error> {
    if let Some(mut ids) = reading.model().and_then(|model| model.people(&wanted.questions)) {
        // Nobody at all is what the database has to say.
        if !ids.is_empty() {
            ids.retain(|id| id.as_str() > after);
            return Ok(ids);
        }
    }
    faces::people_of(reading.tx().await?, &wanted.questions, after, at_once).await
}

/// The number before one of twelve digits.
pub(super) fn before(user: &str) -> String {
    let number = user.parse::<u64>().unwrap_or_default();
    format!("{:012}", number.saturating_sub(1))
}

/// Takes as many roles of somebody as a page has room for; where the next page begins.
fn cut(page: &mut Vec<Found>, mut found: Found, kind: Kind, room: usize, after: &str) -> String {
    if kind == Kind::Practitioner || room == 0 {
        return after.to_owned();
    }
    found.roles.truncate(room);
    let last = found.roles.last().map_or(String::new(), |role| role.named.role.person_roleid.clone());
    let next = format!("{}.{last}", found.profile.user_id);
    page.push(found);
    next
}

/// Somebody whom the directory shows; asked for roles, with theirs.
pub(crate) async fn somebody(
    register: &Register,
    tx: &mut Tx,
    kind: Kind,
    id: &UserId,
) -> Result<Option<Found>, Error> {
    matching(register, tx, &Wanted::default(), kind, id).await
}

/// Somebody of whom what is asked for by name and role holds, if the directory shows them.
pub(super) async fn matching(
    register: &Register,
    tx: &mut Tx,
    wanted: &Wanted,
    kind: Kind,
    id: &UserId,
) -> Result<Option<Found>, Error> {
    let Some(profile) = people::find(&mut *tx, id).await? else { return Ok(None) };
    if !is_wanted_profile(&profile, wanted) {
        return Ok(None);
    }
    whole(register, tx, wanted, kind, profile).await
}

fn is_wanted_profile(profile: &Profile, wanted: &Wanted) -> bool {
    matches!(profile.state, State::Open) && wanted.names.iter().all(|named| is_named(&profile.name, named))
}

/// What the model says of somebody who is looked for.
enum Known {
    Meant(Box<Found>),
    NotMeant,
    /// The database is to be asked.
    Unknown,
}

/// The same from the model, where it has them.
fn known(register: &Register, reading: &Reading<'_>, wanted: &Wanted, kind: Kind, id: &UserId) -> Known {
    let person = reading.model().and_then(|model| in_model(register, model, wanted, kind, id));
    let Some(person) = person else { return Known::Unknown };
    let is_meant = person.shown.life == Life::Open
        && wanted.names.iter().all(|named| is_named(&person.shown.name, named));
    if !is_meant {
        return Known::NotMeant;
    }
    Known::Meant(Box::new(of_model(register, wanted, person)))
}

/// Somebody from the model, with their roles where these are told.
fn in_model(register: &Register, model: &Model, wanted: &Wanted, kind: Kind, id: &UserId) -> Option<Person> {
    let needs_roles = kind == Kind::Role || wanted.with_roles;
    let detail = if needs_roles { Detail::Roles } else { Detail::Person };
    model.person(id.as_str(), register.today(), detail)
}

fn of_model(register: &Register, wanted: &Wanted, person: Person) -> Found {
    let roles = stay(register, wanted, person.roles);
    Found { profile: person.shown, registrations: person.registrations, roles }
}

/// Somebody who is looked for, from the model or the database.
async fn found(
    register: &Register,
    reading: &mut Reading<'_>,
    wanted: &Wanted,
    kind: Kind,
    id: &UserId,
) -> Result<Option<Found>, Error> {
    match known(register, reading, wanted, kind, id) {
        Known::Meant(found) => Ok(Some(*found)),
        Known::NotMeant => Ok(None),
        Known::Unknown => matching(register, reading.tx().await?, wanted, kind, id).await,
    }
}

/// Whether a name is one that is looked for.
pub(super) fn is_named(name: &Name, named: &Named) -> bool {
    let given = || {
        let middle = name.middle.as_deref().unwrap_or_default();
        // As they are told by default, in one, and one by one.
        let all = (!middle.is_empty()).then(|| Cow::Owned(format!("{} {middle}", name.given)));
        std::iter::once(name.given.as_str()).chain(middle.split_whitespace()).map(Cow::Borrowed).chain(all)
    };
    let family = || std::iter::once(Cow::Borrowed(name.family.as_str()));
    let parts: Vec<Cow<'_, str>> = match named.part.as_str() {
        "family" => family().collect(),
        "given" => given().collect(),
        _ => family().chain(given()).chain(name.title.as_deref().map(Cow::Borrowed)).collect(),
    };
    let holds = |part: &Cow<'_, str>, text: &String| {
        if named.is_exact { *part == composed(text) } else { plain(part).starts_with(&plain(text)) }
    };
    parts.iter().any(|part| named.any.iter().any(|text| holds(part, text)))
}

async fn whole(
    register: &Register,
    tx: &mut Tx,
    wanted: &Wanted,
    kind: Kind,
    profile: Profile,
) -> Result<Option<Found>, Error> {
    let registrations = people_evidence::registrations(&mut *tx, &profile.user_id).await?;
    let needs_roles = kind == Kind::Role || wanted.with_roles;
    let roles = if needs_roles { roles(register, tx, wanted, &profile.user_id).await? } else { Vec::new() };
    Ok(Some(Found { profile: Shown::from(profile), registrations, roles }))
}

/// The roles that somebody has.
async fn roles(register: &Register, tx: &mut Tx, wanted: &Wanted, user: &UserId) -> Result<Vec<Role>, Error> {
    Ok(stay(register, wanted, dated_roles(register, tx, user).await?))
}

/// Those roles that are looked for, in the order of their ids. Those that close today or have closed are left out, as the national
/// service leaves them out.
fn stay(register: &Register, wanted: &Wanted, mut roles: Vec<Role>) -> Vec<Role> {
    let today = register.today();
    roles.retain(|Role { named, .. }| {
        is_after(named.role.until.as_deref(), today) && is_wanted(wanted, named)
    });
    roles.sort_by(|one, other| one.named.role.person_roleid.cmp(&other.named.role.person_roleid));
    roles
}

/// Whether a role whose last day this is, if it has one, is told.
pub(super) fn is_after(until: Option<&str>, today: Day) -> bool {
    let until = until.and_then(|until| until.parse::<Day>().ok());
    until.is_none_or(|until| until > today)
}

fn is_wanted(wanted: &Wanted, named: &NamedRole) -> bool {
    let role = &named.role;
    let meant = |value: &String| {
        let (system, code) = token(value);
        systems::is_meant(&role.role_code, system, code)
    };
    wanted.profiles.iter().all(|any| any.contains(&role.person_roleid))
        && wanted.organisations.iter().all(|any| any.contains(&role.org_code))
        && wanted.roles.iter().all(|any| any.iter().any(meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cursors are ids, and nothing else is one.
    #[test]
    fn cursors_are_read() {
        let place = |user: &str, role: &str| Some(Place { user: user.to_owned(), role: role.to_owned() });
        assert_eq!(Place::read(""), place("", ""));
        assert_eq!(Place::read("555000000108.555000000207"), place("555000000108", "555000000207"));
        for bad in ["x", "1", "555000000108.x", "555000000108.555000000207.1"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
        assert_eq!(before("555000000108"), "555000000107");
    }
}
