//! `/signer/verifications`: what holds of a signature.

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;

use crate::api::Verify;
use crate::signer::Signer;
use crate::verification::{self, Report};

/// Says what holds of a signature, and every reason for it. A signature that does not hold is an answer too, and no error.
#[utoipa::path(post, path = "/signer/verifications", tag = "signer", request_body = Verify,
    responses((status = 200, body = Report)))]
pub(crate) async fn verify(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<Verify>,
) -> Result<Json<Report>, Problem> {
    Ok(Json(verification::verify(&signer, &caller, request).await?))
}
