//! Refusals that are made before a route of a face over FHIR is reached, in the words of that face.

use axum::extract::Request;
use axum::response::Response;
use http::HeaderName;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use platform::problem::{Body, Kind, MEDIA_TYPE};
use platform::web::{Answer, Onward, Step};

use super::fhir_face::Face;
use super::{fhir, spine, terminology, workers};
use crate::fhir::kit::{Asked, JSON_AND_XML, Outcome};
use crate::fhir::spine as spine_face;

/// More than any problem has; what is longer is none of ours and is left as it is.
const LONGEST: usize = 64 * 1024;
/// How the request is known to the log, if the client has no name for it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the words of the faces over FHIR around a whole port. What stands between the network and the routes (limits, who
/// asks, a path that there is not, a body that is too large) refuses with problem details, which a FHIR client does not read:
/// FHIR R4 3.1.0.1.9 has an `OperationOutcome`.
pub struct FhirWords;

impl Step for FhirWords {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        let Some(face) = Face::of(request.uri().path()) else { return onward.run(request) };
        let asked = asked(&request);
        Box::pin(translate(face, asked, onward.run(request)))
    }
}

/// Whether what lies at this path is asked with the key of an application, as at the national platform: the Spine Directory Service
/// and the Organisation Data Terminology are. The Healthcare Worker API is not: there a client signs.
pub fn takes_api_keys(path: &str) -> bool {
    matches!(Face::of(path), Some(Face::Spine | Face::Organisations))
}

impl Face {
    /// The refusal as the face tells it.
    fn translated(self, asked: &Parts, kind: Kind, detail: String, known: &str) -> Response {
        if self == Self::Spine {
            return spine::told(asked, known, &spine_face::Outcome::of(kind, detail));
        }
        let query = fhir::asked(asked, b"").unwrap_or_else(|_| Asked::default());
        let media = fhir::form(asked, &query, JSON_AND_XML).unwrap_or(JSON_AND_XML[0]);
        let outcome = Outcome::of(kind, detail);
        match self {
            // The national service answers nothing to what it does not have.
            Self::Workers if matches!(kind, Kind::NotFound | Kind::MethodNotAllowed) => {
                workers::nothing(asked)
            }
            Self::Workers => workers::refused(asked, media, &outcome),
            _ => terminology::refused(asked, media, &outcome),
        }
    }
}

async fn translate(face: Face, asked: Parts, answer: Answer<'_>) -> Response {
    let response = answer.await;
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_problem { translated(face, &asked, response).await } else { response }
}

/// What of a request says how a refusal is told: in which form, and under which id.
fn asked(request: &Request) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    parts.uri = request.uri().clone();
    for name in [ACCEPT, fhir::CORRELATION] {
        for value in request.headers().get_all(&name) {
            parts.headers.append(name.clone(), value.clone());
        }
    }
    parts
}

/// The same refusal with its header fields, such as `Retry-After`.
async fn translated(face: Face, asked: &Parts, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let octets = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    let detail = serde_json::from_slice::<Body>(&octets).map(|problem| problem.detail).unwrap_or_default();
    let known = parts.headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let told = face.translated(asked, Kind::of(parts.status), detail, &known.to_ascii_uppercase());
    let (told, body) = told.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.extend(told.headers);
    parts.status = told.status;
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of applications are taken by the faces that show systems and organisations, and nowhere else.
    #[test]
    fn keys_are_taken_where_nobody_is_shown() {
        assert!(takes_api_keys("/spine-directory/FHIR/R4/Device"));
        assert!(takes_api_keys("/organisation-data-terminology-api/fhir/Organization"));
        assert!(
            !takes_api_keys("/healthcare-worker/FHIR/R4/Practitioner")
                && !takes_api_keys("/directory/people")
        );
    }
}
