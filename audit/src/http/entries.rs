//! Entries: what was recorded, with what opens each leaf. For the auditor.

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, Query};

use super::log_row;
use crate::api::{Entries, EntriesQuery, MOST_ENTRIES, READ};
use crate::export;
use crate::log::Log;

/// Entries behind a position, in order.
#[utoipa::path(
    get,
    path = "/audit/entries",
    tag = "audit",
    params(EntriesQuery),
    responses(
        (status = 200, description = "Entries in order", body = Entries),
        (status = 400, description = "The limit is not from 1 to 1000", body = platform::problem::Body),
        (status = 401, description = "It is not known who asks", body = platform::problem::Body),
        (status = 403, description = "Without audit:read", body = platform::problem::Body),
        (status = 404, description = "No such log", body = platform::problem::Body),
    )
)]
pub(super) async fn list(
    State(log): State<Log>,
    caller: Caller,
    Query(query): Query<EntriesQuery>,
) -> Result<Json<Entries>, Problem> {
    caller.may(READ)?;
    if !(1..=MOST_ENTRIES).contains(&query.limit) {
        return Err(Problem::invalid("limit-out-of-range", "Ask for 1 to 1000 entries at once."));
    }
    let row = log_row(&log, query.log_epoch.unwrap_or_else(|| log.current().log_epoch)).await?;
    let size = log.signed_head(row.log_epoch).await?.size;
    let entries = export::page(&log, row.log_epoch, query.after, size, query.limit).await?;
    let more = entries.len() == query.limit as usize;
    let next = entries.last().filter(|_| more).map(|entry| entry.position);
    Ok(Json(Entries { log_epoch: row.log_epoch, origin: row.origin, size, entries, next }))
}
