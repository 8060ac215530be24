//! `/ca/profiles`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{ProfileHistory, ProfileInfo, READ};
use crate::authority::Authority;

/// Every profile that can be asked for.
#[utoipa::path(
    get, path = "/ca/profiles", tag = "ca",
    responses(
        (status = 200, description = "The profiles", body = Vec<ProfileInfo>),
        (status = 403, description = "The caller may not do ca:read", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
) -> Result<Json<Vec<ProfileInfo>>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.desk().profiles.infos()))
}

/// One profile with every content it has had.
#[utoipa::path(
    get, path = "/ca/profiles/{id}", tag = "ca",
    params(("id" = String, Path, description = "The profile's id", example = "card-signing")),
    responses(
        (status = 200, description = "The profile and its versions, oldest first", body = ProfileHistory),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 404, description = "There is no such profile, nor was there one", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(authority): State<Authority>,
    Path(id): Path<String>,
) -> Result<Json<ProfileHistory>, Problem> {
    caller.may(READ)?;
    Ok(Json(authority.profile_history(&id).await?))
}
