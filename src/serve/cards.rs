//! The port for people with a card. Sign-in comes with its own module; until then it says whose certificate was
//! shown, and closes.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONNECTION};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;
use serde::Serialize;

/// Whose certificate was shown.
#[derive(Debug, Serialize)]
struct Holder {
    /// What kind of caller it makes: `person` or `system`.
    kind: String,
    /// The user id of a person, or the id of a system.
    subject: String,
}

/// The one route.
pub(super) fn router() -> Router {
    Router::new().route("/", get(holder))
}

/// A connection shows one certificate and serves one answer: the next person at this desk starts anew.
async fn holder(request: Request) -> Response {
    let answer = match request.extensions().get::<Caller>() {
        Some(caller) => (StatusCode::OK, Json(described(caller))).into_response(),
        None => Problem::unauthenticated(
            "certificate-required",
            "no certificate was shown; insert the card and choose its certificate",
        )
        .into_response(),
    };
    ([(CONNECTION, "close"), (CACHE_CONTROL, "no-store")], answer).into_response()
}

fn described(caller: &Caller) -> Holder {
    Holder { kind: caller.kind.to_string(), subject: caller.subject.clone() }
}
