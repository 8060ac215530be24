//! `/directory/changes` and `/directory/consumers`.

use axum::extract::State;
use http::StatusCode;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use super::input;
use crate::api::{CHANGES, ChangeQuery, Changes, Consumer, Page, PageQuery, Progress};
use crate::error::Error;
use crate::register::Register;
use crate::store::changes;

/// The change feed.
///
/// Changes in the order of their commits: whoever reads on after the last number misses none. From 0 on they begin with the oldest
/// that is kept.
#[utoipa::path(
    get, path = "/directory/changes", tag = "directory", params(ChangeQuery),
    responses(
        (status = 200, description = "What is new, oldest first", body = Changes),
        (status = 403, description = "The caller may not do directory:changes", body = Body),
        (status = 410, description = "What comes after this number was erased", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<ChangeQuery>,
) -> Result<Json<Changes>, Problem> {
    caller.may(CHANGES)?;
    let limit = query.limit.unwrap_or(100).clamp(1, 1000);
    let read = register.db.read();
    // Before the changes: what is told in between is not taken for erased.
    let last = changes::last(read).await?;
    let changes = changes::after(read, query.after, limit).await?;
    let next = changes.first().map_or(last.saturating_add(1), |change| change.number);
    if query.after > 0 && next > query.after.saturating_add(1) {
        let detail = "The changes that come next were erased, because their time was over. Read what you follow anew, and go on \
                      after the number at which you began to.";
        return Err(Problem::gone("changes-erased", detail));
    }
    Ok(Json(Changes { changes }))
}

/// How far the consumers of the feed have come.
#[utoipa::path(
    get, path = "/directory/consumers", tag = "directory", params(PageQuery),
    responses(
        (status = 200, description = "The consumers by name", body = Page<Consumer>),
        (status = 403, description = "The caller may not do directory:changes", body = Body),
    )
)]
pub(super) async fn consumers(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Consumer>>, Problem> {
    caller.may(CHANGES)?;
    let (after, limit) = (query.after.unwrap_or_default(), input::limit(query.limit));
    let rows = changes::consumers(register.db.read(), &after, limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |one| one.name.clone())))
}

/// Says how far this consumer has come. It never goes back.
#[utoipa::path(
    put, path = "/directory/consumers/{name}", tag = "directory",
    params(("name" = String, Path, description = "The client id of the caller")),
    request_body(content = Progress, example = json!({"applied": 4711})),
    responses(
        (status = 204, description = "Noted"),
        (status = 400, description = "No change has this number yet", body = Body),
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
        .write(move |tx| {
            Box::pin(async move {
                // Whoever ran ahead would pass over what is told up to there, and let it be erased.
                let last = changes::last(&mut *tx).await?;
                if progress.applied > last {
                    let sentence = format!("The last change has the number {last}.");
                    return Err(Error::field("applied", sentence));
                }
                changes::advance(tx, &name, progress.applied, now).await
            })
        })
        .await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
