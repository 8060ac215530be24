//! `/ca/cards`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use super::headers::Posted;
use crate::api::{CardInfo, CardPage, CardQuery, NewCards};
use crate::cards::{Answer, Cards};

/// Registers cards by their serial numbers, all or none.
#[utoipa::path(
    post, path = "/ca/cards", tag = "cards",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewCards, example = json!({"serials": ["5437251"], "location": "0199…", "ordered": false})),
    responses(
        (status = 201, description = "They are registered, now or by the same request before", body = CardPage),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "One of them is registered already", body = Body),
    )
)]
pub(super) async fn register(
    State(cards): State<Cards>,
    Posted { caller, once, body }: Posted<NewCards>,
) -> Result<Answer, Problem> {
    Ok(cards.register(&caller, once, body).await?)
}

/// Cards of an organisation, of a person, or with a serial number.
#[utoipa::path(
    get, path = "/ca/cards", tag = "cards", params(CardQuery),
    responses(
        (status = 200, description = "One page", body = CardPage),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(cards): State<Cards>,
    Query(query): Query<CardQuery>,
) -> Result<Json<CardPage>, Problem> {
    Ok(Json(cards.page(&caller, query).await?))
}

/// One card, with its entity tag.
#[utoipa::path(
    get, path = "/ca/cards/{card}", tag = "cards",
    params(("card" = String, Path, description = "The card's id")),
    responses(
        (status = 200, description = "The card", body = CardInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Path(card): Path<String>,
) -> Result<Response, Problem> {
    let card = cards.card(&caller, &card).await?;
    let tag = format!("\"{}\"", card.version);
    Ok(([(header::ETAG, tag)], Json(card)).into_response())
}
