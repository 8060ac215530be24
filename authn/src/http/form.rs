//! Requests of the protocol and their answers, in the words of OAuth.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Raw;
use serde::Serialize;

use crate::client::authentication::{self, Authenticated, Presented};
use crate::oidc::face::Face;
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;

/// A form, with what stands around it.
pub(super) struct Posted {
    pub(super) parameters: Parameters,
    pub(super) headers: HeaderMap,
    pub(super) face: Face,
    caller: Option<Caller>,
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let face = Face::of_path(request.uri().path());
        let caller = request.extensions().get::<Caller>().cloned();
        let Raw(body) =
            Raw::from_request(request, state).await.map_err(|problem: Problem| problem.into_response())?;
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !body.is_empty() {
            let sentence = "Send the parameters as application/x-www-form-urlencoded.";
            return Err(refused(Refusal::new(Code::InvalidRequest, sentence)));
        }
        let parameters = Parameters::parse(&body).map_err(|unreadable| {
            refused(Refusal::new(Code::InvalidRequest, format!("The form is not read: {unreadable}.")))
        })?;
        Ok(Self { parameters, headers, face, caller })
    }
}

impl Posted {
    /// Checks who the client is.
    pub(super) async fn authenticated(&self, provider: &Provider) -> Result<Authenticated, Refusal> {
        let mut given = self.headers.get_all(header::AUTHORIZATION).iter();
        let authorization = match (given.next(), given.next()) {
            (None, _) => None,
            (Some(value), None) => Some(value.to_str().unwrap_or_default()),
            (Some(_), Some(_)) => {
                return Err(Refusal::new(Code::InvalidRequest, "There are two headers Authorization."));
            }
        };
        let presented =
            Presented { authorization, parameters: &self.parameters, certificate: self.caller.as_ref() };
        authentication::authenticate(provider, &presented, provider.now()).await
    }
}

impl Posted {
    /// A refusal to this form. Only whoever came with the header `Authorization` is told how to use it (RFC 6749 5.2): for others
    /// clients would show that in place of the reason.
    pub(super) fn refused(&self, refusal: Refusal) -> Response {
        let mut response = refused(refusal);
        if !self.headers.contains_key(header::AUTHORIZATION) {
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        response
    }
}

/// JSON that nobody keeps. RFC 6749 5.1.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    };
    unkept(response.headers_mut());
    response
}

/// Says that an answer is not to be kept.
pub(super) fn unkept(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

/// A refusal as it is answered directly. What went wrong on our side is logged here, once.
pub(super) fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &refusal.body());
    let headers = response.headers_mut();
    let challenge = match refusal.code {
        // RFC 6749 5.2, RFC 6750 3.
        Code::InvalidClient => Some("Basic realm=\"lanyard\""),
        Code::InvalidToken => Some("Bearer error=\"invalid_token\""),
        Code::InsufficientScope => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    };
    if let Some(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if refusal.code == Code::TemporarilyUnavailable {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    logged(refusal);
    response
}

/// Logs what went wrong on our side.
pub(super) fn logged(refusal: Refusal) {
    if let Some(error) = refusal.source {
        let cause = std::error::Error::source(&*error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, %cause, "a request of a relying party failed: {error}");
    }
}
