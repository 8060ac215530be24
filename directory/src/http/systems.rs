//! `/directory/systems`.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::in_turn;
use crate::api::{self, NewSystem, Page, READ, SYSTEMS, SystemContent, SystemQuery};
use crate::error::Error;
use crate::once::Answer;
use crate::register::Register;
use crate::store::systems::{self, Wanted};
use crate::system::{self, System, SystemId, folded};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/systems", get(list).post(create))
        .route("/directory/systems/{identifier}", get(show).put(change).delete(withdraw))
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, change, withdraw))]
pub(super) struct Document;

fn shown(system: System) -> api::System {
    api::System {
        identifier: system.id.into(),
        version: system.version.0,
        made_at: system.made_at,
        changed_at: system.changed_at,
        withdrawn_at: system.withdrawn_at,
        system: system.content,
    }
}

fn may_see(caller: &Caller) -> Result<(), Problem> {
    caller.may(SYSTEMS).or_else(|_| caller.may(READ))
}

/// Systems, those that were withdrawn not among them.
#[utoipa::path(
    get, path = "/directory/systems", tag = "directory", params(SystemQuery),
    responses(
        (status = 200, description = "In the order of their identifiers", body = Page<api::System>),
        (status = 403, description = "The caller may do neither directory:systems nor directory:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<SystemQuery>,
) -> Result<Json<Page<api::System>>, Problem> {
    may_see(&caller)?;
    let after: Option<SystemId> = input::after(query.after.as_ref())?;
    let limit = input::limit(query.limit);
    let asked = [
        ("organisation", &query.organisation),
        ("party-key", &query.party_key),
        ("interaction", &query.interaction),
        ("client", &query.client),
        ("manufacturer", &query.manufacturer),
    ];
    let keys = asked.into_iter().filter_map(|(name, value)| Some((name, folded(value.as_ref()?)))).collect();
    let wanted = Wanted { kind: query.kind, keys };
    let after = after.map_or_else(String::new, |id| folded(id.as_str()));
    let rows = systems::page(register.db.read(), &wanted, &after, limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |one| one.id.to_string()).map(shown)))
}

/// Registers a system.
#[utoipa::path(
    post, path = "/directory/systems", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewSystem, example = json!({"system": {"kind": "accredited", "organisation": "RXX",
        "party_key": "RXX-0000001", "interactions": ["urn:nhs:names:services:pds:QUPA_IN000006UK02"]}})),
    responses(
        (status = 201, description = "The system", body = api::System),
        (status = 400, description = "It can be no system", body = Body),
        (status = 403, description = "The caller may not do directory:systems", body = Body),
        (status = 409, description = "The identifier was given already", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewSystem>,
) -> Result<Answer, Problem> {
    caller.may(SYSTEMS)?;
    let id = body.identifier.as_ref().map(|id| input::id("identifier", id)).transpose()?;
    let actor = audit::Actor::from(&caller);
    let answer = register.once(once, move |tx, now| {
        Box::pin(async move {
            let made = system::create(tx, &actor, id, body.system, now).await?;
            let (location, version) = (format!("/directory/systems/{}", made.id), made.version);
            Answer::created(&shown(made), location, version)
        })
    });
    Ok(answer.await?)
}

/// A system, a withdrawn one too.
#[utoipa::path(
    get, path = "/directory/systems/{identifier}", tag = "directory",
    params(("identifier" = String, Path, description = "Its identifier, in any case of letters")),
    responses(
        (status = 200, description = "The system; its ETag is its version", body = api::System),
        (status = 404, description = "There is none", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<SystemId>,
) -> Result<Tagged<api::System>, Problem> {
    may_see(&caller)?;
    let found = systems::find(register.db.read(), &folded(id.as_str())).await?;
    let found = found.ok_or_else(|| Error::unknown("system", &id))?;
    Ok(Tagged(found.version, shown(found)))
}

/// Says anew what a system is: all of it.
#[utoipa::path(
    put, path = "/directory/systems/{identifier}", tag = "directory",
    params(("identifier" = String, Path, description = "Its identifier"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = SystemContent, example = json!({"kind": "accredited", "organisation": "RXX",
        "party_key": "RXX-0000001", "interactions": ["urn:nhs:names:services:pds:QUPA_IN000006UK02"]})),
    responses(
        (status = 200, description = "The system as it is now", body = api::System),
        (status = 400, description = "It can be no system", body = Body),
        (status = 404, description = "There is none", body = Body),
        (status = 409, description = "It was withdrawn", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<SystemId>,
    IfMatch(expected): IfMatch,
    Json(content): Json<SystemContent>,
) -> Result<Tagged<api::System>, Problem> {
    caller.may(SYSTEMS)?;
    let (actor, now, own) = (audit::Actor::from(&caller), register.now(), register.clone());
    let done: Result<System, Error> = register
        .db
        .write(move |tx| {
            Box::pin(async move {
                in_turn(tx, &own).await?;
                system::change(tx, &actor, &id, expected, content, now).await
            })
        })
        .await;
    let changed = done?;
    Ok(Tagged(changed.version, shown(changed)))
}

/// Withdraws a system for good: from then on it is on no face of the directory.
#[utoipa::path(
    delete, path = "/directory/systems/{identifier}", tag = "directory",
    params(("identifier" = String, Path, description = "Its identifier"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    responses(
        (status = 204, description = "It is withdrawn"),
        (status = 404, description = "There is none", body = Body),
        (status = 409, description = "It was withdrawn already", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn withdraw(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<SystemId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    caller.may(SYSTEMS)?;
    let (actor, now, own) = (audit::Actor::from(&caller), register.now(), register.clone());
    let done: Result<(), Error> = register
        .db
        .write(move |tx| {
            Box::pin(async move {
                in_turn(tx, &own).await?;
                system::withdraw(tx, &actor, &id, expected, now).await
            })
        })
        .await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
