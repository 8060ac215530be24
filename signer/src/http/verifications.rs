//! `/signer/verifications`: what holds of a signature.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;

use super::verification_page;
use crate::api::Verify;
use crate::signer::Signer;
use crate::verification::{self, Report};

/// Says what holds of a signature, and every reason for it: as JSON, or with `Accept: text/html` as a page for people. A signature that does
/// not hold is an answer too, and no error.
#[utoipa::path(post, path = "/signer/verifications", tag = "signer", request_body = Verify,
    responses((status = 200, content((Report = "application/json"), (String = "text/html")))))]
pub(crate) async fn verify(
    State(signer): State<Signer>,
    caller: Caller,
    headers: HeaderMap,
    Json(request): Json<Verify>,
) -> Result<Response, Problem> {
    let report = verification::verify(&signer, &caller, request).await?;
    if verification_page::is_wanted(&headers) {
        return verification_page::page(&report);
    }
    Ok(Json(report).into_response())
}
