//! People and their roles as resources, in either dialect.

use super::config::Dialect;
use super::find::Found;
use super::systems::{JOB_ROLE_CODE, JOB_ROLE_NAME, ORGANISATION, ROLE_PROFILE, USER, told};
use crate::api::Name;
use crate::fhir::kit::{Parts, parts, resource};
use crate::model::Role;

fn identifier(system: &str, value: &str) -> Parts {
    parts().with("system", system).with("value", value)
}

/// Somebody.
pub(crate) fn practitioner(found: &Found, dialect: Dialect) -> Parts {
    let user = found.profile.user_id.as_str();
    let mut identifiers = vec![identifier(USER, user)];
    let registrations = told(&found.registrations, dialect);
    identifiers.extend(registrations.into_iter().map(|(system, number)| identifier(system, number)));
    resource("Practitioner")
        .with("id", user)
        .with("identifier", identifiers)
        .with("active", true)
        .with("name", vec![name(&found.profile.name, dialect)])
}

/// The service writes given and middle names as one; the England profiles do not.
fn name(name: &Name, dialect: Dialect) -> Parts {
    let middle = name.middle.as_deref().unwrap_or_default();
    let given: Vec<String> = match dialect {
        Dialect::Service => vec![format!("{} {middle}", name.given).trim().to_owned()],
        Dialect::England => {
            std::iter::once(name.given.as_str()).chain(middle.split_whitespace()).map(str::to_owned).collect()
        }
    };
    parts()
        .with("use", if dialect == Dialect::Service { "usual" } else { "official" })
        .with("family", &name.family)
        .with("given", given)
        .with("prefix", name.title.iter().cloned().collect::<Vec<_>>())
}

fn shown(name: &Name) -> String {
    let parts = [name.title.as_deref(), Some(name.given.as_str()), Some(name.family.as_str())];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What somebody is somewhere.
pub(crate) fn practitioner_role(found: &Found, role: &Role, dialect: Dialect) -> Parts {
    let (own, user) = (&role.named.role, found.profile.user_id.as_str());
    let period = parts().with("start", role.from).with("end", own.until.as_ref());
    let who = parts()
        .with("reference", format!("Practitioner/{user}"))
        .with("identifier", identifier(USER, user))
        .with("display", shown(&found.profile.name));
    let place = parts()
        .with("reference", format!("Organization/{}", own.org_code))
        .with("identifier", identifier(ORGANISATION, &own.org_code))
        .with("display", &role.named.org_name);
    resource("PractitionerRole")
        .with("id", &own.person_roleid)
        .with("identifier", vec![identifier(ROLE_PROFILE, &own.person_roleid)])
        .with("active", true)
        .with("period", period)
        .with("practitioner", who)
        .with("organization", place)
        .with("code", vec![parts().with("coding", vec![job_role(role, dialect)])])
}

fn job_role(role: &Role, dialect: Dialect) -> Parts {
    let (code, name) = (role.named.role.role_code.as_str(), role.named.role_name.as_str());
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
