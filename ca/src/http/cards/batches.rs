//! `/ca/card-batches`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use super::headers::Posted;
use crate::api::{CardBatch, NewCardBatch};
use crate::cards::{Answer, Cards};

/// Issues cards together: they are reserved for their holders, and the errands that issue them are begun, all or none.
///
/// As many agents as there are readers go on with them at the same time, each errand with a ticket of its own.
#[utoipa::path(
    post, path = "/ca/card-batches", tag = "cards",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewCardBatch,
        example = json!({"organisation": "RXX", "cards": [{"card": "0199…", "user_id": "555021942107"}], "locked": true})),
    responses(
        (status = 201, description = "It was begun, now or by the same request before", body = CardBatch),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "The organisation has no such card", body = Body),
        (status = 409, description = "One of the cards is not in stock; nothing was done", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Posted { caller, once, body }: Posted<NewCardBatch>,
) -> Result<Answer, Problem> {
    Ok(cards.begin_batch(&caller, once, body).await?)
}

/// How far a batch has come: counts, the time that is left, and each card.
#[utoipa::path(
    get, path = "/ca/card-batches/{batch}", tag = "cards",
    params(("batch" = String, Path, description = "The batch's id")),
    responses(
        (status = 200, description = "The batch", body = CardBatch),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such batch", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Path(batch): Path<String>,
) -> Result<Json<CardBatch>, Problem> {
    Ok(Json(cards.batch(&caller, &batch).await?))
}

/// Says that the management keys of all cards of a batch are tried once more of which nobody heard whether the card took its key, as where the
/// network went away or the server was killed.
///
/// It is as `second-tries` of each of their errands, all or none, and recorded for each. Errands that have not stopped are left alone for as long
/// as an agent may be at work on them: ask again then. Go on with the errands with new tickets.
#[utoipa::path(
    post, path = "/ca/card-batches/{batch}/second-tries", tag = "cards",
    params(("batch" = String, Path, description = "The batch's id")),
    responses(
        (status = 200, description = "The batch as it is now", body = CardBatch),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such batch", body = Body),
        (status = 409, description = "No errand of the batch stands so, or a program asks", body = Body),
    )
)]
pub(super) async fn allow_second_tries(
    caller: Caller,
    State(cards): State<Cards>,
    Path(batch): Path<String>,
) -> Result<Json<CardBatch>, Problem> {
    Ok(Json(cards.allow_second_tries(&caller, &batch).await?))
}
