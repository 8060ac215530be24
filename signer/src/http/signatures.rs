//! `/signer/signatures`: the ledger.

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use crate::api::{EvidenceBundle, LedgerPage, LedgerQuery};
use crate::signer::Signer;
use crate::{evidence, ledger};

/// A page of signatures, oldest first: of a credential, a person, an application, a period.
#[utoipa::path(get, path = "/signer/signatures", tag = "signer", params(LedgerQuery),
    responses((status = 200, body = LedgerPage)))]
pub(crate) async fn list(
    State(signer): State<Signer>,
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerPage>, Problem> {
    Ok(Json(ledger::page(&signer, &caller, query).await?))
}

/// Everything that proves a signature, to be kept and checked by itself.
#[utoipa::path(get, path = "/signer/signatures/{id}/evidence", tag = "signer", params(("id" = String, Path)),
    responses((status = 200, body = EvidenceBundle), (status = 404, body = Body), (status = 503, body = Body)))]
pub(crate) async fn evidence(
    State(signer): State<Signer>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<EvidenceBundle>, Problem> {
    Ok(Json(evidence::bundle(&signer, &caller, &id).await?))
}
