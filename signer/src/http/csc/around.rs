//! Refusals that are made before a route is reached, in the words of the API.

use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use platform::problem::{Body, Kind, MEDIA_TYPE};
use platform::web::{Answer, Onward, Step};

use super::CscAnswer;
use crate::error::Error;

/// What all methods of the API begin with.
const METHODS: &str = "/csc/v";
/// More than any problem has; what is longer is none of ours and is left as it is.
const LONGEST: usize = 64 * 1024;

/// Puts the words of the API around a whole port. What stands between the network and the routes (limits, the client's
/// certificate, the clock, a server that is not ready) refuses with problem details, which a CSC client does not read
/// (CSC API v2, 10.1).
pub struct CscWords;

impl Step for CscWords {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        let is_csc = request.uri().path().starts_with(METHODS);
        let answer = onward.run(request);
        if is_csc { Box::pin(translate(answer)) } else { answer }
    }
}

async fn translate(answer: Answer<'_>) -> Response {
    let response = answer.await;
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_problem { translated(response).await } else { response }
}

/// The same refusal with its status and headers, such as `Retry-After`.
async fn translated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let octets = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    let detail = serde_json::from_slice::<Body>(&octets).map(|problem| problem.detail).unwrap_or_default();
    let answer = match Kind::of(parts.status) {
        Kind::TooLarge => CscAnswer::from(Error::BodyTooLarge),
        kind => CscAnswer::of(kind, detail),
    };
    let (answered, body) = answer.into_response().into_parts();
    parts.status = answered.status;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(answered.headers);
    Response::from_parts(parts, body)
}
