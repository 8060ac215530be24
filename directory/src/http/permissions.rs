//! `/directory/permissions`: what modules ask before they do something in somebody's name.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use platform::caller::{Caller, CallerKind};
use platform::problem::{Body, Problem};
use platform::web::Query;
use utoipa::OpenApi;

use super::input;
use crate::acting::{Doing, on_person};
use crate::api::{ACT, ASK, PermissionQuery};
use crate::authority::Act;
use crate::error::Error;
use crate::register::Register;
use crate::store::people;

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/permissions/issue-authenticator", get(issue_authenticator))
}

#[derive(OpenApi)]
#[openapi(paths(issue_authenticator))]
pub(super) struct Document;

/// Whether somebody may issue or take away an authenticator of a person now. The rules are those of every act; nothing is done.
#[utoipa::path(
    get, path = "/directory/permissions/issue-authenticator", tag = "directory",
    params(PermissionQuery),
    responses(
        (status = 204, description = "They may"),
        (status = 403, description = "They may not, and why", body = Body),
        (status = 404, description = "There is no such person", body = Body),
    )
)]
pub(super) async fn issue_authenticator(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PermissionQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(ASK)?;
    let by = input::person("by", &query.by)?;
    let person = input::person("person", &query.person)?;
    let mut asked = Caller::new(CallerKind::Person, by.to_string(), caller.client.clone(), [ACT.0]);
    asked.assurance = query.assurance;
    asked.role_profile = query.role_profile;
    let (mut read, doing): (_, Doing) = register.reading(asked).await?;
    if people::is_open(&mut *read, &person).await?.is_none() {
        return Err(Error::unknown("person", &person).into());
    }
    let target = on_person(&mut read, &doing, &person).await?;
    doing.demand(Act::IssueAuthenticator, &target)?;
    Ok(StatusCode::NO_CONTENT)
}
