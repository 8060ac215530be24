//! The record over HTTP: checkpoints and hash tiles for everybody, entries for the auditor.

mod checkpoints;
mod entries;
mod logs;
mod moments;
mod proofs;
mod tiles;

use axum::Router;
use axum::routing::get;
use platform::problem::Problem;
use utoipa::OpenApi;

use crate::checkpoint::VerifierKey;
use crate::error::Error;
use crate::log::Log;
use crate::store::log::{LogRow, all_logs};

/// All routes.
pub fn router(log: Log) -> Router {
    Router::new()
        .route("/audit/checkpoint", get(checkpoints::current))
        .route("/audit/tile/{*path}", get(tiles::current))
        .route("/audit/logs", get(logs::list))
        .route("/audit/logs/{log_epoch}/checkpoint", get(checkpoints::of_log))
        .route("/audit/logs/{log_epoch}/tile/{*path}", get(tiles::of_log))
        .route("/audit/entries", get(entries::list))
        .route("/audit/moments/{at}", get(moments::show))
        .route("/audit/events/{id}/proof", get(proofs::inclusion))
        .with_state(log)
}

#[derive(OpenApi)]
#[openapi(
    paths(
        checkpoints::current,
        checkpoints::of_log,
        tiles::current,
        tiles::of_log,
        logs::list,
        entries::list,
        moments::show,
        proofs::inclusion
    ),
    tags((name = "audit", description = "The one record of every act, and the Merkle log over it"))
)]
struct Api;

/// The description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn log_row(log: &Log, log_epoch: u64) -> Result<LogRow, Problem> {
    let logs = all_logs(log.shared.db.read()).await.map_err(Error::from)?;
    logs.into_iter()
        .find(|row| row.log_epoch == log_epoch)
        .ok_or_else(|| Problem::not_found("log-unknown", "There is no such log; /audit/logs lists them."))
}

fn verifier_of(row: &LogRow) -> Result<VerifierKey, Problem> {
    Ok(VerifierKey::of_spki(&row.origin, &row.public_key).map_err(Error::from)?)
}
