//! `/ca/cards/{card}/prints`

use axum::extract::State;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use super::headers::{IfMatch, Posted};
use crate::api::{CardPrint, PrintCard};
use crate::cards::{Answer, Cards};

/// Has the face of somebody's card printed. What is not printed in time, or is spoilt, cancels the card as `print-failed`.
///
/// It is answered when it is written down; the address in `Location` tells how it ends.
#[utoipa::path(
    post, path = "/ca/cards/{card}/prints", tag = "cards",
    params(("card" = String, Path, description = "The card's id"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = PrintCard, example = json!({})),
    responses(
        (status = 201, description = "It is on its way to the printer, now or by the same request before", body = CardPrint),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "The card is nobody's, its holder has no photograph, it is being printed, or there is no printer", body = Body),
        (status = 412, description = "The card was changed since", body = Body),
        (status = 428, description = "If-Match is missing", body = Body),
        (status = 503, description = "It could not be drawn here, or as many are printed as may be at once", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Path(card): Path<String>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body: PrintCard {} }: Posted<PrintCard>,
) -> Result<Answer, Problem> {
    Ok(cards.begin_print(&caller, &card, expected, once).await?)
}

/// How a print stands.
#[utoipa::path(
    get, path = "/ca/cards/{card}/prints/{print}", tag = "cards",
    params(("card" = String, Path, description = "The card's id"),
           ("print" = String, Path, description = "The print's id")),
    responses(
        (status = 200, description = "The print", body = CardPrint),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such print", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, print)): Path<(String, String)>,
) -> Result<Json<CardPrint>, Problem> {
    Ok(Json(cards.print(&caller, &card, &print).await?))
}
