//! `/ca/certificates`

use axum::extract::State;
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{CertificateInfo, CertificatePage, CertificateQuery, IssueRequest, Issued, READ};
use crate::authority::Authority;
use crate::grants::may_issue;

/// Issues a certificate.
///
/// When this answers, the certificate is stored and in the audit record. The same `request_id` with the
/// same content answers the same certificate.
#[utoipa::path(
    post, path = "/ca/certificates", tag = "ca",
    request_body(content = IssueRequest, example = json!({
        "request_id": "enrol-2026-000017",
        "profile": "person-sign-in",
        "subject": {"common_name": "555021942107_Aisha_Rahman", "user_id": "555021942107",
            "given_name": "Aisha", "family_name": "Rahman"},
        "key": {"public_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvdDitksjE30XqDpnyqIR7V4vV/F/6CvSYHJ0eAwgqk3ihQBQnbQfbw9IC8Ma+hDTIr0zNM8hSCs1tL0x2PVxoA=="},
    })),
    responses(
        (status = 201, description = "Issued, now or by the same request before", body = Issued),
        (status = 400, description = "A part of the request is refused; the code says which", body = Body),
        (status = 403, description = "The caller may not do ca:issue, or not of this profile", body = Body),
        (status = 409, description = "The request_id was used for another request", body = Body),
        (status = 503, description = "Token or database are busy or away, or the request is in progress", body = Body),
    )
)]
pub(super) async fn issue(
    caller: Caller,
    State(authority): State<Authority>,
    Json(request): Json<IssueRequest>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Issued>), Problem> {
    may_issue(&caller, &request.profile)?;
    let issued = authority.issue(&request, &caller).await?;
    let location = format!("/ca/certificates/{}", issued.serial);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(issued)))
}

/// Lists certificates.
///
/// By serial when looked for by person, name, serial, fingerprint or not at all, else by the end of their validity.
#[utoipa::path(
    get, path = "/ca/certificates", tag = "ca", params(CertificateQuery),
    responses(
        (status = 200, description = "One page", body = CertificatePage),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<CertificateQuery>,
) -> Result<Json<CertificatePage>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.certificates(&query).await?))
}

/// One certificate with its present state.
#[utoipa::path(
    get, path = "/ca/certificates/{serial}", tag = "ca",
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    responses(
        (status = 200, description = "The certificate", body = CertificateInfo),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 404, description = "No certificate has this serial", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(authority): State<Authority>,
    Path(serial): Path<String>,
) -> Result<Json<CertificateInfo>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.certificate(&serial).await?))
}
