//! `/directory/scim/v2/Users`: the people whom a personnel system has announced.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use platform::caller::Caller;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::Problem;
use platform::web::{Json, Path, Query};
use serde::Deserialize;
use serde_json::Value;

use super::scim::{BASE, Shown, feed, list_of};
use crate::error::Error;
use crate::register::Register;
use crate::scim::{self, Announced, Filter, LARGEST_PAGE, PatchRequest, Refused, User};
use crate::store::people_links::{self, By, Link};
use crate::version::Expected;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/scim/v2/Users", get(list).post(create))
        .route("/directory/scim/v2/Users/{id}", get(read).put(replace).patch(patch).delete(remove))
}

/// What is asked of a list; what else is asked is left unread.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Asked {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
}

/// The resource of somebody.
async fn shown(tx: &mut Tx, announced: &Announced, status: StatusCode) -> Result<Shown, Error> {
    let version = announced.profile.version;
    let id = announced.profile.user_id.as_str();
    let body = announced.user(tx).await?.resource(id, BASE, &version.tag());
    Ok(Shown { status, version: Some(version), location: Some(format!("{BASE}/Users/{id}")), body })
}

/// Which version is meant; any where the client does not say (RFC 7644 3.14 lets it). Tags may be weak.
fn expected(headers: &HeaderMap) -> Result<Expected, Refused> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(Expected::Any) };
    let text = value.to_str().unwrap_or_default().trim();
    Expected::parse(text.strip_prefix("W/").unwrap_or(text)).ok_or_else(|| {
        Refused::invalid("invalidVers", "If-Match holds one version as it was answered, or a star.")
    })
}

/// Finds somebody for a change, if they are as the client has read them.
async fn meant(tx: &mut Tx, source: &str, user: &UserId, expected: Expected) -> Result<Announced, Error> {
    let announced = scim::announced(tx, source, user).await?;
    if !expected.holds(announced.profile.version) {
        return Err(Error::Changed { what: "user", present: announced.profile.version });
    }
    Ok(announced)
}

/// The users that this client has announced.
#[utoipa::path(
    get, path = "/directory/scim/v2/Users", tag = "scim",
    params(
        ("filter" = Option<String>, Query, description = "One attribute that equals a text", example = "userName eq \"ann\""),
        ("startIndex" = Option<i64>, Query, description = "The first, counted from 1"),
        ("count" = Option<i64>, Query, description = "How many at most: 200, and 50 if it is left out"),
    ),
    responses(
        (status = 200, description = "A ListResponse", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "The filter is not understood", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn list(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    asked: Result<Query<Asked>, Problem>,
) -> Result<Shown, Refused> {
    let source = feed(caller)?.source;
    let Query(asked) = asked?;
    let start = u32::try_from(asked.start_index.unwrap_or(1).max(1)).unwrap_or(u32::MAX);
    let count = u32::try_from(asked.count.unwrap_or(50).max(0)).unwrap_or(u32::MAX).min(LARGEST_PAGE);
    let mut connection = register.db.read().acquire().await.map_err(Error::from)?;
    let asked = asked.filter.as_deref().map(scim::filter).transpose()?;
    let (links, total): (Vec<Link>, u64) = if let Some(filter) = asked {
        let found = find(&mut connection, &source, &filter).await?;
        let total = u64::from(found.is_some());
        (found.into_iter().filter(|_| start == 1 && count > 0).collect(), total)
    } else {
        let total = people_links::count(&mut *connection, &source).await?;
        (people_links::page(&mut *connection, &source, start - 1, count).await?, total)
    };
    let mut resources = Vec::with_capacity(links.len());
    for link in links {
        let user = link.user.clone();
        let announced = scim::announced(&mut connection, &source, &user).await?;
        let announced = Announced { link, ..announced };
        resources.push(shown(&mut connection, &announced, StatusCode::OK).await?.body);
    }
    Ok(Shown::ok(list_of(&resources, total, start)))
}

async fn find(tx: &mut Tx, source: &str, filter: &Filter) -> Result<Option<Link>, Error> {
    match filter {
        Filter::UserName(name) => people_links::find(&mut *tx, source, By::UserName(name)).await,
        Filter::ExternalId(id) => people_links::find(&mut *tx, source, By::ExternalId(id)).await,
        Filter::Id(id) => match id.parse() {
            Ok(user) => people_links::find(&mut *tx, source, By::User(&user)).await,
            Err(_) => Ok(None),
        },
    }
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
    body: Result<Json<Value>, Problem>,
) -> Result<Shown, Refused> {
    let feed = feed(caller)?;
    let user: User = scim::read(body?.0)?;
    let done: Result<Shown, Error> = feed
        .act(&register, move |tx, doing, source| {
            Box::pin(async move {
                let (new, announced) = scim::announce(tx, &doing, &source, &user).await?;
                shown(tx, &announced, if new { StatusCode::CREATED } else { StatusCode::OK }).await
            })
        })
        .await;
    Ok(done?)
}

/// Somebody whom this client has announced.
#[utoipa::path(
    get, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(("id" = String, Path, description = "Twelve digits")),
    responses(
        (status = 200, description = "The user", body = Value, content_type = "application/scim+json"),
        (status = 404, description = "This client has announced nobody with this id", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn read(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    id: Result<Path<UserId>, Problem>,
) -> Result<Shown, Refused> {
    let source = feed(caller)?.source;
    let mut connection = register.db.read().acquire().await.map_err(Error::from)?;
    let announced = scim::announced(&mut connection, &source, &id?.0).await?;
    Ok(shown(&mut connection, &announced, StatusCode::OK).await?)
}

/// Brings somebody to what is sent. `active: false` closes the profile as a leaver's.
#[utoipa::path(
    put, path = "/directory/scim/v2/Users/{id}", tag = "scim",
    params(
        ("id" = String, Path, description = "Twelve digits"),
        ("if-match" = Option<String>, Header, description = "The version that is meant"),
    ),
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "externalId": "4711", "userName": "ann.example", "active": true,
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
    headers: HeaderMap,
    body: Result<Json<Value>, Problem>,
) -> Result<Shown, Refused> {
    let feed = feed(caller)?;
    let (Path(id), expected) = (id?, expected(&headers)?);
    let user: User = scim::read(body?.0)?;
    let done: Result<Shown, Error> = feed
        .act(&register, move |tx, doing, source| {
            Box::pin(async move {
                let present = meant(tx, &source, &id, expected).await?;
                let announced = scim::replace(tx, &doing, present, &user).await?;
                shown(tx, &announced, StatusCode::OK).await
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
    headers: HeaderMap,
    body: Result<Json<PatchRequest>, Problem>,
) -> Result<Shown, Refused> {
    let feed = feed(caller)?;
    let (Path(id), expected, Json(request)) = (id?, expected(&headers)?, body?);
    let done: Result<Shown, NotPatched> = feed
        .act(&register, move |tx, doing, source| {
            Box::pin(async move {
                let present = meant(tx, &source, &id, expected).await?;
                let version = present.profile.version.tag();
                let resource = present.user(tx).await?.resource(id.as_str(), BASE, &version);
                let user = scim::read(scim::patched(resource, request)?)?;
                let announced = scim::replace(tx, &doing, present, &user).await?;
                Ok(shown(tx, &announced, StatusCode::OK).await?)
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
    let (Path(id), expected) = (id?, expected(&headers)?);
    let done: Result<(), Error> = feed
        .act(&register, move |tx, doing, source| {
            Box::pin(async move {
                let present = meant(tx, &source, &id, expected).await?;
                scim::leave(tx, &doing, present).await
            })
        })
        .await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
