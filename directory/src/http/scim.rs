//! `/directory/scim/v2`: what this face of SCIM says of itself, and the form of its answers (RFC 7644).

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::{StatusCode, Uri, header};
use platform::caller::Caller;
use platform::db::{self, JobFuture, Tx};
use platform::problem::Problem;
use platform::web::Path;
use serde_json::{Value, json};

use crate::acting::{Doing, Way};
use crate::api::FEED;
use crate::error::Error;
use crate::register::Register;
use crate::scim::{self, Refused, System};

/// Where it is.
pub(super) const BASE: &str = "/directory/scim/v2";

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/scim/v2/ServiceProviderConfig", get(service_provider_config))
        .route("/directory/scim/v2/ResourceTypes", get(resource_types))
        .route("/directory/scim/v2/ResourceTypes/{name}", get(resource_type))
        .route("/directory/scim/v2/Schemas", get(schemas))
        .route("/directory/scim/v2/Schemas/{id}", get(schema))
        .route("/directory/scim/v2/Bulk", any(not_offered))
        .route("/directory/scim/v2/Me", any(not_offered))
}

/// The type of everything that is answered (RFC 7644 8.1).
const MEDIA_TYPE: &str = "application/scim+json";

/// A resource or a list of them.
pub(super) struct Shown {
    pub(super) status: StatusCode,
    /// The entity tag.
    pub(super) tag: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: Value,
}

impl Shown {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, tag: None, location: None, body }
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], self.body.to_string()).into_response();
        if self.status == StatusCode::NOT_MODIFIED {
            // RFC 9110 15.4.5: its header alone.
            response = self.status.into_response();
        }
        let fields = [
            (header::ETAG, self.tag),
            // RFC 7643 3.1: the same as meta.location.
            (header::CONTENT_LOCATION, self.location.clone()),
            (header::LOCATION, self.location),
        ];
        for (name, value) in fields {
            if let Some(value) = value.and_then(|value| http::HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// An error in the form of RFC 7644 3.12.
pub(super) fn error(status: StatusCode, kind: Option<&'static str>, detail: &str) -> Shown {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.as_str(),
        "detail": detail,
    });
    if let Some(kind) = kind {
        body["scimType"] = json!(kind);
    }
    Shown { status, tag: None, location: None, body }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { problem, kind } = self;
        let (status, detail) = (problem.kind.status(), problem.detail.clone());
        // Logs it, and says when to try again.
        let mut response = problem.into_response();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        let (parts, body) = error(status, kind, &detail).into_response().into_parts();
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
        response
    }
}

/// A list.
pub(super) fn list_of(resources: &[Value], total: u64, start: u32) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// What RFC 7644 has and this face has not: 3.7 many operations at once, 3.11 the resource of whoever calls.
async fn not_offered(caller: Result<Caller, Problem>, uri: Uri) -> Result<Shown, Refused> {
    feed(caller)?;
    let what = uri.path().rsplit('/').next().unwrap_or_default();
    let detail = format!("{what} is not offered here. Use /Users; GET /ServiceProviderConfig says what is.");
    Ok(error(StatusCode::NOT_IMPLEMENTED, None, &detail))
}

/// A list of what is known beforehand. RFC 7644 4: a filter is refused, so that nobody takes the whole for what they asked for.
fn known(all: &[Value], uri: &Uri) -> Result<Shown, Refused> {
    let mut names = uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next());
    if names.any(|name| name == Some("filter")) {
        let detail = "These are not filtered. Ask without a filter.";
        return Err(Problem::forbidden("not-filtered", detail).into());
    }
    let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
    Ok(Shown::ok(list_of(all, total, 1)))
}

/// A personnel system that calls.
pub(super) struct Feed {
    /// Which it is, and for whom it speaks.
    pub(super) system: System,
    caller: Caller,
}

/// Which personnel system calls, in the name of its organisation.
pub(super) fn feed(caller: Result<Caller, Problem>) -> Result<Feed, Refused> {
    let caller = caller?;
    caller.may(FEED)?;
    let Some(employer) = caller.organisation.clone() else {
        let sentence =
            "This client speaks for no organisation. Ask the operator to say for which it does.".to_owned();
        return Err(Error::NotAllowed { code: "feed-without-organisation", sentence }.into());
    };
    let system = System { source: format!("scim {}", caller.client), employer };
    Ok(Feed { system, caller })
}

impl Feed {
    /// Does what it tells, in the writer's transaction. The job is given which system that is.
    pub(super) async fn act<T, E, F>(self, register: &Register, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + From<db::Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, Doing, System) -> JobFuture<'t, T, E> + Send + 'static,
    {
        let Self { system, caller } = self;
        let way = Way::Feed { organisation: system.employer.clone() };
        register.act_in_way(caller, way, register.now(), move |tx, doing| job(tx, doing, system)).await
    }
}

/// What is supported.
#[utoipa::path(
    get, path = "/directory/scim/v2/ServiceProviderConfig", tag = "scim",
    responses(
        (status = 200, description = "RFC 7643 5", body = Value, content_type = "application/scim+json"),
        (status = 403, description = "The caller may not do directory:feed", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn service_provider_config(
    caller: Result<Caller, Problem>,
    uri: Uri,
) -> Result<Shown, Refused> {
    feed(caller)?;
    known(&[], &uri)?;
    Ok(Shown::ok(scim::service_provider_config(BASE)))
}

/// The kinds of resources: users.
#[utoipa::path(
    get, path = "/directory/scim/v2/ResourceTypes", tag = "scim",
    responses(
        (status = 200, description = "RFC 7643 6", body = Value, content_type = "application/scim+json"),
        (status = 403, description = "It is asked for with a filter", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn resource_types(caller: Result<Caller, Problem>, uri: Uri) -> Result<Shown, Refused> {
    feed(caller)?;
    known(&scim::resource_types(BASE), &uri)
}

/// One kind of resource.
#[utoipa::path(
    get, path = "/directory/scim/v2/ResourceTypes/{name}", tag = "scim",
    params(("name" = String, Path, description = "Its name", example = "User")),
    responses(
        (status = 200, description = "RFC 7643 6", body = Value, content_type = "application/scim+json"),
        (status = 404, description = "There is no such kind", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn resource_type(
    caller: Result<Caller, Problem>,
    name: Result<Path<String>, Problem>,
) -> Result<Shown, Refused> {
    feed(caller)?;
    one(scim::resource_types(BASE), "resource type", &name?.0)
}

/// The schemas.
#[utoipa::path(
    get, path = "/directory/scim/v2/Schemas", tag = "scim",
    responses(
        (status = 200, description = "RFC 7643 7", body = Value, content_type = "application/scim+json"),
        (status = 403, description = "It is asked for with a filter", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn schemas(caller: Result<Caller, Problem>, uri: Uri) -> Result<Shown, Refused> {
    feed(caller)?;
    known(&scim::schemas(BASE), &uri)
}

/// One schema.
#[utoipa::path(
    get, path = "/directory/scim/v2/Schemas/{id}", tag = "scim",
    params(("id" = String, Path, description = "Its URN", example = "urn:ietf:params:scim:schemas:core:2.0:User")),
    responses(
        (status = 200, description = "RFC 7643 7", body = Value, content_type = "application/scim+json"),
        (status = 404, description = "There is no such schema", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn schema(
    caller: Result<Caller, Problem>,
    id: Result<Path<String>, Problem>,
) -> Result<Shown, Refused> {
    feed(caller)?;
    one(scim::schemas(BASE), "schema", &id?.0)
}

fn one(all: Vec<Value>, what: &'static str, id: &str) -> Result<Shown, Refused> {
    let found = all.into_iter().find(|one| one["id"] == id);
    found.map(Shown::ok).ok_or_else(|| Error::unknown(what, id).into())
}
