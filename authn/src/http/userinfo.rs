//! `/userinfo`.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::form::{Posted, held, json, refused, token_refused, unkept};
use crate::oidc::possession::{Held, Scheme};
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::userinfo::{self, Userinfo};
use crate::provider::Provider;

/// What an access token tells of its person. OpenID Connect Core 5.3.
#[utoipa::path(
    get, path = "/userinfo", tag = "sign-in",
    responses(
        (status = 200, description = "The claims, as JSON or signed", body = Object),
        (status = 401, description = "The access token is not good", body = Object),
        (status = 503, description = "The session behind it is locked, or the service is away: try again", body = Object),
    )
)]
pub(super) async fn show(State(provider): State<Provider>, request: Request) -> Response {
    let held = held(request.method(), request.uri(), request.headers(), request.extensions());
    match shown(request.headers()) {
        Some((scheme, token)) => told(&provider, token, scheme, &held).await,
        None => no_token(),
    }
}

/// The same by POST; the token may stand in the form. RFC 6750 2.2.
#[utoipa::path(
    post, path = "/userinfo", tag = "sign-in",
    responses(
        (status = 200, description = "The claims, as JSON or signed", body = Object),
        (status = 401, description = "The access token is not good", body = Object),
        (status = 503, description = "The session behind it is locked, or the service is away: try again", body = Object),
    )
)]
pub(super) async fn send(State(provider): State<Provider>, form: Posted) -> Response {
    match (shown(&form.headers), form.parameters.get("access_token")) {
        (Some((scheme, token)), None) => told(&provider, token, scheme, &form.held).await,
        (None, Some(token)) => told(&provider, token, Scheme::Bearer, &form.held).await,
        (Some(_), Some(_)) => {
            refused(Refusal::new(Code::InvalidRequest, "The access token comes in one way, not in two."))
        }
        (None, None) => no_token(),
    }
}

/// The access token of a request, and how it is shown.
pub(super) fn shown(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let scheme = match scheme {
        word if word.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        word if word.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, token.trim()))
}

async fn told(provider: &Provider, token: &str, scheme: Scheme, held: &Held) -> Response {
    match userinfo::userinfo(provider, token, scheme, held, provider.now()).await {
        Ok(Userinfo::Json(claims)) => json(StatusCode::OK, &claims),
        Ok(Userinfo::Jwt(text)) => {
            let mut response = ([(header::CONTENT_TYPE, "application/jwt")], text).into_response();
            unkept(response.headers_mut());
            response
        }
        Err(refusal) => token_refused(refusal),
    }
}

/// RFC 6750 3.1: whoever shows nothing is told what to show, and nothing of errors.
fn no_token() -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    for way in ["Bearer", "DPoP"] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    response
}
