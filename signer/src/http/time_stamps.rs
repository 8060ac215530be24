//! `/tsa`: time-stamps for everybody (RFC 3161 3.4).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use platform::problem::{Kind, Problem};
use platform::web::Raw;

use crate::signer::Signer;

/// RFC 3161 3.4
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// Says that a digest was here, and when.
///
/// The body is a `TimeStampReq` in DER, the answer a `TimeStampResp`. A question that is refused gets one that says why, with status
/// 200, as RFC 3161 has it; also while the clock cannot be believed.
#[utoipa::path(post, path = "/tsa", tag = "public",
    request_body(content = Vec<u8>, content_type = "application/timestamp-query"),
    responses(
        (status = 200, description = "The time-stamp response", content_type = "application/timestamp-reply", body = Vec<u8>),
    ))]
pub(crate) async fn ask(
    State(signer): State<Signer>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(QUERY) {
        let detail = format!("Send the request as {QUERY}.");
        return Err(Problem::new(Kind::UnsupportedMedia, "time-stamp-query-expected", detail));
    }
    let answer = signer.time_stamp_answer(&body).await;
    Ok(([(header::CONTENT_TYPE, REPLY), (header::CACHE_CONTROL, "no-store")], answer).into_response())
}
