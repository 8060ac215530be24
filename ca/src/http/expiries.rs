//! `/ca/expiries`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Query};

use crate::api::{Expiries, ExpiryQuery, READ};
use crate::authority::Authority;

/// How many certificates in force end on each day of a window, by profile.
///
/// One count runs at a time in each process.
#[utoipa::path(
    get, path = "/ca/expiries", tag = "ca", params(ExpiryQuery),
    responses(
        (status = 200, description = "The days on which some end", body = Expiries),
        (status = 400, description = "The window is empty or has more than 400 days", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 503, description = "Ends are being counted for somebody else", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<ExpiryQuery>,
) -> Result<Json<Expiries>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.expiries(&query).await?))
}
