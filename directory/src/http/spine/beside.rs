//! What there is beside the model of the national service: what the API can do, systems by their ids, forms, pages.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use platform::web::{Path, Raw};
use serde_json::Value;

use super::super::fhir;
use super::super::headers::together;
use super::walk::{Found, begin};
use super::{
    DeviceQuery, EndpointQuery, FHIR_JSON, Kind, Outcome, answered, identified, known, may, media, new_id,
    refused, response,
};
use crate::fhir::kit::{Asked, Extent, ONLY_JSON, Shape, Stamp, Summary, capability, stamped};
use crate::fhir::spine::{API, Named, Through, is_of, made, system, system_of};
use crate::register::Register;
use crate::span::Span;
use crate::store::reading::Reading;
use crate::store::systems;
use crate::system::{System, folded};

/// How many systems are looked at whose identifiers may begin alike, where an id has no room for all of one.
const ALIKE: u32 = 50;

/// In which time what is asked for is to have been written, if it is asked so.
pub(super) fn written(asked: &Asked) -> Result<Option<Span>, Outcome> {
    let mut written: Option<Span> = None;
    for parameter in asked.all("_lastUpdated") {
        let wrong = || Outcome::bad_request("Invalid _lastUpdated: it is a moment with its zone, or a day.");
        let span = Span::read(&parameter.value).ok_or_else(wrong)?;
        written = Some(written.unwrap_or_default().and(span));
    }
    Ok(written)
}

/// A page of what was found, with what is wanted of each; after what the next begins, if there is more.
pub(super) fn page(found: Vec<Found>, shape: &Shape) -> Result<(Vec<Value>, Option<String>), Outcome> {
    if shape.summary == Summary::Count {
        return Ok((Vec::new(), None));
    }
    let begin = match &shape.cursor {
        None => 0,
        Some(cursor) => begin(&found, cursor)
            .ok_or_else(|| Outcome::bad_request("Invalid _cursor: take it from a link."))?,
    };
    let count = shape.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let is_more = found.len() - begin > count;
    let page: Vec<Found> = found.into_iter().skip(begin).take(count).collect();
    let next = page.last().filter(|_| is_more).map(Found::cursor);
    Ok((page.into_iter().map(|one| shape.of_value(one.resource)).collect(), next))
}

pub(super) fn off(register: &Register, request: &Parts) -> Option<Response> {
    register.config.strict.then(|| refused(register, request, &Outcome::no_such_path()))
}

/// What the Spine Directory Service can do.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/metadata", tag = "spine-directory",
    responses((status = 200, description = "CapabilityStatement"))
)]
pub(in crate::http) async fn metadata(State(register): State<Register>, request: Parts) -> Response {
    if let Some(off) = off(&register, &request) {
        return off;
    }
    match may(&request).map_err(Outcome::from).and_then(|()| media(&request)) {
        Ok(_) => {
            let whole = capability(&API, Extent::Whole, &fhir::origin(&request), register.today());
            fhir::read(&request, ONLY_JSON[0], whole, &Shape::default())
        }
        Err(outcome) => refused(&register, &request, &outcome),
    }
}

/// Accredited systems, asked for by a form.
#[utoipa::path(
    post, path = "/spine-directory/FHIR/R4/Device/_search", tag = "spine-directory", params(DeviceQuery),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of Device"))
)]
pub(in crate::http) async fn device_search(
    State(register): State<Register>,
    request: Parts,
    Raw(form): Raw,
) -> Response {
    match off(&register, &request) {
        Some(off) => off,
        None => answered(&register, &request, &form, Kind::Device).await,
    }
}

/// Message handling systems, asked for by a form.
#[utoipa::path(
    post, path = "/spine-directory/FHIR/R4/Endpoint/_search", tag = "spine-directory", params(EndpointQuery),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of Endpoint"))
)]
pub(in crate::http) async fn endpoint_search(
    State(register): State<Register>,
    request: Parts,
    Raw(form): Raw,
) -> Response {
    match off(&register, &request) {
        Some(off) => off,
        None => answered(&register, &request, &form, Kind::Endpoint).await,
    }
}

/// An accredited system.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Device/{id}", tag = "spine-directory",
    params(("id" = String, Path, description = "The ASID")),
    responses((status = 200, description = "Device, with its ETag"))
)]
pub(in crate::http) async fn device_read(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    read(&register, &request, &id, Kind::Device).await
}

/// A message handling system under one of its addresses.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Endpoint/{id}", tag = "spine-directory",
    params(("id" = String, Path, description = "As a search has it")),
    responses((status = 200, description = "Endpoint, with its ETag"))
)]
pub(in crate::http) async fn endpoint_read(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    read(&register, &request, &id, Kind::Endpoint).await
}

async fn read(register: &Register, request: &Parts, id: &str, kind: Kind) -> Response {
    if let Some(off) = off(register, request) {
        return off;
    }
    match one(register, request, id, kind).await {
        Ok((stamp, body)) => tagged(register, request, &stamp, &body),
        Err(outcome) => refused(register, request, &outcome),
    }
}

/// The version of a resource, and what is wanted of it.
async fn one(register: &Register, request: &Parts, id: &str, kind: Kind) -> Result<(Stamp, Value), Outcome> {
    may(request)?;
    media(request)?;
    let shape = Shape::read(&fhir::asked(request, b"")?, 1)?;
    let unknown = || Outcome::no_such_resource(kind.name());
    let mut reading = Reading::quick(register);
    let system = found(&mut reading, id, kind).await?.filter(|one| one.withdrawn_at.is_none());
    let system = system.ok_or_else(unknown)?;
    let (stamp, whole) = present(register, &mut reading, &system, id, kind).await?.ok_or_else(unknown)?;
    Ok((stamp, shape.of_value(whole)))
}

/// The system whose resource has this id, withdrawn or not, if it is one of this kind.
pub(super) async fn found(
    reading: &mut Reading<'_>,
    id: &str,
    kind: Kind,
) -> Result<Option<System>, Outcome> {
    let found = match system_of(id) {
        None => None,
        Some(Named::Whole(name)) => system(reading, &folded(&name)).await?,
        Some(Named::Begins(beginning)) => {
            let alike = systems::beginning(reading.tx().await?, &folded(&beginning), ALIKE).await?;
            alike.into_iter().find(|one| is_of(id, one.id.as_str()))
        }
    };
    let is_asked_for = |system: &System| {
        let is_device = matches!(system.content, crate::api::SystemContent::Accredited(_));
        is_device == (kind == Kind::Device)
    };
    Ok(found.filter(is_asked_for))
}

/// The resource of a system that has this id as it is now, with its version.
pub(super) async fn present(
    register: &Register,
    reading: &mut Reading<'_>,
    system: &System,
    id: &str,
    kind: Kind,
) -> Result<Option<(Stamp, Value)>, Outcome> {
    let made = made(register, reading, kind, system, &mut Through::default()).await?;
    let found = made.resources.iter().find(|one| one["id"] == id);
    Ok(found.map(|one| {
        let stamp = made.stamp(system, one);
        (stamp.clone(), stamped(one.clone(), &stamp))
    }))
}

/// A resource with the tag of its version; nothing of it where the client has it.
pub(super) fn tagged(register: &Register, request: &Parts, stamp: &Stamp, body: &Value) -> Response {
    let tag = stamp.tag();
    let sent = together(&request.headers, &header::IF_NONE_MATCH);
    let known = known(request, || new_id(register)).unwrap_or_else(|new| new);
    let mut response = if fhir::has(sent.as_deref(), &tag) {
        identified(StatusCode::NOT_MODIFIED.into_response(), &known)
    } else {
        response(200, FHIR_JSON, &known, body)
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
