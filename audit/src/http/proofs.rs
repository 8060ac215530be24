//! Proofs that an event is in the signed tree. For the auditor, because ids belong to entries.

use std::time::Duration;

use axum::extract::State;
use base64::prelude::{BASE64_STANDARD, Engine};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, Path};

use super::log_row;
use crate::api::{InclusionProof, READ};
use crate::error::Error;
use crate::leaf::LENGTH;
use crate::log::Log;
use crate::proof::{Wanted, prove, tiles_for};
use crate::store::checkpoints::newest_signed;
use crate::store::events::place_by_id;
use crate::store::tiles::{bundle, tiles};
use crate::tree::TILE_WIDTH;

/// The proof that an event is in the newest signed tree of its log.
#[utoipa::path(
    get,
    path = "/audit/events/{id}/proof",
    tag = "audit",
    params(("id" = String, Path, description = "The id of the event")),
    responses(
        (status = 200, description = "The proof", body = InclusionProof),
        (status = 401, description = "It is not known who asks", body = platform::problem::Body),
        (status = 403, description = "Without audit:read", body = platform::problem::Body),
        (status = 404, description = "No such event, or it was erased", body = platform::problem::Body),
        (status = 503, description = "It is recorded and will be in the tree within two seconds", body = platform::problem::Body),
    )
)]
pub(super) async fn inclusion(
    State(log): State<Log>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<InclusionProof>, Problem> {
    caller.may(READ)?;
    let pool = log.shared.db.read();
    let place = place_by_id(pool, &id).await.map_err(Error::from)?;
    let Some(place) = place else {
        return Err(Problem::not_found(
            "event-none",
            "There is no such event, or it was erased under retention.",
        ));
    };
    let Some((log_epoch, position)) = place else { return Err(not_yet()) };
    let signed = newest_signed(pool, log_epoch).await.map_err(Error::from)?;
    let Some((size, Some(checkpoint))) = signed.map(|row| (row.size, row.note)) else {
        return Err(not_yet());
    };
    if position >= size {
        return Err(not_yet());
    }
    let wanted = Wanted::Inclusion { position, size };
    let ids = tiles_for(wanted).map_err(Error::Proof)?;
    let stored = tiles(pool, log_epoch, &ids).await.map_err(Error::from)?;
    let path = prove(wanted, stored).map_err(Error::Proof)?;
    let commitment = BASE64_STANDARD.encode(commitment(&log, log_epoch, position).await?);
    let origin = log_row(&log, log_epoch).await?.origin;
    let path = path.iter().map(ToString::to_string).collect();
    Ok(Json(InclusionProof { log_epoch, origin, position, commitment, size, path, checkpoint }))
}

async fn commitment(log: &Log, log_epoch: u64, position: u64) -> Result<Vec<u8>, Error> {
    let width = TILE_WIDTH as u64;
    let stored = bundle(log.shared.db.read(), log_epoch, position / width).await?.unwrap_or_default();
    let start = usize::try_from(position % width).unwrap_or(0) * LENGTH;
    let what = "audit_bundle.commitments";
    Ok(stored.get(start..start + LENGTH).ok_or(Error::Corrupt { what })?.to_vec())
}

pub(super) fn not_yet() -> Problem {
    let detail = "The event is recorded; it will be in the signed tree within two seconds.";
    Problem::unavailable("event-not-included-yet", detail, Duration::from_secs(1))
}
