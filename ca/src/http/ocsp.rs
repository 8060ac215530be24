//! `/ocsp`: for everybody, over plain HTTP (RFC 6960 appendix A, RFC 5019 5).

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, StatusCode, header};
use pki::ocsp::{MAX_REQUEST, Refusal};
use platform::problem::Problem;
use platform::web::{Path, Raw};

use super::public::{bare, http_date};
use crate::authority::Authority;
use crate::ocsp::{Kept, Reply};

/// RFC 6960 appendix A.2
const MEDIA_TYPE: &str = "application/ocsp-response";
/// What a cache may do: people's certificates are revoked for good reasons, so it asks again within a minute.
/// RFC 5019 6.2
const KEEP: &str = "max-age=60, public, no-transform, must-revalidate";
const DO_NOT_KEEP: &str = "no-store";
/// Padding may have been lost on the way.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Asks for the status of up to 16 certificates of one issuer.
///
/// The body is an `OCSPRequest` in DER, the answer an `OCSPResponse`. A question that cannot be answered gets a
/// response that says so, with status 200, as RFC 6960 has it.
#[utoipa::path(
    post, path = "/ocsp", tag = "public",
    request_body(content = Vec<u8>, content_type = "application/ocsp-request"),
    responses(
        (status = 200, description = "The OCSP response", content_type = "application/ocsp-response", body = Vec<u8>),
    )
)]
pub(super) async fn ask(State(authority): State<Authority>, Raw(body): Raw) -> Result<Response, Problem> {
    Ok(match authority.ocsp_answer(&body).await {
        Reply::Shared(kept) => alone(kept.octets.clone()),
        Reply::Single(octets) => alone(octets.into()),
        Reply::Refused(refusal) => refused(refusal),
    })
}

/// The same, for clients that end the address with a slash.
#[utoipa::path(
    post, path = "/ocsp/", tag = "public",
    request_body(content = Vec<u8>, content_type = "application/ocsp-request"),
    responses(
        (status = 200, description = "The OCSP response", content_type = "application/ocsp-response", body = Vec<u8>),
    )
)]
pub(super) async fn ask_with_a_slash(state: State<Authority>, body: Raw) -> Result<Response, Problem> {
    ask(state, body).await
}

/// The same with the question in the path, so that answers can be kept on the way.
#[utoipa::path(
    get, path = "/ocsp/{request}", tag = "public",
    params(("request" = String, Path, description = "The OCSPRequest in base64, percent-encoded where needed")),
    responses(
        (status = 200, description = "The OCSP response", content_type = "application/ocsp-response", body = Vec<u8>),
        (status = 304, description = "The reader has it already"),
    )
)]
pub(super) async fn ask_by_path(
    State(authority): State<Authority>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Response {
    let fits = text.len() <= MAX_REQUEST.div_ceil(3) * 4 + 1;
    let Some(question) = fits.then(|| BASE64.decode(as_meant(&text)).ok()).flatten() else {
        return refused(Refusal::MalformedRequest);
    };
    match authority.ocsp_answer(&question).await {
        Reply::Shared(kept) => shared(&kept, &headers),
        Reply::Single(octets) => alone(octets.into()),
        Reply::Refused(refusal) => refused(refusal),
    }
}

/// The base64 that a client meant: a plus sign that came as a blank, the alphabet for addresses (RFC 4648 5), and a second
/// slash between the responder's address and the question. No `OCSPRequest` begins with a slash: it is a SEQUENCE, an `M`.
fn as_meant(text: &str) -> String {
    let plain = |character| match character {
        ' ' | '-' => '+',
        '_' => '/',
        other => other,
    };
    text.strip_prefix('/').unwrap_or(text).chars().map(plain).collect()
}

/// An answer that caches may give to others. RFC 5019 6.2 names each header.
fn shared(kept: &Kept, headers: &HeaderMap) -> Response {
    let same = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').map(str::trim).any(|tag| tag == "*" || bare(tag) == kept.etag));
    let about = [
        (header::CACHE_CONTROL, KEEP.to_owned()),
        (header::ETAG, kept.etag.clone()),
        (header::LAST_MODIFIED, http_date(kept.this_update)),
        (header::EXPIRES, http_date(kept.next_update)),
    ];
    if same {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], about, kept.octets.clone()).into_response()
}

/// An answer for who asked.
fn alone(octets: Bytes) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, DO_NOT_KEEP)], octets).into_response()
}

fn refused(refusal: Refusal) -> Response {
    alone(Bytes::copy_from_slice(&refusal.to_der()))
}
