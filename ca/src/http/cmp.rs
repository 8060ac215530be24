//! `/.well-known/cmp`: the certificate management protocol over HTTP (RFC 9811).
//!
//! A message says itself who sent it, so no caller is asked for here: see `enrol/cmp/protection.rs`.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use platform::problem::{Body, Kind, Problem};
use platform::web::{Path, PeerAddress, Raw};
use serde::Deserialize;

use super::roads::Road;
use crate::enrol::{Enrolment, cmp};

/// RFC 9811 3.3.
const MEDIA_TYPE: &str = "application/pkixcmp";
/// Those of RFC 9483 6.1 that are done here. A client learns from 404 that another is not.
const OPERATIONS: [&str; 7] =
    ["initialization", "certification", "keyupdate", "p10", "revocation", "getcacerts", "getrootupdate"];

/// The part of an address that says what is asked for.
#[derive(Deserialize)]
pub(super) struct Operation {
    operation: String,
}

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
    address: Option<Extension<PeerAddress>>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let address = address.map(|Extension(address)| address);
    answered(&enrolment, &road, &headers, address, &body).await
}

/// The same where the address says what is asked for (RFC 9483 6.1). The message says it too, and that counts.
#[utoipa::path(
    post, path = "/.well-known/cmp/{operation}", tag = "enrolment",
    params(("operation" = String, Path, description = "`initialization`, `certification`, `keyupdate`, `p10`, `revocation`, `getcacerts` or `getrootupdate`")),
    request_body(content = Vec<u8>, content_type = "application/pkixcmp", description = "A PKIMessage in DER"),
    responses(
        (status = 200, description = "A signed PKIMessage; a refusal is one too", content_type = "application/pkixcmp", body = Vec<u8>),
        (status = 400, description = "The body is no PKIMessage", body = Body),
        (status = 404, description = "No such road, or not an operation of this server", body = Body),
    )
)]
pub(super) async fn operation(
    Path(road): Path<Road>,
    Path(Operation { operation }): Path<Operation>,
    State(enrolment): State<Enrolment>,
    headers: HeaderMap,
    address: Option<Extension<PeerAddress>>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    if !OPERATIONS.contains(&operation.as_str()) {
        let detail = format!("This is not an operation of this server; it has {}.", OPERATIONS.join(", "));
        return Err(Problem::not_found("cmp-operation-unknown", detail));
    }
    let address = address.map(|Extension(address)| address);
    answered(&enrolment, &road, &headers, address, &body).await
}

async fn answered(
    enrolment: &Enrolment,
    road: &Road,
    headers: &HeaderMap,
    address: Option<PeerAddress>,
    body: &[u8],
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        let detail = "Send a PKIMessage in DER, with content-type: application/pkixcmp.";
        return Err(Problem::new(Kind::UnsupportedMedia, "pkixcmp-expected", detail));
    }
    let answer = cmp::answer(enrolment, road.name(), body, address.map(PeerAddress::counted)).await?;
    // RFC 9811 3.4: answers are not kept.
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-cache")], answer).into_response())
}
