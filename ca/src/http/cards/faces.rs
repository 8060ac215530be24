//! `/ca/cards/{card}/face`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Path, Query};

use crate::api::CardFaceQuery;
use crate::cards::Cards;

/// What is printed on somebody's card: name, photograph, user id and organisation, in the size of cards.
#[utoipa::path(
    get, path = "/ca/cards/{card}/face", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), CardFaceQuery),
    responses(
        (status = 200, description = "A page of PDF, or a PNG of 1,011 by 638 dots, 300 to the inch", body = [u8], content_type = "application/pdf"),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "The card is nobody's, or the register has no photograph of its holder", body = Body),
        (status = 503, description = "It could not be drawn here", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Path(card): Path<String>,
    Query(query): Query<CardFaceQuery>,
) -> Result<Response, Problem> {
    let (media, octets) = cards.face(&caller, &card, query.form).await?;
    let fields = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")];
    Ok((fields, octets).into_response())
}
