//! People and their roles as resources, in either dialect.

use super::config::Dialect;
use super::find::Found;
use super::systems::{JOB_ROLE_CODE, JOB_ROLE_NAME, ORGANISATION, ROLE_PROFILE, USER, told};
use crate::fhir::kit::{Parts, parts, resource};
use crate::model::{NameView, PersonView, Role, RoleView};

fn identifier(system: &str, value: &str) -> Parts {
    parts().with("system", system).with("value", value)
}

/// Somebody who was found.
pub(crate) fn practitioner(found: &Found, dialect: Dialect) -> Parts {
    person(&found.person(), dialect)
}

/// What somebody who was found is somewhere.
pub(crate) fn practitioner_role(found: &Found, role: &Role, dialect: Dialect) -> Parts {
    person_role(&found.person(), &RoleView::of(role), dialect)
}

/// Somebody.
pub(super) fn person(person: &PersonView<'_>, dialect: Dialect) -> Parts {
    let user = person.user_id;
    let registrations = told(&person.registrations, dialect);
    let mut identifiers = Vec::with_capacity(1 + registrations.len());
    identifiers.push(identifier(USER, user));
    identifiers.extend(registrations.into_iter().map(|(system, number)| identifier(system, number)));
    resource("Practitioner")
        .with("id", user)
        .with("identifier", identifiers)
        .with("active", true)
        .with("name", vec![name(person.name, dialect)])
}

/// The service writes given and middle names as one; the England profiles do not.
fn name(name: NameView<'_>, dialect: Dialect) -> Parts {
    let middle = name.middle.unwrap_or_default();
    let given: Vec<String> = match dialect {
        Dialect::Service => vec![format!("{} {middle}", name.given).trim().to_owned()],
        Dialect::England => {
            std::iter::once(name.given).chain(middle.split_whitespace()).map(str::to_owned).collect()
        }
    };
    parts()
        .with("use", if dialect == Dialect::Service { "usual" } else { "official" })
        .with("family", name.family)
        .with("given", given)
        .with("prefix", name.title.into_iter().collect::<Vec<_>>())
}

fn shown(name: NameView<'_>) -> String {
    let parts = [name.title, Some(name.given), Some(name.family)];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What somebody is somewhere.
pub(super) fn person_role(person: &PersonView<'_>, role: &RoleView<'_>, dialect: Dialect) -> Parts {
    let user = person.user_id;
    let period = parts().with("start", role.from).with("end", role.until);
    let who = parts()
        .with("reference", format!("Practitioner/{user}"))
        .with("identifier", identifier(USER, user))
        .with("display", shown(person.name));
    let place = parts()
        .with("reference", format!("Organization/{}", role.organisation.code))
        .with("identifier", identifier(ORGANISATION, role.organisation.code))
        .with("display", role.organisation.name);
    resource("PractitionerRole")
        .with("id", role.role_profile)
        .with("identifier", vec![identifier(ROLE_PROFILE, role.role_profile)])
        .with("active", true)
        .with("period", period)
        .with("practitioner", who)
        .with("organization", place)
        .with("code", vec![parts().with("coding", vec![job_role(role, dialect)])])
}

fn job_role(role: &RoleView<'_>, dialect: Dialect) -> Parts {
    let (code, name) = (role.job_role, &*role.job_role_name);
    if dialect == Dialect::Service {
        return parts().with("system", JOB_ROLE_CODE).with("code", code).with("display", name);
    }
    // The last of the three names stands in quotes.
    let last = name.trim_end_matches('"').rsplit('"').next().unwrap_or_default();
    let code = code.rsplit(':').next().unwrap_or_default();
    parts().with("system", JOB_ROLE_NAME).with("code", code).with("display", last)
}

/// The organisation of a role, as far as it is told here.
pub(crate) fn organisation(role: &Role) -> Parts {
    let own = &role.named.role;
    resource("Organization")
        .with("id", &own.org_code)
        .with("identifier", vec![identifier(ORGANISATION, &own.org_code)])
        .with("name", &role.named.org_name)
}
