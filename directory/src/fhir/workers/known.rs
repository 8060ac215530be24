//! One resource by its id, as the model has it: what is asked for most, made of what is held and of nothing else.

use super::asked::Kind;
use super::find::is_after;
use super::resource::{person, person_role};
use crate::fhir::kit::{Parts, Stamp};
use crate::model::{Detail, Life, RoleView};
use crate::register::Register;
use crate::store::faces::Question;

/// A resource with its version, and whose it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) user: String,
    pub(crate) whole: Parts,
}

/// A resource by its id, where the model has it and whose it is has not left. `None`: look for it in every way there is.
pub(crate) fn known(register: &Register, kind: Kind, id: &str) -> Option<Known> {
    match kind {
        Kind::Practitioner => practitioner(register, id),
        Kind::Role => role(register, id),
    }
}

fn practitioner(register: &Register, id: &str) -> Option<Known> {
    let dialect = register.config.workers.dialect;
    let known = register.model.look_at(id, register.today(), Detail::Person, |view| {
        let stamp = Stamp::of(view.version, Some(view.changed_at));
        let known = || Known { user: view.user_id.to_owned(), whole: person(view, dialect).stamped(&stamp) };
        (view.life == Life::Open).then(known)
    });
    known.flatten()
}

fn role(register: &Register, id: &str) -> Option<Known> {
    let found = register.model.people(&[vec![Question::Profile(id.to_owned())]])?;
    // The id of a role may be that of somebody else in an organisation.
    let [user] = found.as_slice() else { return None };
    let (today, dialect) = (register.today(), register.config.workers.dialect);
    let known = register.model.look_at(user.as_str(), today, Detail::Roles, |view| {
        let own = |role: &&RoleView<'_>| role.role_profile == id && is_after(role.until, today);
        let role = view.roles.iter().find(own).filter(|_| view.life == Life::Open)?;
        let whole = person_role(view, role, dialect);
        let stamp = Stamp::of_content(&whole, None);
        Some(Known { user: view.user_id.to_owned(), whole: whole.stamped(&stamp) })
    });
    known.flatten()
}
