//! `/directory/changes` and `/directory/consumers`.

use axum::extract::State;
use http::StatusCode;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{CHANGES, ChangeQuery, Changes, Consumer, Progress};
use crate::error::Error;
use crate::register::Register;
use crate::store::changes;

/// The change feed.
///
/// Changes in the order of their commits: whoever reads on after the last number misses none.
#[utoipa::path(
    get, path = "/directory/changes", tag = "directory", params(ChangeQuery),
    responses(
        (status = 200, description = "What is new, oldest first", body = Changes),
        (status = 403, description = "The caller may not do directory:changes", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<ChangeQuery>,
) -> Result<Json<Changes>, Problem> {
    caller.may(CHANGES)?;
    let limit = query.limit.unwrap_or(100).clamp(1, 1000);
    let changes = changes::after(register.db.read(), query.after, limit).await?;
    Ok(Json(Changes { changes }))
}

/// How far the consumers of the feed have come.
#[utoipa::path(
    get, path = "/directory/consumers", tag = "directory",
    responses(
        (status = 200, description = "The consumers by name", body = Vec<Consumer>),
        (status = 403, description = "The caller may not do directory:changes", body = Body),
    )
)]
pub(super) async fn consumers(
    caller: Caller,
    State(register): State<Register>,
) -> Result<Json<Vec<Consumer>>, Problem> {
    caller.may(CHANGES)?;
    Ok(Json(changes::consumers(register.db.read()).await?))
}

/// Says how far this consumer has come. It never goes back.
#[utoipa::path(
    put, path = "/directory/consumers/{name}", tag = "directory",
    params(("name" = String, Path, description = "The client id of the caller")),
    request_body(content = Progress, example = json!({"applied": 4711})),
    responses(
        (status = 204, description = "Noted"),
        (status = 403, description = "The caller may not do directory:changes, or has another name", body = Body),
    )
)]
pub(super) async fn advance(
    caller: Caller,
    State(register): State<Register>,
    Path(name): Path<String>,
    Json(progress): Json<Progress>,
) -> Result<StatusCode, Problem> {
    caller.may(CHANGES)?;
    if caller.client.as_str() != name {
        let detail = "A consumer tells of its own progress only: the name is your client id.";
        return Err(Problem::forbidden("consumer-of-another", detail));
    }
    let now = register.now();
    let done: Result<(), Error> = register
        .db
        .write(move |tx| Box::pin(async move { changes::advance(tx, &name, progress.applied, now).await }))
        .await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
