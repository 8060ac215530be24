//! Checkpoints: the newest signed one, for everybody.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use platform::problem::Problem;
use platform::web::Path;

use crate::log::Log;

/// The newest signed checkpoint of the current log, with the cosignatures of witnesses.
#[utoipa::path(
    get,
    path = "/audit/checkpoint",
    tag = "audit",
    responses(
        (status = 200, description = "A signed note (C2SP tlog-checkpoint)", body = String, content_type = "text/plain"),
        (status = 404, description = "Nothing has been signed yet", body = platform::problem::Body),
    )
)]
pub(super) async fn current(State(log): State<Log>) -> Result<Response, Problem> {
    answer(&log, log.current().log_epoch).await
}

/// The newest signed checkpoint of one log.
#[utoipa::path(
    get,
    path = "/audit/logs/{log_epoch}/checkpoint",
    tag = "audit",
    params(("log_epoch" = u64, Path, description = "Which log, counted from 1")),
    responses(
        (status = 200, description = "A signed note (C2SP tlog-checkpoint)", body = String, content_type = "text/plain"),
        (status = 404, description = "No such log, or nothing signed yet", body = platform::problem::Body),
    )
)]
pub(super) async fn of_log(State(log): State<Log>, Path(log_epoch): Path<u64>) -> Result<Response, Problem> {
    answer(&log, log_epoch).await
}

async fn answer(log: &Log, log_epoch: u64) -> Result<Response, Problem> {
    let Some(note) = log.checkpoint_of(log_epoch).await? else {
        return Err(Problem::not_found("checkpoint-none", "No checkpoint has been signed yet."));
    };
    // C2SP tlog-tiles, "Checkpoints": it changes all the time.
    let headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-cache")];
    Ok((headers, note).into_response())
}
