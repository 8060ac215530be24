//! `/ca/card-rediversifications`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Query};

use super::headers::Posted;
use crate::api::{CardBatch, NewRediversification, Rediversification, RediversificationQuery};
use crate::cards::{Answer, Cards};

/// How far the cards of an organisation have moved to keys from the master key of now, and which have not.
///
/// Each moves at its next issue, renewal, repair or clearing; an unlock moves its unblocking key alone.
#[utoipa::path(
    get, path = "/ca/card-rediversifications", tag = "cards", params(RediversificationQuery),
    responses(
        (status = 200, description = "Counts, and one page of those that are left", body = Rediversification),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Query(query): Query<RediversificationQuery>,
) -> Result<Json<Rediversification>, Problem> {
    Ok(Json(cards.rediversification(&caller, query).await?))
}

/// Has cards in use or in stock move now: a batch of errands `repair`, all or none, each gone on with by a ticket of its own. Certificates and
/// passcodes stay. A card in stock that has keys as from the factory has none to move.
#[utoipa::path(
    post, path = "/ca/card-rediversifications", tag = "cards",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewRediversification, example = json!({"organisation": "RXX", "cards": ["0199…"]})),
    responses(
        (status = 201, description = "It was begun, now or by the same request before; `/ca/card-batches` tells how far it has come",
            body = CardBatch),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "The organisation has no such card", body = Body),
        (status = 409, description = "One of the cards has moved, or cannot be repaired; nothing was done", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Posted { caller, once, body }: Posted<NewRediversification>,
) -> Result<Answer, Problem> {
    Ok(cards.rediversify(&caller, once, body).await?)
}
