//! The roles of somebody with the names of everything in them: for sign-in and for the national directory.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::usable::roles_of;
use crate::api::{NamedRole, PersonRole};
use crate::day::Day;
use crate::error::Error;
use crate::model::Role;
use crate::rbac::{Book, Entry, committed};
use crate::register::Register;
use crate::store::roles::held;
use crate::store::{organisations, workgroups};

/// The roles of today, with the names of everything in them.
pub(crate) async fn named_roles(
    register: &Register,
    read: &mut Tx,
    user: &UserId,
) -> Result<Vec<NamedRole>, Error> {
    let book = committed(read, register).await?;
    let roles = roles_of(register, read, user, Day::of(register.now()), &book).await?;
    let mut names = Names::default();
    for code in roles.iter().flat_map(|role| &role.workgroups_codes) {
        if !names.workgroups.contains_key(code) {
            let id = code.parse().map_err(|_| Error::Stored { what: "workgroup of a role" })?;
            let name = workgroups::find(read, &id).await?.map_or_else(|| code.clone(), |group| group.name);
            names.workgroups.insert(code.clone(), name);
        }
    }
    for role in &roles {
        if !names.organisations.contains_key(&role.org_code) {
            let name = organisation_name(read, &role.org_code).await?;
            names.organisations.insert(role.org_code.clone(), name);
        }
    }
    Ok(roles.into_iter().map(|role| with_names(&book, &names, role)).collect())
}

/// The same, each with the first day of what gives it today.
pub(crate) async fn dated_roles(
    register: &Register,
    read: &mut Tx,
    user: &UserId,
) -> Result<Vec<Role>, Error> {
    let today = Day::of(register.now());
    let named = named_roles(register, read, user).await?;
    let held = held(read, user, today).await?;
    let from = |id: &str| {
        let of = held.iter().filter(|one| one.role_profile.as_ref().is_some_and(|own| own.as_str() == id));
        of.filter(|one| one.is_live(today)).map(|one| one.from).min()
    };
    Ok(named.into_iter().map(|named| Role { from: from(&named.role.person_roleid), named }).collect())
}

/// Names by their codes, of everything that has one in the roles they are for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) organisations: BTreeMap<String, String>,
    pub(crate) workgroups: BTreeMap<String, String>,
}

async fn organisation_name(tx: &mut Tx, code: &str) -> Result<String, Error> {
    let code: OdsCode = code.parse().map_err(|_| Error::Stored { what: "organisation of a role" })?;
    let found = organisations::find(tx, &code).await?;
    Ok(found.map_or_else(|| code.to_string(), |organisation| organisation.record.name))
}

/// A role with the names of what is in it; where there is none, its code stands in its place.
pub(crate) fn with_names(book: &Book, names: &Names, role: PersonRole) -> NamedRole {
    let activity = |code: &String| {
        let found = code.parse().ok().and_then(|code| book.activity(code));
        found.map_or_else(|| code.clone(), |one| one.name.clone())
    };
    let area = |code: &String| {
        let found = code.parse().ok().and_then(|code| book.area(code));
        found.map_or_else(|| code.clone(), |one| one.name.clone())
    };
    let group = |code: &String| names.workgroups.get(code).unwrap_or(code).clone();
    let entry = role.role_code.parse().ok().and_then(|code| book.job_role(code));
    NamedRole {
        org_name: names.organisations.get(&role.org_code).unwrap_or(&role.org_code).clone(),
        role_name: role_name(entry, &role.role_code),
        activities: role.activity_codes.iter().map(activity).collect(),
        aow: role.aow_codes.iter().map(area).collect(),
        workgroups: role.workgroups_codes.iter().map(group).collect(),
        role,
    }
}

/// The three names in quotes; where the national list does not know one, its code.
pub(crate) fn role_name<C>(entry: Option<&Entry<C>>, code: &str) -> String {
    let mut codes = code.split(':');
    let mut next = || codes.next().unwrap_or_default();
    let (category, group, role) = (next(), next(), next());
    let (category, group, role) = match entry {
        Some(entry) => (
            entry.category.as_ref().map_or(category, |found| found.name.as_str()),
            entry.group.as_ref().map_or(group, |found| found.name.as_str()),
            entry.name.as_str(),
        ),
        None => (category, group, role),
    };
    format!("\"{category}\":\"{group}\":\"{role}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::{Group, JobRoleCode};

    /// Names stand in quotes, joined by colons; where the list knows none, the codes do.
    #[test]
    fn role_names_are_quoted() {
        let group = |code: &str, name: &str| Some(Group { code: code.to_owned(), name: name.to_owned() });
        let entry: Entry<JobRoleCode> = Entry {
            code: "R8000".parse().unwrap(),
            name: "Clinical Practitioner Access Role".to_owned(),
            group: group("G8000", "Clinical Provision"),
            category: group("S8000", "Clinical"),
        };
        assert_eq!(
            role_name(Some(&entry), "S8000:G8000:R8000"),
            r#""Clinical":"Clinical Provision":"Clinical Practitioner Access Role""#
        );
        assert_eq!(role_name(None::<&Entry<JobRoleCode>>, "S1:G2:R3"), r#""S1":"G2":"R3""#);
    }
}
