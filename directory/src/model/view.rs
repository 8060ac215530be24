//! Somebody as they are shown, borrowed from where they are held: in the model, or as they were read from the database. So what is made of
//! them is made once, in one place, and of nothing that was made for it.

use std::borrow::Cow;

use platform::clock::Millis;

use super::{Life, Role, Shown};
use crate::api::{Name, ProfessionalBody, Registration};
use crate::day::Day;
use crate::version::Version;

/// How much of somebody is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Who they are: none of their roles.
    Person,
    /// Their roles too: as what and where, but nothing of what these come to.
    Roles,
    Everything,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersonView<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) life: Life,
    pub(crate) version: Version,
    pub(crate) name: NameView<'a>,
    pub(crate) created_at: Millis,
    pub(crate) changed_at: Millis,
    pub(crate) registrations: Vec<(ProfessionalBody, &'a str)>,
    /// What they can use today, in the order of access profiles; nothing where they have left, or where it is not looked at.
    pub(crate) roles: Vec<RoleView<'a>>,
}

/// A name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameView<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) given: &'a str,
    pub(crate) middle: Option<&'a str>,
    pub(crate) family: &'a str,
}

/// A role that somebody can use today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleView<'a> {
    /// The person in the organisation.
    pub(crate) member: &'a str,
    pub(crate) role_profile: &'a str,
    pub(crate) organisation: Coded<'a>,
    pub(crate) job_role: &'a str,
    pub(crate) job_role_name: Cow<'a, str>,
    pub(crate) areas: Vec<Coded<'a>>,
    /// Everything that it comes to.
    pub(crate) activities: Vec<Coded<'a>>,
    pub(crate) workgroups: Vec<Coded<'a>>,
    /// The first day of what gives it, and the last.
    pub(crate) from: Option<Day>,
    pub(crate) until: Option<&'a str>,
}

/// Something with a code, and its name; where nobody knows one, the code again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coded<'a> {
    pub(crate) code: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> PersonView<'a> {
    /// Somebody as they were read.
    pub(crate) fn of(shown: &'a Shown, registrations: &'a [Registration], roles: &'a [Role]) -> Self {
        Self {
            user_id: shown.user_id.as_str(),
            life: shown.life,
            version: shown.version,
            name: NameView::of(&shown.name),
            created_at: shown.created_at,
            changed_at: shown.changed_at,
            registrations: registrations.iter().map(|one| (one.body, one.number.as_str())).collect(),
            roles: roles.iter().map(RoleView::of).collect(),
        }
    }
}

impl<'a> NameView<'a> {
    fn of(name: &'a Name) -> Self {
        Self {
            title: name.title.as_deref(),
            given: &name.given,
            middle: name.middle.as_deref(),
            family: &name.family,
        }
    }
}

impl<'a> RoleView<'a> {
    /// A role as it was read.
    pub(crate) fn of(Role { named, from }: &'a Role) -> Self {
        let role = &named.role;
        Self {
            member: &role.person_orgid,
            role_profile: &role.person_roleid,
            organisation: Coded { code: &role.org_code, name: &named.org_name },
            job_role: &role.role_code,
            job_role_name: Cow::Borrowed(named.role_name.as_str()),
            areas: coded(&role.aow_codes, &named.aow),
            activities: coded(&role.activity_codes, &named.activities),
            workgroups: coded(&role.workgroups_codes, &named.workgroups),
            from: *from,
            until: role.until.as_deref(),
        }
    }
}

fn coded<'a>(codes: &'a [String], names: &'a [String]) -> Vec<Coded<'a>> {
    let both = codes.iter().zip(names);
    both.map(|(code, name)| Coded { code: code.as_str(), name: name.as_str() }).collect()
}
