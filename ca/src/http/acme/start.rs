//! Directory, nonces, and when to renew: what is fetched without a signature.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode};
use platform::web::Path;

use super::{REPLAY_NONCE, framed, unsigned};
use crate::authority::Authority;

/// Where everything of ACME is (RFC 8555 7.1.1).
#[utoipa::path(
    get, path = "/acme/directory", tag = "acme",
    responses(
        (status = 200, description = "The directory", body = Object),
        (status = 404, description = "ACME is not served here"),
    )
)]
pub(in crate::http) async fn directory(State(authority): State<Authority>) -> Response {
    unsigned(&authority, async |acme| Ok(acme.directory())).await
}

/// A nonce for the next request (RFC 8555 7.2); also for HEAD.
#[utoipa::path(
    get, path = "/acme/new-nonce", tag = "acme",
    responses(
        (status = 204, description = "The nonce is in Replay-Nonce"),
        (status = 404, description = "ACME is not served here"),
    )
)]
pub(in crate::http) async fn new_nonce(State(authority): State<Authority>, method: Method) -> Response {
    let acme = match authority.acme() {
        Ok(acme) => acme,
        Err(error) => return platform::problem::Problem::from(error).into_response(),
    };
    let status = if method == Method::HEAD { StatusCode::OK } else { StatusCode::NO_CONTENT };
    let mut response = match acme.fresh_nonce() {
        Ok(nonce) => (status, [(REPLAY_NONCE, nonce)]).into_response(),
        Err(problem) => super::refusal(&problem),
    };
    if let Ok(nothing) = HeaderValue::from_str("no-store") {
        response.headers_mut().insert(http::header::CACHE_CONTROL, nothing);
    }
    framed(&acme, response)
}

/// When a certificate had best be renewed (RFC 9773 4).
#[utoipa::path(
    get, path = "/acme/renewal-info/{certificate}", tag = "acme",
    params(("certificate" = String, Path, description = "Key identifier of the issuer, a dot, serial number; base64url")),
    responses(
        (status = 200, description = "The suggested window", body = Object),
        (status = 404, description = "No such certificate"),
    )
)]
pub(in crate::http) async fn renewal_info(
    State(authority): State<Authority>,
    Path(certificate): Path<String>,
) -> Response {
    unsigned(&authority, async |acme| acme.renewal_info(&certificate).await).await
}
