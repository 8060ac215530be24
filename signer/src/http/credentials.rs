//! `/signer/credentials`.

use axum::extract::State;
use axum::http::StatusCode;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, Path, Query};

use crate::api::{CreateCredential, Credential, CredentialQuery, Credentials, Revoke, SetPassphrase};
use crate::credential;
use crate::ids::CredentialId;
use crate::signer::Signer;

/// Creates a remote credential. The same request again finds the same credential.
#[utoipa::path(post, path = "/signer/credentials", tag = "signer", request_body = CreateCredential,
    responses((status = 200, body = Credential)))]
pub(crate) async fn create(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<CreateCredential>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::create(&signer, &caller, request).await?))
}

/// A person's credentials.
#[utoipa::path(get, path = "/signer/credentials", tag = "signer", params(CredentialQuery),
    responses((status = 200, body = Credentials)))]
pub(crate) async fn list(
    State(signer): State<Signer>,
    caller: Caller,
    Query(query): Query<CredentialQuery>,
) -> Result<Json<Credentials>, Problem> {
    Ok(Json(credential::list(&signer, &caller, query).await?))
}

/// One credential.
#[utoipa::path(get, path = "/signer/credentials/{credential}", tag = "signer", params(("credential" = String, Path)),
    responses((status = 200, body = Credential)))]
pub(crate) async fn show(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::show(&signer, &caller, &id).await?))
}

/// Sets or changes the passphrase. Only the holder can.
#[utoipa::path(put, path = "/signer/credentials/{credential}/passphrase", tag = "signer",
    params(("credential" = String, Path)), request_body = SetPassphrase, responses((status = 204)))]
pub(crate) async fn set_passphrase(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
    Json(request): Json<SetPassphrase>,
) -> Result<StatusCode, Problem> {
    credential::set_passphrase(&signer, &caller, &id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new certificate over the same key; the one before stays valid until its end.
#[utoipa::path(post, path = "/signer/credentials/{credential}/renew", tag = "signer",
    params(("credential" = String, Path)), responses((status = 200, body = Credential)))]
pub(crate) async fn renew(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::renew(&signer, &caller, &id).await?))
}

/// A new key with a new certificate; the key before is destroyed.
#[utoipa::path(post, path = "/signer/credentials/{credential}/rekey", tag = "signer",
    params(("credential" = String, Path)), responses((status = 200, body = Credential)))]
pub(crate) async fn rekey(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::rekey(&signer, &caller, &id).await?))
}

/// Puts a credential on hold.
#[utoipa::path(post, path = "/signer/credentials/{credential}/suspend", tag = "signer",
    params(("credential" = String, Path)), responses((status = 200, body = Credential)))]
pub(crate) async fn suspend(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::suspend(&signer, &caller, &id).await?))
}

/// Lifts a hold.
#[utoipa::path(post, path = "/signer/credentials/{credential}/resume", tag = "signer",
    params(("credential" = String, Path)), responses((status = 200, body = Credential)))]
pub(crate) async fn resume(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::resume(&signer, &caller, &id).await?))
}

/// Revokes a credential and its certificates for good.
#[utoipa::path(post, path = "/signer/credentials/{credential}/revoke", tag = "signer",
    params(("credential" = String, Path)), request_body = Revoke, responses((status = 200, body = Credential)))]
pub(crate) async fn revoke(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
    Json(request): Json<Revoke>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::revoke(&signer, &caller, &id, request.reason).await?))
}

/// Deletes the wrapped key.
#[utoipa::path(delete, path = "/signer/credentials/{credential}", tag = "signer",
    params(("credential" = String, Path)), responses((status = 200, body = Credential)))]
pub(crate) async fn destroy(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<CredentialId>,
) -> Result<Json<Credential>, Problem> {
    Ok(Json(credential::destroy(&signer, &caller, &id).await?))
}
