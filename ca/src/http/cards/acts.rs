//! `/ca/cards/{card}/acts`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use super::headers::{IfMatch, Posted};
use crate::api::{CardActPage, CardActQuery, CardInfo, MoveCard};
use crate::cards::{Answer, Cards};

/// Moves a card from one state to another. What needs the card in a reader is an errand instead.
///
/// `cancel` revokes its certificates for a reason that follows from its own, `suspend` puts them on hold, `resume` lifts that. When
/// this answers, all of it is stored and in the audit record.
#[utoipa::path(
    post, path = "/ca/cards/{card}/acts", tag = "cards",
    params(("card" = String, Path, description = "The card's id"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = MoveCard, example = json!({"move": "cancel", "reason": "lost"})),
    responses(
        (status = 200, description = "The card as it is now", body = CardInfo),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "The card's state does not allow it", body = Body),
        (status = 412, description = "The card was changed since", body = Body),
        (status = 428, description = "If-Match is missing", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Path(card): Path<String>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<MoveCard>,
) -> Result<Answer, Problem> {
    Ok(cards.move_card(&caller, &card, expected, once, body).await?)
}

/// What happened to a card, and who had it, oldest first.
#[utoipa::path(
    get, path = "/ca/cards/{card}/acts", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), CardActQuery),
    responses(
        (status = 200, description = "One page", body = CardActPage),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(cards): State<Cards>,
    Path(card): Path<String>,
    Query(query): Query<CardActQuery>,
) -> Result<Json<CardActPage>, Problem> {
    Ok(Json(cards.acts(&caller, &card, query).await?))
}
