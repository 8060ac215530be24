//! The role in which a person acts, chosen for each request.

use axum::extract::Request;
use http::{HeaderMap, HeaderValue};
use platform::caller::{Caller, CallerKind};
use platform::problem::Problem;
use platform::web::{Answer, Onward, Step, refused};

use crate::ids::RoleProfileId;

/// The header that chooses it, as the national APIs name it.
const HEADER: &str = "nhsd-session-urid";

/// Stands before the routes of the register: refuses whoever may not ask, then puts the role profile of the header into who calls.
/// Whether it is theirs, the rules say; one that was chosen when they signed in is not changed afterwards.
pub(super) struct Acting;

impl Step for Acting {
    fn take<'a>(&'a self, mut request: Request, onward: Onward<'a>) -> Answer<'a> {
        match known(&request).and_then(|()| choose(&mut request)) {
            Ok(()) => onward.run(request),
            Err(problem) => refused(problem),
        }
    }
}

fn choose(request: &mut Request) -> Result<(), Problem> {
    // Most requests name none.
    let Some(value) = request.headers().get(HEADER).cloned() else { return Ok(()) };
    match request.extensions_mut().get_mut::<Caller>() {
        Some(caller) => chosen_by(&value, caller),
        None => role_profile(&value).map(drop),
    }
}

/// The same of a caller, for APIs that refuse in words of their own.
pub(super) fn chosen(headers: &HeaderMap, caller: &mut Caller) -> Result<(), Problem> {
    headers.get(HEADER).map_or(Ok(()), |value| chosen_by(value, caller))
}

fn chosen_by(value: &HeaderValue, caller: &mut Caller) -> Result<(), Problem> {
    let chosen = role_profile(value)?;
    if caller.kind == CallerKind::Person {
        let signed_in = caller.role_profile.get_or_insert_with(|| chosen.to_string());
        if signed_in != chosen.as_str() {
            let detail = "You signed in with another role profile. Sign in again to act in this one.";
            return Err(Problem::forbidden("role-of-another-session", detail));
        }
    }
    Ok(())
}

fn role_profile(value: &HeaderValue) -> Result<RoleProfileId, Problem> {
    value.to_str().unwrap_or_default().trim().parse().map_err(|_| {
        Problem::forbidden("role-not-yours", "NHSD-Session-URID holds a role profile id of twelve digits.")
    })
}

/// Refuses, before anything is read, whoever is not known or was granted nothing of the register; and an address with a
/// character that no text has and that not every database takes.
fn known(request: &Request) -> Result<(), Problem> {
    let caller = Caller::of(request.extensions())?;
    if request.uri().path_and_query().is_some_and(|target| target.as_str().contains("%00")) {
        let detail = "The address holds the character NUL, which no text has. Leave it out.";
        return Err(Problem::invalid("nul-in-address", detail));
    }
    if caller.acts.iter().any(|act| act.starts_with("directory:")) {
        return Ok(());
    }
    let detail = format!("{} may do nothing in the register. Ask the operator to grant it.", caller.client);
    Err(Problem::forbidden("act-not-granted", detail))
}
