//! What was recorded at a moment. For the auditor, and for modules that show what they recorded.

use axum::extract::State;
use base64::prelude::{BASE64_STANDARD, Engine};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::Problem;
use platform::web::{Json, Path, Query};

use super::proofs::not_yet;
use crate::api::{Entry, Moment, MomentQuery, READ};
use crate::error::Error;
use crate::log::Log;
use crate::store::events::at_moment;

/// How many events of one millisecond are listed.
const MOST: i64 = 1000;

/// The events of a module that have a name and were recorded in a millisecond.
#[utoipa::path(
    get,
    path = "/audit/moments/{at}",
    tag = "audit",
    params(("at" = i64, Path, description = "Milliseconds since 1970"), MomentQuery),
    responses(
        (status = 200, description = "The entries", body = Moment),
        (status = 401, description = "It is not known who asks", body = platform::problem::Body),
        (status = 403, description = "Without audit:read", body = platform::problem::Body),
        (status = 503, description = "They are recorded and will be in the tree within two seconds", body = platform::problem::Body),
    )
)]
pub(super) async fn show(
    State(log): State<Log>,
    caller: Caller,
    Path(at): Path<i64>,
    Query(query): Query<MomentQuery>,
) -> Result<Json<Moment>, Problem> {
    caller.may(READ)?;
    let rows = at_moment(log.shared.db.read(), Millis(at), (&query.module, &query.name), MOST).await;
    let mut entries = Vec::new();
    for row in rows.map_err(Error::from)? {
        let position = row.position.ok_or_else(not_yet)?;
        let record =
            serde_json::from_slice(&row.body).map_err(|_| Error::Corrupt { what: "audit_event.body" })?;
        entries.push(Entry { position, salt: BASE64_STANDARD.encode(row.salt), record });
    }
    Ok(Json(Moment { entries }))
}
