//! `/directory/actor`.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::Json;
use utoipa::OpenApi;

use super::positions::summary;
use crate::acting::permitted_to_read;
use crate::api::{ActingAs, ActingRole};
use crate::authority::Role;
use crate::ids::PositionId;
use crate::position::Position;
use crate::register::Register;
use crate::store::positions;

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/actor", get(show))
}

#[derive(OpenApi)]
#[openapi(paths(show))]
pub(super) struct Document;

/// Who the caller is in the registration authority now: the roles that count, their ranks, and what sponsors may assign.
#[utoipa::path(
    get, path = "/directory/actor", tag = "directory",
    responses(
        (status = 200, description = "The caller", body = ActingAs),
        (status = 403, description = "The chosen role is none of theirs, or they were granted nothing here", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
) -> Result<Json<ActingAs>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let live: Vec<&Role> = doing.actor.live(doing.today()).collect();
    let ids: Vec<PositionId> = live.iter().flat_map(|role| role.assignable.iter().cloned()).collect();
    let known = positions::find_all(&mut read, &ids).await?;
    let roles = live.iter().map(|role| ActingRole {
        role_profile: role.role_profile.as_ref().map(ToString::to_string),
        organisation: role.organisation.as_ref().map(ToString::to_string),
        rank: role.rank,
        assignable: known.iter().filter(|one| is_given(role, one)).map(summary).collect(),
    });
    let person = doing.actor.person.as_ref().map(ToString::to_string);
    Ok(Json(ActingAs { person, assurance: doing.actor.assurance, roles: roles.collect() }))
}

/// A closed position is assigned no more.
fn is_given(role: &Role, position: &Position) -> bool {
    position.is_open() && role.assignable.contains(&position.id)
}
