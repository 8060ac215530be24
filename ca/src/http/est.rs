//! `/.well-known/est`: enrolment over Secure Transport (RFC 7030).
//!
//! Each operation stands alone, for the default road, and below a label that names a road.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Kind, Problem};
use platform::web::{Path, Raw, TlsPeer};

use super::roads::Road;
use crate::enrol::{Enrolment, est};
use crate::error::Error;

/// How long a client waits before it asks for what is being made.
const ASK_AGAIN_SECONDS: &str = "2";

/// The certificates of the authorities above a road.
#[utoipa::path(
    get, path = "/.well-known/est/cacerts", tag = "enrolment",
    responses(
        (status = 200, description = "Certificates as certs-only PKCS#7 in base64", content_type = "application/pkcs7-mime"),
        (status = 404, description = "No such road", body = Body),
    )
)]
pub(super) async fn cacerts(
    Path(road): Path<Road>,
    State(enrolment): State<Enrolment>,
) -> Result<Response, Problem> {
    Ok(certificates(&est::authorities(&enrolment, road.name())?))
}

/// What a request on a road should hold.
#[utoipa::path(
    get, path = "/.well-known/est/csrattrs", tag = "enrolment",
    responses(
        (status = 200, description = "CsrAttrs in base64", content_type = "application/csrattrs"),
        (status = 404, description = "No such road", body = Body),
    )
)]
pub(super) async fn csrattrs(
    Path(road): Path<Road>,
    State(enrolment): State<Enrolment>,
) -> Result<Response, Problem> {
    Ok(attributes(&est::attributes(&enrolment, road.name())?))
}

/// Issues a certificate by a road.
///
/// The same request by the same caller answers the same certificate for as long as that lives.
#[utoipa::path(
    post, path = "/.well-known/est/simpleenroll", tag = "enrolment",
    request_body(content = String, content_type = "application/pkcs10", description = "PKCS#10 in base64"),
    responses(Enrolled)
)]
pub(super) async fn simpleenroll(
    caller: Caller,
    Path(road): Path<Road>,
    State(enrolment): State<Enrolment>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    caller.may(crate::api::ENROL)?;
    let request = request(&headers, &body)?;
    answered(est::enroll(&enrolment, road.name(), &request, &caller).await)
}

/// Renews the certificate of this connection by a road.
#[utoipa::path(
    post, path = "/.well-known/est/simplereenroll", tag = "enrolment",
    request_body(content = String, content_type = "application/pkcs10", description = "PKCS#10 in base64"),
    responses(Enrolled)
)]
pub(super) async fn simplereenroll(
    caller: Caller,
    Path(road): Path<Road>,
    State(enrolment): State<Enrolment>,
    peer: Option<Extension<TlsPeer>>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    caller.may(crate::api::ENROL)?;
    let request = request(&headers, &body)?;
    let presented = peer.as_ref().and_then(|peer| peer.chain.first()).map(Vec::as_slice);
    answered(est::reenroll(&enrolment, road.name(), &request, &caller, presented).await)
}

/// What an enrolment may get.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it says in the API description what the functions here answer")]
pub(super) enum Enrolled {
    /// The certificate as certs-only PKCS#7 in base64.
    #[response(status = 200, content_type = "application/pkcs7-mime")]
    Certificate(String),
    /// It is being made; ask again with the same request.
    #[response(status = 202)]
    Later,
    /// The request is refused; the code says why.
    #[response(status = 400)]
    Refused(Body),
    /// The caller may not do ca:enrol, the name is not its own, or it does not renew its own certificate.
    #[response(status = 403)]
    Forbidden(Body),
}

/// RFC 7030 4.2.1: the media type is application/pkcs10.
fn request(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/pkcs10") {
        let detail = "Send a PKCS#10 request in base64, with content-type: application/pkcs10.";
        return Err(Problem::new(Kind::UnsupportedMedia, "pkcs10-expected", detail));
    }
    Ok(est::decode_request(body)?)
}

/// RFC 7030 4.2.3: what is being made already is asked for again.
fn answered(outcome: Result<Vec<u8>, Error>) -> Result<Response, Problem> {
    match outcome {
        Ok(der) => Ok(certificates(&der)),
        Err(Error::RequestInProgress) => {
            Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, ASK_AGAIN_SECONDS)]).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

fn certificates(der: &[u8]) -> Response {
    typed("application/pkcs7-mime; smime-type=certs-only", der)
}

fn attributes(der: &[u8]) -> Response {
    typed("application/csrattrs", der)
}

fn typed(media_type: &'static str, der: &[u8]) -> Response {
    ([(header::CONTENT_TYPE, media_type)], est::encoded(der)).into_response()
}
