//! `/directory/people/{user_id}/claims`: one question of sign-in, one answer; and the photograph that cards bear.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use platform::caller::{Caller, CallerKind};
use platform::db::{Engine, Tx};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{CLAIMS, Channel, ClaimsPart, ClaimsQuery, PersonClaims};
use crate::assignment::named_roles;
use crate::error::Error;
use crate::model::{Detail, Life, Model, Person};
use crate::register::Register;
use crate::store::{people, people_contacts, people_evidence, people_photos};

/// What relying parties are told of a person: name, registrations, and the roles of today with their names.
///
/// For sign-in. A person who is closed is not found.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/claims", tag = "directory",
    params(("user_id" = String, Path, description = "The user id"), ClaimsQuery),
    responses(
        (status = 200, description = "What is told", body = PersonClaims),
        (status = 400, description = "There is no such part", body = Body),
        (status = 403, description = "The caller may not", body = Body),
        (status = 404, description = "There is no such person, or they have left", body = Body),
    )
)]
pub(in crate::http) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(user): Path<UserId>,
    Query(query): Query<ClaimsQuery>,
) -> Result<Json<PersonClaims>, Problem> {
    asking(&caller)?;
    let parts = query
        .read()
        .ok_or_else(|| Error::field("parts", "Of email, registrations and roles, with commas."))?;
    Ok(Json(claims(&register, &user, &parts).await?))
}

/// The photograph of a person, for their card.
///
/// A person who is closed is not found.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/claims/photo", tag = "directory",
    params(("user_id" = String, Path, description = "The user id")),
    responses(
        (status = 200, description = "The photograph, JPEG or PNG", body = [u8], content_type = "image/jpeg"),
        (status = 403, description = "The caller may not", body = Body),
        (status = 404, description = "There is no such person or no photograph, or they have left", body = Body),
    )
)]
pub(in crate::http) async fn photo(
    caller: Caller,
    State(register): State<Register>,
    Path(user): Path<UserId>,
) -> Result<Response, Problem> {
    asking(&caller)?;
    let read = register.db.read();
    people::find_open(read, &user).await?.ok_or_else(|| Error::unknown("person", &user))?;
    let found = people_photos::bytes(read, &user).await?;
    let (_, media, bytes) = found.ok_or_else(|| Error::unknown("photograph", &user))?;
    let fields = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((fields, bytes).into_response())
}

/// Who is told: systems that were granted it, and no person.
fn asking(caller: &Caller) -> Result<(), Problem> {
    caller.may(CLAIMS)?;
    if caller.kind == CallerKind::Person {
        return Err(Problem::forbidden("systems-only", "This is for systems that sign people in."));
    }
    Ok(())
}

/// Each part costs questions of its own, so that only what is told is read.
async fn claims(register: &Register, user: &UserId, parts: &[ClaimsPart]) -> Result<PersonClaims, Error> {
    let asked = |part: ClaimsPart| parts.contains(&part);
    // Where another process may write, whoever has left would be taken for somebody who is there a moment longer.
    let model = (register.db.engine() == Engine::Sqlite).then_some(&register.model);
    let detail = if asked(ClaimsPart::Roles) { Detail::Everything } else { Detail::Person };
    let found = |model: &Model| model.person(user.as_str(), register.today(), detail);
    if let Some(person) = model.and_then(found)
        && person.shown.life == Life::Open
    {
        return known(register, person, parts).await;
    }
    let mut read = register.db.read().acquire().await?;
    let unknown = || Error::unknown("person", user);
    let profile = people::find_open(&mut *read, user).await?.ok_or_else(unknown)?;
    let email = if asked(ClaimsPart::Email) { email(&mut read, user).await? } else { None };
    let registrations = if asked(ClaimsPart::Registrations) {
        people_evidence::registrations(&mut *read, user).await?
    } else {
        Vec::new()
    };
    let roles =
        if asked(ClaimsPart::Roles) { named_roles(register, &mut read, user).await? } else { Vec::new() };
    Ok(PersonClaims {
        person: user.to_string(),
        name: profile.name,
        assurance: profile.assurance,
        email,
        registrations,
        roles,
    })
}

/// The same of somebody who is in the model, which has no addresses.
async fn known(register: &Register, person: Person, parts: &[ClaimsPart]) -> Result<PersonClaims, Error> {
    let asked = |part: ClaimsPart| parts.contains(&part);
    let Person { shown, registrations, roles } = person;
    let email = if asked(ClaimsPart::Email) {
        email(&mut *register.db.read().acquire().await?, &shown.user_id).await?
    } else {
        None
    };
    Ok(PersonClaims {
        person: shown.user_id.to_string(),
        name: shown.name,
        assurance: shown.assurance,
        email,
        registrations: if asked(ClaimsPart::Registrations) { registrations } else { Vec::new() },
        roles: if asked(ClaimsPart::Roles) {
            roles.into_iter().map(|role| role.named).collect()
        } else {
            Vec::new()
        },
    })
}

/// The first address that the person showed to be theirs.
async fn email(read: &mut Tx, user: &UserId) -> Result<Option<String>, Error> {
    let addresses = people_contacts::of(&mut *read, user).await?;
    let shown =
        addresses.into_iter().find(|one| one.channel == Channel::Email && one.contact.verified_at.is_some());
    Ok(shown.map(|one| one.contact.value))
}
