//! `/directory/scim/v2/Users`: the people whom a personnel system has announced.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use platform::caller::Caller;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::Problem;
use platform::web::{Json, Path, Query};
use serde::Deserialize;
use serde_json::Value;

use super::scim::{BASE, Shown, feed};
use super::scim_conditions::Conditions;
use crate::acting::Doing;
use crate::error::Error;
use crate::register::Register;
use crate::scim::{self, Announced, PatchRequest, Refused, Shape, System, User};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/scim/v2/Users", get(super::scim_search::list).post(create))
        .route("/directory/scim/v2/Users/{id}", get(read).put(replace).patch(patch).delete(remove))
}

/// Which attributes are answered; what else is asked is left unread.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Wanted {
    attributes: String,
    excluded_attributes: String,
}

impl Wanted {
    fn shape(asked: Result<Query<Self>, Problem>) -> Result<Shape, Refused> {
        let Query(wanted) = asked?;
        let names = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        Shape::read(&names(&wanted.attributes), &names(&wanted.excluded_attributes))
    }
}

/// The resource of somebody.
pub(super) async fn shown(
    tx: &mut Tx,
    announced: &Announced,
    status: StatusCode,
    shape: &Shape,
) -> Result<Shown, Error> {
    let meta = announced.meta(BASE);
    let body = shape.of(announced.user(tx).await?.resource(&meta));
    Ok(Shown { status, tag: Some(meta.version), location: Some(meta.location), body })
}

/// Finds somebody for a change, if they are as the client has read them.
async fn meant(
    tx: &mut Tx,
    (doing, system): (&Doing, &System),
    user: &UserId,
    conditions: &Conditions,
) -> Result<Announced, Error> {
    let announced = scim::announced(tx, system, doing.today(), user).await?;
    if conditions.allow(&announced.tag()) {
        return Ok(announced);
    }
    Err(Error::Changed { what: "user", present: announced.version() })
}

/// Announces somebody.
///
/// The profile is unverified until the registration authority has verified who it is. The same content under the same
/// `externalId` once more answers 200 and changes nothing.
#[utoipa::path(
    post, path = "/directory/scim/v2/Users", tag = "scim",
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "4711", "userName": "ann.example",
        "name": {"givenName": "Ann", "familyName": "Example"}, "emails": [{"value": "ann@trust.example", "type": "work"}],
        "urn:lanyard:params:scim:schemas:extension:register:2.0:User": {"dateOfBirth": "1984-07-23"}})),
    responses(
        (status = 201, description = "The user", body = Value, content_type = "application/scim+json"),
        (status = 200, description = "The user was announced before", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "What is wrong and what to do", body = Value, content_type = "application/scim+json"),
        (status = 409, description = "A name is taken, or somebody may be the same person", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn create(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    wanted: Result<Query<Wanted>, Problem>,
    body: Result<Json<Value>, Problem>,
) -> Result<Shown, Refused> {
    let (feed, shape) = (feed(caller)?, Wanted::shape(wanted)?);
    let user: User = scim::read(body?.0)?;
    let done: Result<Shown, Error> = feed
        .act(&register, move |tx, doing, system| {
            Box::pin(async move {
                let (new, announced) = scim::announce(tx, &doing, &system, &user).await?;
                shown(tx, &announced, if new { StatusCode::CREATED } else { StatusCode::OK }, &shape).await
            })
        })
        .await;
    Ok(done?)
}

/// Somebody whom this client has announced.
#[utoipa::path(
    get, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(
        ("id" = String, Path, description = "Twelve digits"),
        ("attributes" = Option<String>, Query, description = "Only these, with commas between"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
        ("if-none-match" = Option<String>, Header, description = "The version that is known"),
    ),
    responses(
        (status = 200, description = "The user", body = Value, content_type = "application/scim+json"),
        (status = 304, description = "It is as it is known"),
        (status = 404, description = "This client has announced nobody with this id", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn read(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    id: Result<Path<UserId>, Problem>,
    wanted: Result<Query<Wanted>, Problem>,
    headers: HeaderMap,
) -> Result<Shown, Refused> {
    let system = feed(caller)?.system;
    let (Path(id), shape, conditions) = (id?, Wanted::shape(wanted)?, Conditions::of(&headers)?);
    let mut connection = register.db.read().acquire().await.map_err(Error::from)?;
    let announced = scim::announced(&mut connection, &system, register.today(), &id).await?;
    if !conditions.allow_match(&announced.tag()) {
        return Err(Error::Changed { what: "user", present: announced.version() }.into());
    }
    // RFC 9110 13.1.2.
    let is_known = !conditions.allow(&announced.tag());
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    Ok(shown(&mut connection, &announced, status, &shape).await?)
}

/// Brings somebody to what is sent. `active: false` closes the profile as a leaver's.
#[utoipa::path(
    put, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(
        ("id" = String, Path, description = "Twelve digits"),
        ("if-match" = Option<String>, Header, description = "The version that is meant"),
    ),
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "4711", "userName": "ann.example", "active": true,
        "name": {"givenName": "Ann", "familyName": "Example"}})),
    responses(
        (status = 200, description = "The user as it is now", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "What is wrong and what to do", body = Value, content_type = "application/scim+json"),
        (status = 403, description = "They also work elsewhere", body = Value, content_type = "application/scim+json"),
        (status = 409, description = "The profile is verified, closed or merged", body = Value, content_type = "application/scim+json"),
        (status = 412, description = "The user was changed since it was read", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn replace(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    id: Result<Path<UserId>, Problem>,
    wanted: Result<Query<Wanted>, Problem>,
    headers: HeaderMap,
    body: Result<Json<Value>, Problem>,
) -> Result<Shown, Refused> {
    let (feed, shape) = (feed(caller)?, Wanted::shape(wanted)?);
    let (Path(id), conditions) = (id?, Conditions::of(&headers)?);
    let user: User = scim::read(body?.0)?;
    let done: Result<Shown, Error> = feed
        .act(&register, move |tx, doing, system| {
            Box::pin(async move {
                let present = meant(tx, (&doing, &system), &id, &conditions).await?;
                let announced = scim::replace(tx, &doing, present, &user).await?;
                shown(tx, &announced, StatusCode::OK, &shape).await
            })
        })
        .await;
    Ok(done?)
}

/// Why a patch was not done: it makes no sense, or the register refused.
enum NotPatched {
    Refused(Refused),
    Failed(Error),
}

impl From<platform::db::Error> for NotPatched {
    fn from(error: platform::db::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for NotPatched {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refused> for NotPatched {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Changes somebody by operations, all of them or none. `active: false` closes the profile as a leaver's.
#[utoipa::path(
    patch, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(
        ("id" = String, Path, description = "Twelve digits"),
        ("if-match" = Option<String>, Header, description = "The version that is meant"),
    ),
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ann@trust.example"}]})),
    responses(
        (status = 200, description = "The user as it is now", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "What is wrong and what to do", body = Value, content_type = "application/scim+json"),
        (status = 403, description = "They also work elsewhere", body = Value, content_type = "application/scim+json"),
        (status = 409, description = "The profile is verified, closed or merged", body = Value, content_type = "application/scim+json"),
        (status = 412, description = "The user was changed since it was read", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn patch(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    id: Result<Path<UserId>, Problem>,
    wanted: Result<Query<Wanted>, Problem>,
    headers: HeaderMap,
    body: Result<Json<PatchRequest>, Problem>,
) -> Result<Shown, Refused> {
    let (feed, shape) = (feed(caller)?, Wanted::shape(wanted)?);
    let (Path(id), conditions, Json(request)) = (id?, Conditions::of(&headers)?, body?);
    let done: Result<Shown, NotPatched> = feed
        .act(&register, move |tx, doing, system| {
            Box::pin(async move {
                let present = meant(tx, (&doing, &system), &id, &conditions).await?;
                let resource = present.user(tx).await?.resource(&present.meta(BASE));
                let after = scim::patched(resource.clone(), request)?;
                if after == resource {
                    return Ok(shown(tx, &present, StatusCode::OK, &shape).await?);
                }
                let user = scim::taken(after)?;
                let announced = scim::change(tx, &doing, present, &user).await?;
                if user.active != Some(false) {
                    scim::demand_taken_away(tx, &announced, &user).await?;
                }
                Ok(shown(tx, &announced, StatusCode::OK, &shape).await?)
            })
        })
        .await;
    done.map_err(|not| match not {
        NotPatched::Refused(refused) => refused,
        NotPatched::Failed(error) => error.into(),
    })
}

/// Somebody left: the profile closes as a leaver's, every assignment ends, and this client knows the user no more.
#[utoipa::path(
    delete, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(
        ("id" = String, Path, description = "Twelve digits"),
        ("if-match" = Option<String>, Header, description = "The version that is meant"),
    ),
    responses(
        (status = 204, description = "The profile is closed"),
        (status = 403, description = "They also work elsewhere", body = Value, content_type = "application/scim+json"),
        (status = 404, description = "This client has announced nobody with this id", body = Value, content_type = "application/scim+json"),
        (status = 412, description = "The user was changed since it was read", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn remove(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    id: Result<Path<UserId>, Problem>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let feed = feed(caller)?;
    let (Path(id), conditions) = (id?, Conditions::of(&headers)?);
    let done: Result<(), Error> = feed
        .act(&register, move |tx, doing, system| {
            Box::pin(async move {
                let present = meant(tx, (&doing, &system), &id, &conditions).await?;
                scim::leave(tx, &doing, present).await
            })
        })
        .await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
