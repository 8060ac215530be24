//! `/signer/signatures`: the ledger.

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, Query};

use crate::api::{LedgerPage, LedgerQuery};
use crate::ledger;
use crate::signer::Signer;

/// A page of a credential's signatures, oldest first.
#[utoipa::path(get, path = "/signer/signatures", tag = "signer", params(LedgerQuery),
    responses((status = 200, body = LedgerPage)))]
pub(crate) async fn list(
    State(signer): State<Signer>,
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerPage>, Problem> {
    Ok(Json(ledger::page(&signer, &caller, query).await?))
}
