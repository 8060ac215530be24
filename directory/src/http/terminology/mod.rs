//! `/organisation-data-terminology-api/fhir`: the Organisation Data Terminology FHIR API.

mod codes;
mod query;
mod resources;
mod versions;

use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::request::Parts as Request;
use http::{HeaderValue, StatusCode, header};
use platform::db::Tx;
use utoipa::OpenApi;

use super::fhir;
use crate::api::LOOK_UP;
use crate::error::Error;
use crate::fhir::kit::{Asked, JSON_AND_XML, Media, Outcome, Parts, shown};
use crate::fhir::organisations::no_method;
use crate::register::Register;
use crate::store::organisations_imported;

/// How long the register may take.
const LIMIT: Duration = Duration::from_secs(8);

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/organisation-data-terminology-api/fhir/metadata", get(codes::metadata).fallback(only_read))
        .route(
            "/organisation-data-terminology-api/fhir/Organization",
            get(resources::organisations).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/Organization/_search",
            post(resources::organisations_search).fallback(only_posted),
        )
        .route(
            "/organisation-data-terminology-api/fhir/Organization/{id}",
            get(resources::organisation).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation",
            get(resources::affiliations).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation/_search",
            post(resources::affiliations_search).fallback(only_posted),
        )
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}",
            get(resources::affiliation).fallback(only_read),
        )
        .route("/organisation-data-terminology-api/fhir/List/{id}", get(resources::list).fallback(only_read))
        .merge(kept())
        .merge(operations())
        .route("/organisation-data-terminology-api/fhir/{*other}", any(unknown))
}

fn kept() -> Router<Register> {
    Router::new()
        .route(
            "/organisation-data-terminology-api/fhir/Organization/{id}/_history",
            get(versions::organisation_history).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/Organization/{id}/_history/{version}",
            get(versions::organisation_version).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}/_history",
            get(versions::affiliation_history).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}/_history/{version}",
            get(versions::affiliation_version).fallback(only_read),
        )
}

fn operations() -> Router<Register> {
    Router::new()
        .route("/organisation-data-terminology-api/fhir/CodeSystem", get(codes::systems).fallback(only_read))
        .route(
            "/organisation-data-terminology-api/fhir/CodeSystem/",
            get(codes::systems_below).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/CodeSystem/{id}",
            get(codes::system).fallback(only_read),
        )
        .route(
            "/organisation-data-terminology-api/fhir/CodeSystem/$lookup",
            get(codes::lookup).post(codes::lookup_posted).fallback(only_asked),
        )
        .route(
            "/organisation-data-terminology-api/fhir/CodeSystem/$validate-code",
            get(codes::validate).post(codes::validate_posted).fallback(only_asked),
        )
        .route(
            "/organisation-data-terminology-api/fhir/CodeSystem/$subsumes",
            get(codes::subsumes).post(codes::subsumes_posted).fallback(only_asked),
        )
        .route(
            "/organisation-data-terminology-api/fhir/ValueSet/$expand",
            get(codes::expand).post(codes::expand_posted).fallback(only_asked),
        )
        .route(
            "/organisation-data-terminology-api/fhir/ValueSet/$validate-code",
            get(codes::validate_in_set).post(codes::validate_in_set_posted).fallback(only_asked),
        )
}

#[derive(OpenApi)]
#[openapi(paths(
    codes::metadata,
    resources::organisations,
    resources::organisations_search,
    resources::organisation,
    resources::affiliations,
    resources::affiliations_search,
    resources::affiliation,
    resources::list,
    versions::organisation_history,
    versions::organisation_version,
    versions::affiliation_history,
    versions::affiliation_version,
    codes::systems,
    codes::systems_below,
    codes::system,
    codes::lookup,
    codes::lookup_posted,
    codes::validate,
    codes::validate_posted,
    codes::subsumes,
    codes::subsumes_posted,
    codes::expand,
    codes::expand_posted,
    codes::validate_in_set,
    codes::validate_in_set_posted,
))]
pub(super) struct Document;

/// What is asked and in which form is answered.
pub(super) struct Ask {
    pub(super) asked: Asked,
    pub(super) media: Media,
}

/// Reads what is asked; the answer if it is refused.
pub(super) fn ask(request: &Request, form: &[u8]) -> Result<Ask, Box<Response>> {
    let first = JSON_AND_XML[0];
    if let Err(problem) = fhir::demand(request, LOOK_UP) {
        return Err(Box::new(refused(request, first, &problem.into())));
    }
    let asked = fhir::asked(request, form).map_err(|outcome| Box::new(refused(request, first, &outcome)))?;
    let media = fhir::form(request, &asked, JSON_AND_XML).ok_or_else(|| {
        let outcome =
            Outcome::new(406, "not-supported", "Nothing that Accept or _format names is there: JSON or XML.");
        Box::new(refused(request, first, &outcome))
    })?;
    Ok(Ask { asked, media })
}

pub(super) fn refused(request: &Request, media: Media, outcome: &Outcome) -> Response {
    fhir::response(request, outcome.status, media, &outcome.narrated())
}

/// What was found as an answer.
pub(super) fn answer(request: &Request, media: Media, found: Result<Parts, Outcome>) -> Response {
    match found {
        Ok(resource) => fhir::response(request, 200, media, &resource),
        Err(outcome) => refused(request, media, &outcome),
    }
}

/// Waits as long as the register may take.
async fn in_time<T>(work: impl Future<Output = Result<T, Outcome>>) -> Result<T, Outcome> {
    let late = || Outcome::new(504, "timeout", "The directory did not answer in time.");
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_late| Err(late()))
}

/// The version of every code system: the day on which the last release that was brought in was published.
async fn version(tx: &mut Tx) -> Result<String, Error> {
    Ok(organisations_imported::latest(tx).await?.map_or_else(|| "0".to_owned(), |day| day.to_string()))
}

/// Where something is read.
async fn only_read(request: Request) -> Response {
    no_method_here(&request, "GET, HEAD")
}

/// Where something is asked for by a form.
async fn only_posted(request: Request) -> Response {
    no_method_here(&request, "POST")
}

/// Where something is asked for by a query or by a body.
async fn only_asked(request: Request) -> Response {
    no_method_here(&request, "GET, HEAD, POST")
}

fn no_method_here(request: &Request, allowed: &'static str) -> Response {
    let mut response = match ask(request, b"") {
        Ok(ask) => refused(request, ask.media, &no_method(request.method.as_str())),
        Err(response) => *response,
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

async fn unknown(request: Request) -> Response {
    nothing(&request)
}

/// There is nothing under this address.
pub(super) fn nothing(request: &Request) -> Response {
    let path = shown(request.uri.path());
    let outcome = Outcome::new(404, "processing", format!("HAPI-0302: Unknown resource or address: {path}"));
    match ask(request, b"") {
        Ok(ask) => refused(request, ask.media, &outcome),
        Err(response) => *response,
    }
}
