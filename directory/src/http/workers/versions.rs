//! What people and their roles are and were.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts as Request;
use platform::id::UserId;
use platform::web::Path;

use super::super::{fhir, fhir_versions};
use super::{Kind, addition, by_id, find_id, hits, may, nothing, recorded, refused, unknown_resource};
use crate::error::Error;
use crate::fhir::kit::{Outcome, Parts, Past, Shape};
use crate::fhir::workers::{BASE, past, stamp};
use crate::register::Register;
use crate::store::reading::Reading;

/// What somebody is and was.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Practitioner/{id}/_history", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The user id"),
        ("_since" = Option<String>, Query, description = "Versions since this moment alone")),
    responses((status = 200, description = "A Bundle of versions, the newest first"))
)]
pub(in crate::http) async fn practitioner_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    all(&register, &request, &id, Kind::Practitioner).await
}

/// What somebody was in a version.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Practitioner/{id}/_history/{version}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The user id"), ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "Practitioner, with its ETag"),
        (status = 410, description = "OperationOutcome: they had left"))
)]
pub(in crate::http) async fn practitioner_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Request,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Practitioner).await
}

/// What somebody is somewhere: the present version, since no other is kept.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/PractitionerRole/{id}/_history", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The id of the role profile")),
    responses((status = 200, description = "A Bundle of versions"))
)]
pub(in crate::http) async fn role_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    all(&register, &request, &id, Kind::Role).await
}

/// What somebody is somewhere, if it still is this version.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/PractitionerRole/{id}/_history/{version}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The id of the role profile"),
        ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "PractitionerRole, with its ETag"))
)]
pub(in crate::http) async fn role_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Request,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Role).await
}

async fn all(register: &Register, request: &Request, id: &str, kind: Kind) -> Response {
    let Some((asked, media)) = addition(register, request) else { return nothing(request) };
    let bundle = platform::id::RequestId::new(register.now()).to_string();
    let whose = fhir_versions::Whose { base: BASE, kind: kind.name(), id };
    let told = versions(register, request, id, kind).await;
    match told.and_then(|past| fhir_versions::history(request, &asked, &whose, bundle, past)) {
        Ok(history) => fhir::response(request, 200, media, &history),
        Err(outcome) => refused(request, media, &outcome),
    }
}

async fn one(register: &Register, request: &Request, (id, version): (&str, &str), kind: Kind) -> Response {
    let Some((_, media)) = addition(register, request) else { return nothing(request) };
    let past = versions(register, request, id, kind).await;
    match past.and_then(|past| fhir_versions::version(past, version)) {
        Ok(whole) => fhir::read(request, media, whole, &Shape::default()),
        Err(outcome) => refused(request, media, &outcome),
    }
}

/// Every version, the newest first. Whose they are is in the record before any of it is answered.
async fn versions(
    register: &Register,
    request: &Request,
    id: &str,
    kind: Kind,
) -> Result<Vec<Past<Parts>>, Outcome> {
    let caller = may(register, request).await?;
    let unknown = || unknown_resource(kind, id);
    let mut reading = register.db.read().acquire().await.map_err(Error::from)?;
    let (versions, people) = match kind {
        Kind::Practitioner => {
            let user: UserId = id.parse().map_err(|_| unknown())?;
            (past(&mut reading, &user, register.config.workers.dialect).await?, vec![user.to_string()])
        }
        Kind::Role => {
            let wanted = by_id(kind, id).ok_or_else(unknown)?;
            let page = find_id(register, &mut Reading::exact(register), &wanted, kind).await?;
            let people = page.found.iter().map(|found| found.profile.user_id.to_string()).collect();
            let whole = hits(register, &page, &wanted, kind).into_iter().next();
            let present = page.found.first().zip(whole).map(|(found, hit)| {
                let stamp = stamp(found, kind, &hit.1);
                Past { was: Some(hit.1.stamped(&stamp)), stamp }
            });
            (present.into_iter().collect(), people)
        }
    };
    drop(reading);
    if versions.is_empty() {
        return Err(unknown());
    }
    recorded(register, &caller, kind, people).await?;
    Ok(versions)
}
