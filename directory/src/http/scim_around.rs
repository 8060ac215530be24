//! Refusals that are made before a route is reached, in the form of SCIM.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use platform::problem::{Body, MEDIA_TYPE};
use platform::web::{Answer, Onward, Step};

use super::scim::{BASE, error};

/// More than any problem has; what is longer is none of ours and is left as it is.
const LONGEST: usize = 64 * 1024;

/// Puts the words of SCIM around a whole port. What stands between the network and the routes (limits, the client's
/// certificate, a path or a method that there is not) refuses with problem details, which a SCIM client does not read
/// (RFC 7644 3.12).
pub struct ScimWords;

impl Step for ScimWords {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        let path = request.uri().path();
        let is_scim = path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let answer = onward.run(request);
        if is_scim { Box::pin(translate(answer)) } else { answer }
    }
}

async fn translate(answer: Answer<'_>) -> Response {
    let response = answer.await;
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_problem { translated(response).await } else { response }
}

/// The same refusal with its status and header fields, such as `Retry-After`.
async fn translated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let octets = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    let detail = serde_json::from_slice::<Body>(&octets).map(|problem| problem.detail).unwrap_or_default();
    let (told, body) = error(parts.status, None, &detail).into_response().into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(told.headers);
    Response::from_parts(parts, body)
}
