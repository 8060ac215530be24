//! Logs: the current one and those before it.

use axum::extract::State;
use platform::problem::Problem;
use platform::web::Json;

use super::verifier_of;
use crate::api::LogInfo;
use crate::error::Error;
use crate::log::Log;
use crate::store::log::all_logs;

/// Every log of this installation, oldest first. More than one means a restore or a new key.
#[utoipa::path(
    get,
    path = "/audit/logs",
    tag = "audit",
    responses((status = 200, description = "The logs", body = Vec<LogInfo>))
)]
pub(super) async fn list(State(log): State<Log>) -> Result<Json<Vec<LogInfo>>, Problem> {
    let rows = all_logs(log.shared.db.read()).await.map_err(Error::from)?;
    let infos = rows.into_iter().map(|row| {
        let verifier_key = verifier_of(&row)?.to_string();
        let prefix = format!("/audit/logs/{}", row.log_epoch);
        Ok(LogInfo {
            log_epoch: row.log_epoch,
            origin: row.origin,
            verifier_key,
            started_at: row.started_at,
            prefix,
        })
    });
    infos.collect::<Result<_, Problem>>().map(Json)
}
