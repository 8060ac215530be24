//! Tiles: hashes for everybody, entry bundles for the auditor.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Path;
use tlog_tiles::HASH_SIZE;

use crate::api::READ;
use crate::bundle;
use crate::error::Error;
use crate::log::Log;
use crate::store::tiles::{bundle, tile};
use crate::tile::{Kind, TilePath};
use crate::tree::TileId;

/// A tile at an address that names its log never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// After a restore the same address leads to the new log, so that a cache may keep it for a day only.
const FOR_A_DAY: &str = "public, max-age=86400, immutable";
/// A partial tile is asked for less and less as the log grows.
const FOR_A_MINUTE: &str = "public, max-age=60";
/// What only the auditor may read is kept nowhere.
const NEVER: &str = "no-store";

/// A tile of the current log: `<L>/<N>[.p/<W>]` for hashes, `entries/<N>[.p/<W>]` for leaves (auditor).
#[utoipa::path(
    get,
    path = "/audit/tile/{path}",
    tag = "audit",
    params(("path" = String, Path, description = "As C2SP tlog-tiles encodes it, for example 0/x001/067.p/8")),
    responses(
        (status = 200, description = "The hashes, 32 octets each, or the entry bundle", content_type = "application/octet-stream"),
        (status = 401, description = "An entry bundle was asked for by nobody", body = platform::problem::Body),
        (status = 403, description = "An entry bundle was asked for without audit:read", body = platform::problem::Body),
        (status = 404, description = "There is no such tile yet", body = platform::problem::Body),
    )
)]
pub(super) async fn current(
    State(log): State<Log>,
    caller: Result<Caller, Problem>,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    answer(&log, log.current().log_epoch, &path, caller, FOR_A_DAY).await
}

/// A tile of one log.
#[utoipa::path(
    get,
    path = "/audit/logs/{log_epoch}/tile/{path}",
    tag = "audit",
    params(
        ("log_epoch" = u64, Path, description = "Which log, counted from 1"),
        ("path" = String, Path, description = "As C2SP tlog-tiles encodes it"),
    ),
    responses(
        (status = 200, description = "The hashes, 32 octets each, or the entry bundle", content_type = "application/octet-stream"),
        (status = 401, description = "An entry bundle was asked for by nobody", body = platform::problem::Body),
        (status = 403, description = "An entry bundle was asked for without audit:read", body = platform::problem::Body),
        (status = 404, description = "There is no such tile yet", body = platform::problem::Body),
    )
)]
pub(super) async fn of_log(
    State(log): State<Log>,
    caller: Result<Caller, Problem>,
    Path((log_epoch, path)): Path<(u64, String)>,
) -> Result<Response, Problem> {
    answer(&log, log_epoch, &path, caller, FOR_EVER).await
}

async fn answer(
    log: &Log,
    log_epoch: u64,
    path: &str,
    caller: Result<Caller, Problem>,
    full: &'static str,
) -> Result<Response, Problem> {
    let wanted = TilePath::parse(path).ok_or_else(none_such)?;
    let pool = log.shared.db.read();
    let (bytes, cache) = match wanted.kind {
        Kind::Hashes(level) => {
            let id = TileId { level, index: wanted.index };
            let stored = tile(pool, log_epoch, id).await.map_err(Error::from)?.ok_or_else(none_such)?;
            let bytes = stored.get(..wanted.width * HASH_SIZE).ok_or_else(none_such)?.to_vec();
            (bytes, if wanted.is_full() { full } else { FOR_A_MINUTE })
        }
        Kind::Entries => {
            caller?.may(READ)?;
            let stored =
                bundle(pool, log_epoch, wanted.index).await.map_err(Error::from)?.ok_or_else(none_such)?;
            let leaves = stored.get(..wanted.width * HASH_SIZE).ok_or_else(none_such)?;
            (bundle::encode(leaves), NEVER)
        }
    };
    Ok(([("content-type", "application/octet-stream"), ("cache-control", cache)], bytes).into_response())
}

fn none_such() -> Problem {
    Problem::not_found("tile-none", "There is no such tile, or not yet.")
}
