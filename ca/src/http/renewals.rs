//! `/ca/renewals`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{
    AcknowledgeRequest, NoticePage, NoticeQuery, READ, RENEW, RenewalInfo, RenewalPage, RenewalQuery,
};
use crate::authority::Authority;

/// Lists certificates in force that end soon, the soonest first.
#[utoipa::path(
    get, path = "/ca/renewals", tag = "ca", params(RenewalQuery),
    responses(
        (status = 200, description = "One page", body = RenewalPage),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<RenewalQuery>,
) -> Result<Json<RenewalPage>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.renewals(&query).await?))
}

/// Reads notices in the order in which they were given, from where the reader stopped.
///
/// A notice is given once for each certificate and configured distance from its end, and is in the audit record as
/// `renewal-noticed`. Keep the last number and ask again.
#[utoipa::path(
    get, path = "/ca/renewals/notices", tag = "ca", params(NoticeQuery),
    responses(
        (status = 200, description = "The next notices", body = NoticePage),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn notices(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<NoticeQuery>,
) -> Result<Json<NoticePage>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.notices(query).await?))
}

/// Says that the caller has taken care of a renewal. Who says so first is kept.
#[utoipa::path(
    post, path = "/ca/renewals/{serial}/acknowledgement", tag = "ca",
    request_body(content = AcknowledgeRequest, example = json!({"note": "new card ordered"})),
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    responses(
        (status = 200, description = "Acknowledged, now or before", body = RenewalInfo),
        (status = 400, description = "The note is too long or not one line", body = Body),
        (status = 403, description = "The caller may not do ca:renew", body = Body),
        (status = 404, description = "No certificate has this serial", body = Body),
    )
)]
pub(super) async fn acknowledge(
    caller: Caller,
    State(authority): State<Authority>,
    Path(serial): Path<String>,
    Json(request): Json<AcknowledgeRequest>,
) -> Result<Json<RenewalInfo>, Problem> {
    caller.may(RENEW)?;
    Ok(Json(authority.acknowledge(&serial, request, &caller).await?))
}

/// Takes back that somebody has taken care of a renewal.
#[utoipa::path(
    delete, path = "/ca/renewals/{serial}/acknowledgement", tag = "ca",
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    responses(
        (status = 200, description = "Nobody has acknowledged it now", body = RenewalInfo),
        (status = 403, description = "The caller may not do ca:renew", body = Body),
        (status = 404, description = "No certificate has this serial", body = Body),
    )
)]
pub(super) async fn withdraw(
    caller: Caller,
    State(authority): State<Authority>,
    Path(serial): Path<String>,
) -> Result<Json<RenewalInfo>, Problem> {
    caller.may(RENEW)?;
    Ok(Json(authority.withdraw_acknowledgement(&serial, &caller).await?))
}
