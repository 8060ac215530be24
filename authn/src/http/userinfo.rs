//! `/userinfo`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::form::{Posted, json, refused, unkept};
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::userinfo::{self, Userinfo};
use crate::provider::Provider;

/// What an access token tells of its person. OpenID Connect Core 5.3.
#[utoipa::path(
    get, path = "/userinfo", tag = "sign-in",
    responses(
        (status = 200, description = "The claims, as JSON or signed", body = Object),
        (status = 401, description = "The access token is not good", body = Object),
    )
)]
pub(super) async fn show(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    match bearer(&headers) {
        Some(token) => told(&provider, token).await,
        None => no_token(),
    }
}

/// The same by POST; the token may stand in the form. RFC 6750 2.2.
#[utoipa::path(
    post, path = "/userinfo", tag = "sign-in",
    responses(
        (status = 200, description = "The claims, as JSON or signed", body = Object),
        (status = 401, description = "The access token is not good", body = Object),
    )
)]
pub(super) async fn send(State(provider): State<Provider>, form: Posted) -> Response {
    match (bearer(&form.headers), form.parameters.get("access_token")) {
        (Some(token), None) | (None, Some(token)) => told(&provider, token).await,
        (Some(_), Some(_)) => {
            refused(Refusal::new(Code::InvalidRequest, "The access token comes in one way, not in two."))
        }
        (None, None) => no_token(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn told(provider: &Provider, token: &str) -> Response {
    match userinfo::userinfo(provider, token, provider.now()).await {
        Ok(Userinfo::Json(claims)) => json(StatusCode::OK, &claims),
        Ok(Userinfo::Jwt(text)) => {
            let mut response = ([(header::CONTENT_TYPE, "application/jwt")], text).into_response();
            unkept(response.headers_mut());
            response
        }
        Err(refusal) => refused(refusal),
    }
}

/// RFC 6750 3.1: whoever shows nothing is told what to show, and nothing of errors.
fn no_token() -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
