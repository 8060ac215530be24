//! What organisations and their relationships are and were.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts as Request;
use platform::id::OdsCode;
use platform::web::Path;

use super::super::{fhir, fhir_versions};
use super::{answer, ask, nothing};
use crate::error::Error;
use crate::fhir::kit::{Outcome, Parts, Past, Shape};
use crate::fhir::organisations::{BASE, Kind, affiliation_past, not_known, past};
use crate::register::Register;

/// What an organisation is and was.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/Organization/{id}/_history",
    tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The ODS code"),
        ("_since" = Option<String>, Query, description = "Versions since this moment alone")),
    responses((status = 200, description = "A Bundle of versions, the newest first"))
)]
pub(in crate::http) async fn organisation_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    all(&register, &request, &id, Kind::Organisation).await
}

/// What an organisation was in a version.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/Organization/{id}/_history/{version}",
    tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The ODS code"), ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "Organization, with its ETag"))
)]
pub(in crate::http) async fn organisation_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Request,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Organisation).await
}

/// What a relationship is and was, as far as the versions of its organisation tell.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}/_history",
    tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The id of the relationship")),
    responses((status = 200, description = "A Bundle of versions"))
)]
pub(in crate::http) async fn affiliation_history(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    all(&register, &request, &id, Kind::Affiliation).await
}

/// What a relationship was in a version.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}/_history/{version}",
    tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The id of the relationship"),
        ("version" = String, Path, description = "As in `meta`")),
    responses((status = 200, description = "OrganizationAffiliation, with its ETag"),
        (status = 410, description = "OperationOutcome: it was deleted"))
)]
pub(in crate::http) async fn affiliation_version(
    State(register): State<Register>,
    Path((id, version)): Path<(String, String)>,
    request: Request,
) -> Response {
    one(&register, &request, (&id, &version), Kind::Affiliation).await
}

async fn all(register: &Register, request: &Request, id: &str, kind: Kind) -> Response {
    if register.config.strict {
        return nothing(request);
    }
    let ask = match ask(request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let bundle = platform::id::RequestId::new(register.now()).to_string();
    let whose = fhir_versions::Whose { base: BASE, kind: kind.name(), id };
    let past = versions(register, id, kind).await;
    let told = past.and_then(|past| fhir_versions::history(request, &ask.asked, &whose, bundle, past));
    answer(request, ask.media, told)
}

async fn one(register: &Register, request: &Request, (id, version): (&str, &str), kind: Kind) -> Response {
    if register.config.strict {
        return nothing(request);
    }
    let ask = match ask(request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let past = versions(register, id, kind).await;
    match past.and_then(|past| fhir_versions::version(past, version)) {
        Ok(whole) => fhir::read(request, ask.media, whole, &Shape::default()),
        Err(outcome) => answer(request, ask.media, Err(outcome)),
    }
}

async fn versions(register: &Register, id: &str, kind: Kind) -> Result<Vec<Past<Parts>>, Outcome> {
    let unknown = || not_known(kind.name(), id);
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    if kind == Kind::Affiliation {
        let past = affiliation_past(&mut read, id).await?;
        return if past.is_empty() { Err(unknown()) } else { Ok(past) };
    }
    let code: OdsCode = id.parse().map_err(|_| unknown())?;
    let past = past(&mut read, &code).await?;
    // FHIR R4 2.24.0.2: ids are compared as they are written.
    if past.is_empty() || code.as_str() != id { Err(unknown()) } else { Ok(past) }
}
