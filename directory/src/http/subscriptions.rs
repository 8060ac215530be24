//! `/directory/subscriptions`: what programs are told over FHIR, for the operator, who sees all of them and can end any.

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get};
use http::StatusCode;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::input;
use crate::api::{OPERATE, Page, PageQuery, ProgramTold};
use crate::error::Error;
use crate::fhir::subscriptions::end;
use crate::register::Register;
use crate::store::subscriptions::{self as store, Subscription};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/subscriptions", get(list))
        .route("/directory/subscriptions/{subscription}", delete(remove))
}

#[derive(OpenApi)]
#[openapi(paths(list, remove))]
pub(super) struct Document;

/// What is shown of a subscription: not what is asked for, which may hold names.
fn shown(one: Subscription) -> ProgramTold {
    ProgramTold {
        subscription: one.id,
        client: one.caller,
        face: one.face,
        reason: one.reason,
        endpoint: one.endpoint,
        error: one.error,
        made_at: one.made_at,
        until: one.until,
    }
}

/// Who is told over FHIR when something changes.
#[utoipa::path(
    get, path = "/directory/subscriptions", tag = "directory", params(PageQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<ProgramTold>),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ProgramTold>>, Problem> {
    caller.may(OPERATE)?;
    let (after, limit) = (query.after.unwrap_or_default(), input::limit(query.limit));
    let rows = store::after(register.db.read(), &after, limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |one| one.id.clone()).map(shown)))
}

/// Ends a subscription, whosever it is: nothing that waits is sent any more.
#[utoipa::path(
    delete, path = "/directory/subscriptions/{subscription}", tag = "directory",
    params(("subscription" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is ended"),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
        (status = 404, description = "There is none", body = Body),
    )
)]
pub(super) async fn remove(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(OPERATE)?;
    let (actor, now, own) = (audit::Actor::from(&caller), register.now(), id.clone());
    let ended: Result<bool, Error> = register
        .db
        .write(move |tx| Box::pin(async move { end(tx, &own, "operator", &actor, now).await }))
        .await;
    if ended? { Ok(StatusCode::NO_CONTENT) } else { Err(Error::unknown("subscription", id).into()) }
}
