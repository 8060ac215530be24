//! `/spine-directory/FHIR/R4`: the Spine Directory Service's FHIR API.

mod beside;
mod changes;
mod versions;
mod walk;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use platform::problem::Problem;
use platform::web::Head;
use serde_json::Value;
use utoipa::{IntoParams, OpenApi};

use super::fhir;
use super::headers::together;
use crate::api::LOOK_UP;
use crate::fhir::kit::{SHAPING, Shape, stamped};
use crate::fhir::spine::{
    Asked, BASE, Kind, MOST, Outcome, Rules, Through, asked, bundle, correlation, made, systems,
};
use crate::register::Register;
use crate::span::Span;
use crate::store::reading::Reading;

/// How long the register may take.
const LIMIT: Duration = Duration::from_secs(3);
/// Parameters beside those of the model.
const BESIDE: [&str; SHAPING.len() + 1] = {
    let [count, cursor, summary, elements, pretty] = SHAPING;
    [count, cursor, summary, elements, pretty, "_lastUpdated"]
};
const FHIR_JSON: &str = "application/fhir+json";

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/spine-directory/FHIR/R4/metadata", get(beside::metadata).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Device", get(device).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Device/_search", post(beside::device_search).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Device/{id}", get(beside::device_read).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Endpoint", get(endpoint).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Endpoint/_search", post(beside::endpoint_search).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Endpoint/{id}", get(beside::endpoint_read).fallback(only_get))
        .route("/spine-directory/FHIR/R4/Device/_history", get(changes::devices_changed).fallback(only_get))
        .route(
            "/spine-directory/FHIR/R4/Endpoint/_history",
            get(changes::endpoints_changed).fallback(only_get),
        )
        .route(
            "/spine-directory/FHIR/R4/Device/{id}/_history",
            get(versions::device_history).fallback(only_get),
        )
        .route(
            "/spine-directory/FHIR/R4/Device/{id}/_history/{version}",
            get(versions::device_version).fallback(only_get),
        )
        .route(
            "/spine-directory/FHIR/R4/Endpoint/{id}/_history",
            get(versions::endpoint_history).fallback(only_get),
        )
        .route(
            "/spine-directory/FHIR/R4/Endpoint/{id}/_history/{version}",
            get(versions::endpoint_version).fallback(only_get),
        )
        .route("/spine-directory/FHIR/R4/{*other}", any(unknown))
}

#[derive(OpenApi)]
#[openapi(paths(
    device,
    endpoint,
    beside::metadata,
    beside::device_search,
    beside::device_read,
    beside::endpoint_search,
    beside::endpoint_read,
    changes::devices_changed,
    changes::endpoints_changed,
    versions::device_history,
    versions::device_version,
    versions::endpoint_history,
    versions::endpoint_version,
))]
pub(super) struct Document;

/// What devices are asked for by; each value with its system before it, as in
/// `https://fhir.nhs.uk/Id/ods-organization-code|RXX`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
struct DeviceQuery {
    /// The ODS code of the organisation. Needed.
    organization: String,
    /// The interaction (`https://fhir.nhs.uk/Id/nhsServiceInteractionId`), which is needed, or the party key
    /// (`https://fhir.nhs.uk/Id/nhsMhsPartyKey`); both where it comes twice.
    identifier: Vec<String>,
    /// The ODS code of the manufacturer.
    #[param(rename = "manufacturing-organization")]
    manufacturing_organization: Option<String>,
}

/// What endpoints are asked for by: two or three of organisation, interaction and party key.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
struct EndpointQuery {
    /// The ODS code of the organisation.
    organization: Option<String>,
    /// The interaction or the party key; both where it comes twice.
    identifier: Option<Vec<String>>,
}

/// Accredited systems.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Device", tag = "spine-directory", params(DeviceQuery),
    responses((status = 200, description = "A Bundle of Device"))
)]
pub(super) async fn device(State(register): State<Register>, Head(request): Head) -> Response {
    answered(&register, &request, b"", Kind::Device).await
}

/// Message handling systems.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Endpoint", tag = "spine-directory", params(EndpointQuery),
    responses((status = 200, description = "A Bundle of Endpoint"))
)]
pub(super) async fn endpoint(State(register): State<Register>, Head(request): Head) -> Response {
    answered(&register, &request, b"", Kind::Endpoint).await
}

async fn only_get(State(register): State<Register>, request: Parts) -> Response {
    let mut response = refused(&register, &request, &Outcome::only_get());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    response
}

async fn unknown(State(register): State<Register>, Head(request): Head) -> Response {
    refused(&register, &request, &Outcome::no_such_path())
}

pub(super) fn refused(register: &Register, request: &Parts, outcome: &Outcome) -> Response {
    told(request, &new_id(register), outcome)
}

/// A refusal under the id that the client gave the request, or under a new one.
pub(super) fn told(request: &Parts, new: &str, outcome: &Outcome) -> Response {
    let known = known(request, || new.to_owned()).unwrap_or_else(|new| new);
    response(outcome.status, FHIR_JSON, &known, &outcome.body(&known))
}

async fn answered(register: &Register, request: &Parts, form: &[u8], kind: Kind) -> Response {
    let found = match may(request) {
        Ok(()) => known(request, || new_id(register))
            .map_err(|_| Outcome::bad_request("The header X-Correlation-Id holds a UUID, or is left out.")),
        Err(problem) => Err(problem.into()),
    };
    let found = match found {
        Ok(known) => search(register, request, form, kind).await.map(|(media, body)| (known, media, body)),
        Err(outcome) => Err(outcome),
    };
    match found {
        Ok((known, media, body)) => response(200, media, &known, &body),
        Err(outcome) => refused(register, request, &outcome),
    }
}

fn may(request: &Parts) -> Result<(), Problem> {
    fhir::demand(request, LOOK_UP)
}

/// By what a request is known; `Err`: by a new id, because its own is none.
fn known(request: &Parts, new: impl FnOnce() -> String) -> Result<String, String> {
    let header = request.headers.get(&fhir::CORRELATION).map(|value| value.to_str().unwrap_or_default());
    correlation(header, new)
}

fn new_id(register: &Register) -> String {
    platform::id::RequestId::new(register.now()).as_str().to_ascii_uppercase()
}

fn response(status: u16, media: &'static str, known: &str, body: &Value) -> Response {
    let text = body.to_string();
    if status < 400 && text.len() > fhir::LARGEST {
        let outcome = Outcome::from(fhir::too_large());
        return response(outcome.status, FHIR_JSON, known, &outcome.body(known));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    identified((status, [(header::CONTENT_TYPE, media)], text).into_response(), known)
}

/// The answer with the id by which the request is known.
fn identified(mut response: Response, known: &str) -> Response {
    if let Ok(known) = HeaderValue::try_from(known) {
        response.headers_mut().insert(fhir::CORRELATION, known);
    }
    response
}

/// The first type in Accept that there is; qualities do not count.
fn media(request: &Parts) -> Result<&'static str, Outcome> {
    let Some(accepted) = together(&request.headers, &header::ACCEPT) else { return Ok(FHIR_JSON) };
    let types =
        accepted.split(',').map(|one| one.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let found = types.filter_map(|one| match one.as_str() {
        FHIR_JSON | "*/*" => Some(FHIR_JSON),
        "application/json" => Some("application/json"),
        _ => None,
    });
    found.into_iter().next().ok_or_else(Outcome::not_acceptable)
}

async fn search(
    register: &Register,
    request: &Parts,
    form: &[u8],
    kind: Kind,
) -> Result<(&'static str, Value), Outcome> {
    let is_strict = register.config.strict;
    let beside: &'static [&'static str] = if is_strict { &[] } else { &BESIDE };
    let passes_over = !is_strict && fhir::handling(request) == Some(false);
    let asked = asked(kind, request.uri.query().unwrap_or_default(), form, Rules { beside, passes_over })?;
    let media = media(request)?;
    let given = fhir::asked(request, form)?;
    let shape = if is_strict { Shape::default() } else { Shape::read(&given, MOST)? };
    let written = if is_strict { None } else { beside::written(&given)? };
    let found = match tokio::time::timeout(LIMIT, resources(register, kind, &asked, written)).await {
        Ok(found) => found?,
        Err(_late) => return Err(Outcome::timed_out()),
    };
    let origin = fhir::origin(request);
    let target = request.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut links = vec![("self", format!("{origin}{}", unquoted(&target)))];
    let total = found.len();
    let (page, next) = beside::page(found, &shape)?;
    links.extend(next.map(|next| ("next", fhir::link(request, &given, &[("_cursor", Some(&next))]))));
    let address = format!("{origin}{BASE}/{}", kind.name());
    Ok((media, bundle(&new_id(register), &address, total, &links, page)))
}

/// An address without its escapes, as the national service shows it.
fn unquoted(target: &str) -> String {
    let mut octets = Vec::with_capacity(target.len());
    let mut rest = target.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|pair| hex::decode(pair).ok());
        if let Some([octet]) = escaped.as_deref() {
            octets.push(*octet);
            rest = &after[2..];
        } else {
            octets.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// What is meant; where it is asked when it was written, of that time alone, and with its version.
async fn resources(
    register: &Register,
    kind: Kind,
    asked: &Asked,
    written: Option<Span>,
) -> Result<Vec<walk::Found>, Outcome> {
    let mut resources = Vec::new();
    let mut through = Through::default();
    // Whoever asks by when something was written comes again from that moment on: what they are told then must be what was written.
    let mut reading = if written.is_some() { Reading::exact(register) } else { Reading::quick(register) };
    for system in systems(&mut reading, kind, asked).await? {
        if written.is_some_and(|span| !span.has(system.changed_at)) {
            continue;
        }
        let made = made(register, &mut reading, kind, &system, &mut through).await?;
        let stamps = written.is_some();
        resources.extend(made.resources.iter().map(|one| {
            let told = if stamps { stamped(one.clone(), &made.stamp(&system, one)) } else { one.clone() };
            walk::Found::new(&system, told)
        }));
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Escapes go, what is none stays.
    #[test]
    fn addresses_are_unquoted() {
        assert_eq!(unquoted("/Device?a=b%7Cc%2"), "/Device?a=b|c%2");
    }
}
