//! `/ca/enrolment-secrets`

use axum::extract::State;
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{EnrolmentSecret, EnrolmentSecretInfo, ISSUE, NewEnrolmentSecret, READ};
use crate::authority::Authority;

/// Makes a shared secret with which a client asks for its first certificate by CMP.
///
/// Whoever may have certificates of the road's profile issued may make one. When this answers, it is stored and in the
/// audit record. The secret is shown this once.
#[utoipa::path(
    post, path = "/ca/enrolment-secrets", tag = "enrolment",
    request_body(content = NewEnrolmentSecret, example = json!({
        "road": "devices", "client": "larkfield-dispensary", "uses": 1, "valid_seconds": 86_400,
    })),
    responses(
        (status = 201, description = "Made; the secret is not shown again", body = EnrolmentSecret),
        (status = 400, description = "A part of the request is refused", body = Body),
        (status = 403, description = "The caller may not issue certificates of this road's profile", body = Body),
    )
)]
pub(super) async fn create(
    caller: Caller,
    State(authority): State<Authority>,
    Json(new): Json<NewEnrolmentSecret>,
) -> Result<(StatusCode, [(header::HeaderName, &'static str); 1], Json<EnrolmentSecret>), Problem> {
    caller.may(ISSUE)?;
    let made = authority.add_enrolment_secret(new, &caller).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)))
}

/// The newest thousand shared secrets, newest first, without what is secret.
#[utoipa::path(
    get, path = "/ca/enrolment-secrets", tag = "enrolment",
    responses(
        (status = 200, description = "What they are for", body = Vec<EnrolmentSecretInfo>),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
) -> Result<Json<Vec<EnrolmentSecretInfo>>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.enrolment_secrets().await?))
}

/// Ends a shared secret: nothing is asked for with it any more.
#[utoipa::path(
    delete, path = "/ca/enrolment-secrets/{reference}", tag = "enrolment",
    params(("reference" = String, Path, description = "By what it is named")),
    responses(
        (status = 204, description = "Ended"),
        (status = 403, description = "The caller may not issue certificates of this road's profile", body = Body),
        (status = 404, description = "There is none, or it has ended", body = Body),
    )
)]
pub(super) async fn end(
    caller: Caller,
    State(authority): State<Authority>,
    Path(reference): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(ISSUE)?;
    authority.end_enrolment_secret(&reference, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
