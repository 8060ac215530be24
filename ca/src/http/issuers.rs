//! `/ca/issuers`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{CrlInfo, CrlQuery, IssuerInfo, ListInfo, READ};
use crate::authority::Authority;

/// Every issuer with its certificate.
#[utoipa::path(
    get, path = "/ca/issuers", tag = "ca",
    responses(
        (status = 200, description = "The issuers", body = Vec<IssuerInfo>),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
) -> Result<Json<Vec<IssuerInfo>>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.all_issuers().iter().map(|issuer| authority.issuer_info(issuer)).collect()))
}

/// One issuer with the chain above it.
#[utoipa::path(
    get, path = "/ca/issuers/{id}", tag = "ca",
    params(("id" = String, Path, description = "The issuer's id")),
    responses(
        (status = 200, description = "The issuer", body = IssuerInfo),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 404, description = "No issuer has this id", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(authority): State<Authority>,
    Path(id): Path<String>,
) -> Result<Json<IssuerInfo>, Problem> {
    caller.may(READ)?;
    let issuer = authority.issuer(&id)?;
    Ok(Json(authority.issuer_info(&issuer)))
}

/// A newest revocation list of an issuer: of a shard, or of the certificates that name none; complete or delta.
#[utoipa::path(
    get, path = "/ca/issuers/{id}/crl", tag = "ca",
    params(("id" = String, Path, description = "The issuer's id"), CrlQuery),
    responses(
        (status = 200, description = "The list", body = CrlInfo),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 404, description = "No issuer has this id, or it has no such list", body = Body),
        (status = 409, description = "The list is too long for this answer; the plain listener has it", body = Body),
    )
)]
pub(super) async fn crl(
    caller: Caller,
    State(authority): State<Authority>,
    Path(id): Path<String>,
    Query(query): Query<CrlQuery>,
) -> Result<Json<CrlInfo>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.crl_info(&id, query).await?))
}

/// Which revocation lists an issuer has, complete and delta, of each shard.
#[utoipa::path(
    get, path = "/ca/issuers/{id}/lists", tag = "ca",
    params(("id" = String, Path, description = "The issuer's id")),
    responses(
        (status = 200, description = "The newest lists, without their octets", body = Vec<ListInfo>),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 404, description = "No issuer has this id", body = Body),
    )
)]
pub(super) async fn lists(
    caller: Caller,
    State(authority): State<Authority>,
    Path(id): Path<String>,
) -> Result<Json<Vec<ListInfo>>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.lists(&id).await?))
}
