//! `/ca/card-locations`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Query};

use super::headers::Posted;
use crate::api::{CardLocation, CardLocationPage, CardLocationQuery, NewCardLocation};
use crate::cards::{Answer, Cards};

/// Makes a place where cards are kept.
#[utoipa::path(
    post, path = "/ca/card-locations", tag = "cards",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewCardLocation, example = json!({"organisation": "RXX", "name": "RA office"})),
    responses(
        (status = 201, description = "It was made, now or by the same request before", body = CardLocation),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "The organisation has a place of this name", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Posted { caller, once, body }: Posted<NewCardLocation>,
) -> Result<Answer, Problem> {
    Ok(cards.add_location(&caller, once, body).await?)
}

/// The places of an organisation.
#[utoipa::path(
    get, path = "/ca/card-locations", tag = "cards", params(CardLocationQuery),
    responses(
        (status = 200, description = "One page", body = CardLocationPage),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(cards): State<Cards>,
    Query(query): Query<CardLocationQuery>,
) -> Result<Json<CardLocationPage>, Problem> {
    Ok(Json(cards.locations(&caller, query).await?))
}
