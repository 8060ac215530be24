//! `/.well-known/cmp`: the certificate management protocol over HTTP (RFC 9811).
//!
//! A message says itself who sent it, so no caller is asked for here: see `enrol/cmp/protection.rs`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use platform::problem::{Body, Kind, Problem};
use platform::web::{Path, Raw};

use super::roads::Road;
use crate::enrol::{Enrolment, cmp};

/// RFC 9811 3.3.
const MEDIA_TYPE: &str = "application/pkixcmp";

/// Answers a message on a road.
#[utoipa::path(
    post, path = "/.well-known/cmp", tag = "enrolment",
    request_body(content = Vec<u8>, content_type = "application/pkixcmp", description = "A PKIMessage in DER"),
    responses(
        (status = 200, description = "A signed PKIMessage; a refusal is one too", content_type = "application/pkixcmp", body = Vec<u8>),
        (status = 400, description = "The body is no PKIMessage", body = Body),
        (status = 404, description = "No such road", body = Body),
    )
)]
pub(super) async fn message(
    Path(road): Path<Road>,
    State(enrolment): State<Enrolment>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        let detail = "Send a PKIMessage in DER, with content-type: application/pkixcmp.";
        return Err(Problem::new(Kind::UnsupportedMedia, "pkixcmp-expected", detail));
    }
    let answer = cmp::answer(&enrolment, road.name(), &body).await?;
    // RFC 9811 3.4: answers are not kept.
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-cache")], answer).into_response())
}
