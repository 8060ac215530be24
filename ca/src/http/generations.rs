//! `/ca/generations`, `/ca/issuers/{id}/generations` and `/ca/imports`: authorities that are given a new key.

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{AUTHORITIES, GenerationInfo, Import, ImportInfo, READ, RolloverRequest};
use crate::authority::Authority;

/// Every generation that was made after the ceremony or is being made, with its transcript.
#[utoipa::path(
    get, path = "/ca/generations", tag = "ca",
    responses(
        (status = 200, description = "The generations", body = Vec<GenerationInfo>),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
) -> Result<Json<Vec<GenerationInfo>>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.generations().await?))
}

/// Gives an authority a new key. One that was begun and stopped is taken up.
#[utoipa::path(
    post, path = "/ca/issuers/{id}/generations", tag = "ca",
    params(("id" = String, Path, description = "The authority's id, without a generation")),
    request_body(content = RolloverRequest, example = json!({
        "algorithm": "p-384", "common_name": "Larkfield Card CA G2", "dry_run": true,
    })),
    responses(
        (status = 200, description = "The generation, or in a dry run what it would be", body = GenerationInfo),
        (status = 400, description = "A kind of key or a name that an authority may not have", body = Body),
        (status = 403, description = "The caller may not do ca:authorities", body = Body),
        (status = 404, description = "No authority has this id", body = Body),
        (status = 409, description = "It cannot be done so", body = Body),
        (status = 503, description = "The token is not ready; ask again to take it up", body = Body),
    )
)]
pub(super) async fn create(
    caller: Caller,
    State(authority): State<Authority>,
    Path(id): Path<String>,
    Json(request): Json<RolloverRequest>,
) -> Result<Json<GenerationInfo>, Problem> {
    caller.may(AUTHORITIES)?;
    Ok(Json(authority.roll_over(&id, &request, &caller).await?))
}

/// Takes in certificates for keys that wait here, and lists of a root kept elsewhere.
#[utoipa::path(
    post, path = "/ca/imports", tag = "ca",
    request_body(content = Import, example = json!({
        "pem": "-----BEGIN CERTIFICATE-----\nMIIC…\n-----END CERTIFICATE-----\n",
    })),
    responses(
        (status = 200, description = "They are taken in", body = ImportInfo),
        (status = 400, description = "Not what was asked for, or not of ours", body = Body),
        (status = 403, description = "The caller may not do ca:authorities", body = Body),
    )
)]
pub(super) async fn import(
    caller: Caller,
    State(authority): State<Authority>,
    Json(import): Json<Import>,
) -> Result<Json<ImportInfo>, Problem> {
    caller.may(AUTHORITIES)?;
    Ok(Json(authority.import(&import, &caller).await?))
}
