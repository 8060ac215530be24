//! `/ca/certificates/{serial}/revocation`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{CertificateInfo, REVOKE, RevokeRequest};
use crate::authority::Authority;

/// Revokes a certificate, or puts it on hold.
///
/// When this answers, the revocation is stored and in the audit record; a new list is made at once.
#[utoipa::path(
    post, path = "/ca/certificates/{serial}/revocation", tag = "ca",
    request_body(content = RevokeRequest, example = json!({
        "reason": "key_compromise", "invalidity_date": "2026-11-24T09:00:00Z",
    })),
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    responses(
        (status = 200, description = "Revoked, now or for the same reason before", body = CertificateInfo),
        (status = 400, description = "The invalidity date is in the future, or before 1970", body = Body),
        (status = 403, description = "The caller may not do ca:revoke, or ca:revoke-authorities for an authority's", body = Body),
        (status = 404, description = "No certificate has this serial", body = Body),
        (status = 409, description = "It is revoked for another reason, expired, or an authority's, which is not put on hold", body = Body),
    )
)]
pub(super) async fn revoke(
    caller: Caller,
    State(authority): State<Authority>,
    Path(serial): Path<String>,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<CertificateInfo>, Problem> {
    caller.may(REVOKE)?;
    Ok(Json(authority.revoke(&serial, request, &caller).await?))
}

/// Lifts a hold.
#[utoipa::path(
    delete, path = "/ca/certificates/{serial}/revocation", tag = "ca",
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    responses(
        (status = 200, description = "In force again", body = CertificateInfo),
        (status = 403, description = "The caller may not do ca:revoke", body = Body),
        (status = 404, description = "No certificate has this serial", body = Body),
        (status = 409, description = "It is not on hold", body = Body),
    )
)]
pub(super) async fn resume(
    caller: Caller,
    State(authority): State<Authority>,
    Path(serial): Path<String>,
) -> Result<Json<CertificateInfo>, Problem> {
    caller.may(REVOKE)?;
    Ok(Json(authority.resume(&serial, &caller).await?))
}
