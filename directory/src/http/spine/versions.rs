//! What systems are and were.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use platform::web::Path;
use serde_json::Value;

use super::super::fhir;
use super::super::fhir_versions::{self, Whose};
use super::beside::{found, off, present, tagged};
use super::{BASE, FHIR_JSON, Kind, Outcome, known, may, media, new_id, refused, response};
use crate::fhir::kit::{Past, Stamp, stamped};
use crate::fhir::spine::unforwarded;
use crate::register::Register;
use crate::store::former::{self, Of};
use crate::store::reading::Reading;
use crate::system::{System, folded};

/// What an accredited system is and was.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Device/{id}/_history", tag = "spine-directory",
    params(("id" = String, Path, description = "The ASID"),
        ("_since" = Option<String>, Query, description = "Versions since this moment alone")),
    responses((status = 200, description = "A Bundle of versions, the newest first"))
)]
pub(in crate::http) async fn device_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    all(&register, &request, &id, Kind::Device).await
}

/// What an accredited system was in a version.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Device/{id}/_history/{version}", tag = "spine-directory",
    params(("id" = String, Path, description = "The ASID"), ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "Device, with its ETag"),
        (status = 410, description = "OperationOutcome: it was withdrawn"))
)]
pub(in crate::http) async fn device_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Parts,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Device).await
}

/// What a message handling system is and was, under one of its addresses.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Endpoint/{id}/_history", tag = "spine-directory",
    params(("id" = String, Path, description = "As a search has it"),
        ("_since" = Option<String>, Query, description = "Versions since this moment alone")),
    responses((status = 200, description = "A Bundle of versions, the newest first"))
)]
pub(in crate::http) async fn endpoint_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    all(&register, &request, &id, Kind::Endpoint).await
}

/// What a message handling system was in a version.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Endpoint/{id}/_history/{version}", tag = "spine-directory",
    params(("id" = String, Path, description = "As a search has it"),
        ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "Endpoint, with its ETag"),
        (status = 410, description = "OperationOutcome: it was withdrawn"))
)]
pub(in crate::http) async fn endpoint_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Parts,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Endpoint).await
}

async fn all(register: &Register, request: &Parts, id: &str, kind: Kind) -> Response {
    if let Some(off) = off(register, request) {
        return off;
    }
    match history(register, request, id, kind).await {
        Ok(history) => {
            let known = known(request, || new_id(register)).unwrap_or_else(|new| new);
            response(200, FHIR_JSON, &known, &history)
        }
        Err(outcome) => refused(register, request, &outcome),
    }
}

async fn history(register: &Register, request: &Parts, id: &str, kind: Kind) -> Result<Value, Outcome> {
    let past = versions(register, request, id, kind).await?;
    let asked = fhir::asked(request, b"")?;
    let whose = Whose { base: BASE, kind: kind.name(), id };
    let history = fhir_versions::history(request, &asked, &whose, new_id(register), past)?;
    serde_json::to_value(&history).map_err(|_| Outcome::failed("A history could not be told"))
}

async fn one(register: &Register, request: &Parts, (id, version): (&str, &str), kind: Kind) -> Response {
    if let Some(off) = off(register, request) {
        return off;
    }
    let past = versions(register, request, id, kind).await;
    match past.and_then(|past| fhir_versions::version(past, version).map_err(Outcome::from)) {
        Ok(whole) => {
            let stamp = Stamp { version: version.to_owned(), since: None };
            tagged(register, request, &stamp, &whole)
        }
        Err(outcome) => refused(register, request, &outcome),
    }
}

/// Every version, the newest first; one in which the system was withdrawn, or had no such address, says nothing.
async fn versions(
    register: &Register,
    request: &Parts,
    id: &str,
    kind: Kind,
) -> Result<Vec<Past<Value>>, Outcome> {
    may(request)?;
    media(request)?;
    let mut reading = Reading::exact(register);
    let system =
        found(&mut reading, id, kind).await?.ok_or_else(|| Outcome::no_such_resource(kind.name()))?;
    let folded = folded(system.id.as_str());
    let former = former::before(reading.tx().await?, Of::System, &folded, system.version).await?;
    let now = match system.withdrawn_at {
        None => present(register, &mut reading, &system, id, kind).await?,
        Some(_) => None,
    };
    let mut past = vec![match now {
        Some((stamp, whole)) => Past { stamp, was: Some(whole) },
        None => Past { stamp: Stamp::of(system.version, Some(system.changed_at)), was: None },
    }];
    for one in former {
        // It is told as it was written: where an intermediary was then, nobody knows.
        let was = System { content: one.read()?, version: one.version, ..system.clone() };
        let stamp = Stamp::of(one.version, one.at);
        let told = unforwarded(register, kind, &was).into_iter().find(|one| one["id"] == id);
        let was = told.map(|one| stamped(one, &stamp));
        past.push(Past { stamp, was });
    }
    // An address that it never had is none.
    if past.iter().all(|one| one.was.is_none()) {
        return Err(Outcome::no_such_resource(kind.name()));
    }
    Ok(past)
}
