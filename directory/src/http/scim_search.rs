//! `/directory/scim/v2/Users` and `/.search`: looking for the people whom a personnel system has announced (RFC 7644 3.4.2, 3.4.3).

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use platform::caller::Caller;
use platform::db::Tx;
use platform::problem::Problem;
use platform::web::{Json, Query};
use serde::Deserialize;
use serde_json::Value;

use super::scim::{Shown, feed, list_of};
use super::scim_users::shown;
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::scim::{self, Filter, LARGEST_PAGE, MOST_LOOKED_AT, Refused, Shape, System, demand_schema};
use crate::store::people_links;

/// The schema of a search.
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/scim/v2/Users/.search", post(search))
        .route("/directory/scim/v2/.search", post(search_all))
}

/// What is asked of a list; what else is asked is left unread.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Asked {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: String,
    excluded_attributes: String,
}

/// The body of a search.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SearchRequest {
    schemas: Vec<String>,
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Vec<String>,
    excluded_attributes: Vec<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The first, counted from 1.
    start: u32,
    count: u32,
}

impl Part {
    /// RFC 7644 3.4.2.4: what is below 1 is 1, and a negative count is none.
    fn of(start: Option<i64>, count: Option<i64>) -> Self {
        Self {
            start: u32::try_from(start.unwrap_or(1).max(1)).unwrap_or(u32::MAX),
            count: u32::try_from(count.unwrap_or(50).max(0)).unwrap_or(u32::MAX).min(LARGEST_PAGE),
        }
    }
}

/// The users that this client has announced.
#[utoipa::path(
    get, path = "/directory/scim/v2/Users", tag = "scim",
    params(
        ("filter" = Option<String>, Query, description = "A filter of RFC 7644 3.4.2.2", example = "userName eq \"ann\""),
        ("startIndex" = Option<i64>, Query, description = "The first, counted from 1"),
        ("count" = Option<i64>, Query, description = "How many at most: 200, and 50 if it is left out"),
        ("attributes" = Option<String>, Query, description = "Only these, with commas between"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    responses(
        (status = 200, description = "A ListResponse", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "The filter is not understood, or looks at too many", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn list(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    asked: Result<Query<Asked>, Problem>,
) -> Result<Shown, Refused> {
    let system = feed(caller)?.system;
    let Query(asked) = asked?;
    let names = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    let shape = Shape::read(&names(&asked.attributes), &names(&asked.excluded_attributes))?;
    found(&register, &system, asked.filter.as_deref(), Part::of(asked.start_index, asked.count), &shape).await
}

/// The same with what is asked in the body.
#[utoipa::path(
    post, path = "/directory/scim/v2/Users/.search", tag = "scim",
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "userName eq \"ann\"", "attributes": ["userName"], "startIndex": 1, "count": 10})),
    responses(
        (status = 200, description = "A ListResponse", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "The filter is not understood, or looks at too many", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn search(
    caller: Result<Caller, Problem>,
    State(register): State<Register>,
    body: Result<Json<SearchRequest>, Problem>,
) -> Result<Shown, Refused> {
    let system = feed(caller)?.system;
    let Json(asked) = body?;
    demand_schema(&asked.schemas, SEARCH)?;
    let shape = Shape::read(&asked.attributes, &asked.excluded_attributes)?;
    found(&register, &system, asked.filter.as_deref(), Part::of(asked.start_index, asked.count), &shape).await
}

/// The same of every kind of resource, of which there is one.
#[utoipa::path(
    post, path = "/directory/scim/v2/.search", tag = "scim",
    request_body(content = Value, content_type = "application/scim+json", example = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "externalId eq \"4711\""})),
    responses(
        (status = 200, description = "A ListResponse", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "The filter is not understood, or looks at too many", body = Value, content_type = "application/scim+json"),
    )
)]
pub(super) async fn search_all(
    caller: Result<Caller, Problem>,
    register: State<Register>,
    body: Result<Json<SearchRequest>, Problem>,
) -> Result<Shown, Refused> {
    search(caller, register, body).await
}

async fn found(
    register: &Register,
    system: &System,
    filter: Option<&str>,
    part: Part,
    shape: &Shape,
) -> Result<Shown, Refused> {
    let refused = |_| {
        let sentence = "The filter cannot be read, or compares what cannot be compared. GET /Schemas shows the attributes.";
        Refused::invalid("invalidFilter", sentence)
    };
    let filter = filter.map(scim::filter).transpose().map_err(refused)?;
    let mut tx = register.db.read().acquire().await.map_err(Error::from)?;
    let Some(filter) = filter else {
        let total = people_links::count(&mut *tx, &system.source).await?;
        let links = people_links::page(&mut *tx, &system.source, part.start - 1, part.count).await?;
        let mut resources = Vec::with_capacity(links.len());
        for link in links {
            let announced = scim::announced_by(&mut tx, system, register.today(), link).await?;
            resources.push(shown(&mut tx, &announced, StatusCode::OK, shape).await?.body);
        }
        return Ok(Shown::ok(list_of(&resources, total, part.start)));
    };
    let taken = taken(&mut tx, (system, register.today()), &filter).await?;
    let total = u64::try_from(taken.len()).unwrap_or(u64::MAX);
    let skip = usize::try_from(part.start - 1).unwrap_or(usize::MAX);
    let count = usize::try_from(part.count).unwrap_or(usize::MAX);
    let page: Vec<Value> = taken.into_iter().skip(skip).take(count).map(|one| shape.of(one)).collect();
    Ok(Shown::ok(list_of(&page, total, part.start)))
}

/// Those whom a filter takes: the one whom it names, or those of everybody if that is not too many to look at.
async fn taken(tx: &mut Tx, (system, today): (&System, Day), filter: &Filter) -> Result<Vec<Value>, Refused> {
    let source = system.source.as_str();
    let links = match filter.key() {
        Some(key) => scim::known(tx, source, &key).await?.into_iter().collect(),
        None if people_links::count(&mut *tx, source).await? > u64::from(MOST_LOOKED_AT) => {
            let sentence = format!(
                "This filter would look at more than {MOST_LOOKED_AT} users. Let userName, externalId or id equal a text."
            );
            return Err(Refused::invalid("tooMany", sentence));
        }
        None => people_links::page(&mut *tx, source, 0, MOST_LOOKED_AT).await?,
    };
    let mut taken = Vec::new();
    for link in links {
        let announced = scim::announced_by(tx, system, today, link).await?;
        let resource = shown(tx, &announced, StatusCode::OK, &Shape::Whole).await?.body;
        if filter.takes(&resource) {
            taken.push(resource);
        }
    }
    Ok(taken)
}
