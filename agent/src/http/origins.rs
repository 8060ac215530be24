//! Who may ask: pages of the configured origins, at this machine's own name, in a browser of the agent's own user.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::visitor::Visitor;
use super::{Shared, refusal};
use crate::system::Person;

/// Asked by browsers before a page of the internet may reach a machine's own ports, and our answer.
const ASKS_PRIVATE: &str = "access-control-request-private-network";
const ALLOWS_PRIVATE: &str = "access-control-allow-private-network";

/// An origin that is configured: evidence that the page may ask.
#[derive(Clone)]
pub(super) struct Allowed(pub(super) String);

/// Lets through what comes from a page that may ask, and says so to its browser.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    // A name that somebody else gave to this machine's address would make a foreign page one of ours.
    if !is_own_name(request.headers()) {
        return refusal(StatusCode::FORBIDDEN, "The agent answers to localhost only.");
    }
    // The page of another person at this machine is to find that person's agent.
    if request.extensions().get::<ConnectInfo<Visitor>>().is_none_or(|visitor| visitor.0.0 == Person::Foreign)
    {
        return refusal(StatusCode::FORBIDDEN, "This is the agent of somebody else.");
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.as_ref().and_then(|origin| {
        let origin = origin.to_str().ok()?;
        shared.settings().origins.into_iter().find(|allowed| allowed.as_str() == origin)
    });
    let (Some(origin), Some(allowed)) = (origin, allowed) else {
        return refusal(
            StatusCode::FORBIDDEN,
            "This page may not use the agent: its origin is not configured.",
        );
    };
    let private = request.headers().contains_key(ASKS_PRIVATE);
    let mut response = if request.method() == Method::OPTIONS {
        preflight(private)
    } else {
        request.extensions_mut().insert(Allowed(allowed));
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn preflight(private: bool) -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, x-requested-with"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    let mut response = (StatusCode::NO_CONTENT, headers).into_response();
    if private {
        response.headers_mut().insert(ALLOWS_PRIVATE, HeaderValue::from_static("true"));
    }
    response
}

fn is_own_name(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1")
}
