//! Somebody as octets: what takes little room, with codes in place of names.

use std::borrow::Cow;

use platform::clock::Millis;
use platform::id::UserId;
use serde::{Deserialize, Serialize};

use super::held::Held as Everything;
use super::{Coded, Detail, Life, NameView, Person, PersonView, RoleView, Shown};
use crate::api::{Name, PersonRole, ProfessionalBody, Registration};
use crate::assignment::{DatedRole, role_name};
use crate::day::Day;
use crate::position::Codes;
use crate::rbac::{ActivityCode, AreaCode, Book, JobRoleCode, rights};
use crate::version::Version;

/// Somebody, borrowed from where they are held.
#[derive(Serialize, Deserialize)]
struct Somebody<'a> {
    is_open: bool,
    version: i64,
    assurance: &'a str,
    created_at: i64,
    changed_at: i64,
    #[serde(borrow)]
    name: [Option<&'a str>; 5],
    registrations: Vec<(&'a str, &'a str)>,
    /// Nothing where their roles are not known here.
    roles: Option<Vec<Held<'a>>>,
}

/// What somebody can use on the day of the model. What its activities come to, the release in force says when it is read.
#[derive(Serialize, Deserialize)]
struct Held<'a> {
    member: &'a str,
    role_profile: &'a str,
    organisation: &'a str,
    job_role: &'a str,
    added: Vec<&'a str>,
    areas: Vec<&'a str>,
    workgroups: Vec<&'a str>,
    position: &'a str,
    until: Option<&'a str>,
    from: Option<&'a str>,
}

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

fn owned(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

/// Writes somebody, of whom the roles may be for the database alone to tell. `None`: they cannot be held.
pub(super) fn write(
    shown: &Shown,
    registrations: &[Registration],
    roles: Option<&[DatedRole]>,
) -> Option<Box<[u8]>> {
    let from: Vec<Option<String>> =
        roles.unwrap_or_default().iter().map(|one| one.from.map(String::from)).collect();
    let name = &shown.name;
    let somebody = Somebody {
        is_open: shown.life == Life::Open,
        version: shown.version.0,
        assurance: shown.assurance.word(),
        created_at: shown.created_at.0,
        changed_at: shown.changed_at.0,
        name: [
            name.title.as_deref(),
            Some(&name.given),
            name.middle.as_deref(),
            Some(&name.family),
            name.on_card.as_deref(),
        ],
        registrations: registrations.iter().map(|one| (one.body.word(), one.number.as_str())).collect(),
        roles: roles.map(|roles| {
            roles.iter().zip(&from).map(|(one, from)| held(&one.role, from.as_deref())).collect()
        }),
    };
    postcard::to_allocvec(&somebody).ok().map(Vec::into_boxed_slice)
}

fn held<'a>(role: &'a PersonRole, from: Option<&'a str>) -> Held<'a> {
    Held {
        member: &role.person_orgid,
        role_profile: &role.person_roleid,
        organisation: &role.org_code,
        job_role: &role.role_code,
        added: texts(&role.added_activity_codes),
        areas: texts(&role.aow_codes),
        workgroups: texts(&role.workgroups_codes),
        position: &role.position,
        until: role.until.as_deref(),
        from,
    }
}

/// Somebody and the roles they can use, of which the activities are to be filled in.
pub(super) struct Read {
    pub(super) person: Person,
    pub(super) roles: Vec<(PersonRole, Option<Day>)>,
}

/// Reads what [`write`] wrote, as far as it is looked at. `None`: ask the database.
pub(super) fn read(id: UserId, octets: &[u8], detail: Detail) -> Option<Read> {
    let somebody: Somebody<'_> = postcard::from_bytes(octets).ok()?;
    let [title, given, middle, family, on_card] = somebody.name.map(|part| part.map(str::to_owned));
    let name = Name { title, given: given?, middle, family: family?, on_card };
    let life = if somebody.is_open { Life::Open } else { Life::Over };
    let registrations = somebody
        .registrations
        .iter()
        .map(|(body, number)| Some(Registration { body: body.parse().ok()?, number: (*number).to_owned() }));
    let shown = Shown {
        user_id: id,
        life,
        version: Version(somebody.version),
        assurance: somebody.assurance.parse().ok()?,
        name,
        created_at: Millis(somebody.created_at),
        changed_at: Millis(somebody.changed_at),
    };
    let registrations = registrations.collect::<Option<_>>()?;
    let shown_roles = looked_at(somebody.roles?, detail).into_iter();
    let roles = shown_roles.map(|held| {
        let from = held.from.map(str::parse).transpose().ok()?;
        Some((role(&held, detail), from))
    });
    let roles = roles.collect::<Option<_>>()?;
    Some(Read { person: Person { shown, registrations, roles: Vec::new() }, roles })
}

/// The roles of somebody, where these are looked at.
fn looked_at(roles: Vec<Held<'_>>, detail: Detail) -> Vec<Held<'_>> {
    if detail == Detail::Person { Vec::new() } else { roles }
}

fn role(held: &Held<'_>, detail: Detail) -> PersonRole {
    let codes = |all: &[&str]| if detail == Detail::Everything { owned(all) } else { Vec::new() };
    PersonRole {
        person_orgid: held.member.to_owned(),
        person_roleid: held.role_profile.to_owned(),
        org_code: held.organisation.to_owned(),
        role_code: held.job_role.to_owned(),
        added_activity_codes: codes(&held.added),
        activity_codes: Vec::new(),
        aow_codes: codes(&held.areas),
        workgroups_codes: codes(&held.workgroups),
        position: held.position.to_owned(),
        until: held.until.map(str::to_owned),
    }
}

/// Somebody as they are shown, borrowed from what [`write`] wrote, with the names of everything in their roles that is looked at. `None`: ask
/// the database.
pub(super) fn view<'a>(
    id: &'a str,
    octets: &'a [u8],
    detail: Detail,
    beside: &'a Everything,
) -> Option<PersonView<'a>> {
    let somebody: Somebody<'a> = postcard::from_bytes(octets).ok()?;
    let [title, given, middle, family, _on_card] = somebody.name;
    let registration = |(body, number): (&str, &'a str)| {
        let body: ProfessionalBody = body.parse().ok()?;
        Some((body, number))
    };
    let roles = looked_at(somebody.roles?, detail);
    Some(PersonView {
        user_id: id,
        life: if somebody.is_open { Life::Open } else { Life::Over },
        version: Version(somebody.version),
        name: NameView { title, given: given?, middle, family: family? },
        created_at: Millis(somebody.created_at),
        changed_at: Millis(somebody.changed_at),
        registrations: somebody.registrations.into_iter().map(registration).collect::<Option<_>>()?,
        roles: roles.iter().map(|held| role_view(held, detail, beside)).collect::<Option<_>>()?,
    })
}

fn role_view<'a>(held: &Held<'a>, detail: Detail, beside: &'a Everything) -> Option<RoleView<'a>> {
    let book = beside.book();
    let job_role: JobRoleCode = held.job_role.parse().ok()?;
    let organisation = Coded { code: held.organisation, name: beside.organisation_name(held.organisation)? };
    let mut view = RoleView {
        member: held.member,
        role_profile: held.role_profile,
        organisation,
        job_role: held.job_role,
        job_role_name: Cow::Owned(role_name(book.job_role(job_role), held.job_role)),
        areas: Vec::new(),
        activities: Vec::new(),
        workgroups: Vec::new(),
        from: held.from.map(str::parse).transpose().ok()?,
        until: held.until,
    };
    if detail == Detail::Everything {
        let mut codes: Vec<AreaCode> = Vec::with_capacity(held.areas.len());
        for &text in &held.areas {
            let code: AreaCode = text.parse().ok()?;
            codes.push(code);
            let name = book.area(code).map_or(text, |found| found.name.as_str());
            view.areas.push(Coded { code: text, name });
        }
        for &code in &held.workgroups {
            view.workgroups.push(Coded { code, name: beside.workgroup_name(code)? });
        }
        view.activities = named_activities(&held.added, job_role, &codes, book)?;
    }
    Some(view)
}

/// What the activities of a role come to, as [`activities`] says, with their names.
fn named_activities<'a>(
    added: &[&'a str],
    job_role: JobRoleCode,
    areas: &[AreaCode],
    book: &'a Book,
) -> Option<Vec<Coded<'a>>> {
    if book.number() == 0 {
        // Before there is a release, what was added and nothing else.
        let mut codes = added.to_vec();
        codes.sort_unstable();
        codes.dedup();
        return Some(codes.into_iter().map(|code| Coded { code, name: code }).collect());
    }
    let added = added.iter().map(|code| code.parse().ok()).collect::<Option<Vec<ActivityCode>>>()?;
    let rights = rights(book, job_role, areas, &added);
    Some(rights.named().map(|one| Coded { code: one.code.as_str(), name: &one.name }).collect())
}

/// By what somebody is found: their ids within organisations with those of their roles there, and their numbers of professional bodies.
pub(super) fn keys(octets: &[u8]) -> (Vec<(u64, u64)>, Vec<String>) {
    let Ok(somebody) = postcard::from_bytes::<Somebody<'_>>(octets) else { return (Vec::new(), Vec::new()) };
    let ids = somebody.roles.iter().flatten();
    let ids = ids.filter_map(|role| role.member.parse().ok().zip(role.role_profile.parse().ok()));
    let numbers = somebody.registrations.iter().map(|(body, number)| number_key(body, number));
    (ids.collect(), numbers.collect())
}

/// A number of a professional body as a key.
pub(super) fn number_key(body: &str, number: &str) -> String {
    format!("{body} {number}")
}

/// What the activities of a role come to.
pub(super) fn activities(role: &PersonRole, book: &Book) -> Option<Vec<String>> {
    let parsed = |codes: &[String]| codes.iter().map(|code| code.parse().ok()).collect::<Option<_>>();
    let areas = role.aow_codes.iter().map(|code| code.parse().ok()).collect::<Option<_>>()?;
    let codes = Codes {
        job_role: role.role_code.parse().ok()?,
        areas,
        activities: parsed(&role.added_activity_codes)?,
    };
    Some(codes.effective(book).iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is written is read as they were, and found by what they hold; octets that are none of somebody are read as nobody.
    #[test]
    fn people_are_written_and_read() {
        let id: UserId = "555000000108".parse().unwrap();
        let name = Name {
            title: Some("Dr".to_owned()),
            given: "Ann".to_owned(),
            middle: None,
            family: "Example".to_owned(),
            on_card: None,
        };
        let (created_at, changed_at) = (Millis(1), Millis(2));
        let shown = Shown {
            user_id: id.clone(),
            life: Life::Open,
            version: Version(3),
            assurance: crate::api::IdentityLevel::None,
            name,
            created_at,
            changed_at,
        };
        let registration =
            Registration { body: crate::api::ProfessionalBody::Gmc, number: "7654321".to_owned() };
        let role = PersonRole {
            person_orgid: "555000000207".to_owned(),
            person_roleid: "555000000306".to_owned(),
            org_code: "RXX".to_owned(),
            role_code: "S8000:G8000:R8000".to_owned(),
            added_activity_codes: vec!["B0001".to_owned()],
            activity_codes: Vec::new(),
            aow_codes: Vec::new(),
            workgroups_codes: vec!["group".to_owned()],
            position: "position".to_owned(),
            until: Some("2027-01-31".to_owned()),
        };
        let from = "2026-11-30".parse().ok();
        let dated = DatedRole { role: role.clone(), from };
        let octets = write(&shown, std::slice::from_ref(&registration), Some(&[dated])).unwrap();
        assert!(octets.len() < 200, "{} octets", octets.len());
        let read = read(id.clone(), &octets, Detail::Everything).unwrap();
        assert_eq!((&read.person.shown, &read.person.registrations), (&shown, &vec![registration]));
        assert_eq!(read.roles, [(role, from)]);
        assert_eq!(keys(&octets), (vec![(555_000_000_207, 555_000_000_306)], vec!["GMC 7654321".to_owned()]));
        let less = |detail| super::read(id.clone(), &octets, detail).unwrap().roles;
        assert!(less(Detail::Person).is_empty());
        let bare = PersonRole {
            added_activity_codes: Vec::new(),
            workgroups_codes: Vec::new(),
            ..read.roles[0].0.clone()
        };
        assert_eq!(less(Detail::Roles), [(bare, from)]);
        assert!(super::read(id.clone(), &octets[..octets.len() / 2], Detail::Person).is_none());
        let unknown = write(&read.person.shown, &read.person.registrations, None).unwrap();
        assert!(
            super::read(id, &unknown, Detail::Person).is_none(),
            "whose roles are not known here is asked of the database"
        );
        assert_eq!(keys(&unknown).1, ["GMC 7654321"]);
    }
}
