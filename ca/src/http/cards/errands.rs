//! `/ca/cards/{card}/errands`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use super::headers::Posted;
use crate::api::{ErrandInfo, NewErrand, RelayTicket};
use crate::cards::{Answer, Cards};

/// Begins what needs the card in a reader: to issue, renew, unlock, repair or clear it. To repair one that is in stock, cleared or kept for
/// somebody is to move its own keys to the master key of now.
///
/// Nothing is done with the card before a workstation's agent goes on with the errand: ask for a ticket. An errand that is not done in
/// time ends by itself, and its certificates are revoked.
#[utoipa::path(
    post, path = "/ca/cards/{card}/errands", tag = "cards",
    params(("card" = String, Path, description = "The card's id"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewErrand, example = json!({"act": "issue", "locked": false})),
    responses(
        (status = 201, description = "It was begun, now or by the same request before", body = ErrandInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "The card's state does not allow it, or another errand is open", body = Body),
    )
)]
pub(super) async fn create(
    State(cards): State<Cards>,
    Path(card): Path<String>,
    Posted { caller, once, body }: Posted<NewErrand>,
) -> Result<Answer, Problem> {
    Ok(cards.begin(&caller, &card, once, body).await?)
}

/// How an errand stands.
#[utoipa::path(
    get, path = "/ca/cards/{card}/errands/{errand}", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("errand" = String, Path, description = "The errand's id")),
    responses(
        (status = 200, description = "The errand", body = ErrandInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card or errand", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, errand)): Path<(String, String)>,
) -> Result<Json<ErrandInfo>, Problem> {
    Ok(Json(cards.errand(&caller, &card, &errand).await?))
}

/// Gives an errand up: it ends, and its certificates are revoked.
#[utoipa::path(
    delete, path = "/ca/cards/{card}/errands/{errand}", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("errand" = String, Path, description = "The errand's id")),
    responses(
        (status = 200, description = "It has ended", body = ErrandInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card or errand, or it is over", body = Body),
    )
)]
pub(super) async fn end(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, errand)): Path<(String, String)>,
) -> Result<Json<ErrandInfo>, Problem> {
    Ok(Json(cards.give_up(&caller, &card, &errand).await?))
}

/// Says that an errand that makes keys may be gone on with, where `[ca.cards] key_origin` is `two-persons`: by somebody else than
/// who began it, who may issue cards as well.
#[utoipa::path(
    post, path = "/ca/cards/{card}/errands/{errand}/approvals", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("errand" = String, Path, description = "The errand's id")),
    responses(
        (status = 200, description = "The errand as it is now", body = ErrandInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card or errand, or it is over", body = Body),
        (status = 409, description = "Whoever approves began it, is the card's holder, or is a program", body = Body),
    )
)]
pub(super) async fn approve(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, errand)): Path<(String, String)>,
) -> Result<Json<ErrandInfo>, Problem> {
    Ok(Json(cards.approve(&caller, &card, &errand).await?))
}

/// Says that the management key of the card is tried once more, where nobody heard whether the card took it.
///
/// A wrong key is never tried twice by itself, since some cards lock by that. Say so where the card is the one that it should be and nobody
/// else has changed it; it is recorded, and is good for one try. Then go on with the errand with a new ticket.
#[utoipa::path(
    post, path = "/ca/cards/{card}/errands/{errand}/second-tries", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("errand" = String, Path, description = "The errand's id")),
    responses(
        (status = 200, description = "The errand as it is now", body = ErrandInfo),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card or errand, or it is over", body = Body),
        (status = 409, description = "No answer of this card was lost, or a program asks", body = Body),
    )
)]
pub(super) async fn allow_second_try(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, errand)): Path<(String, String)>,
) -> Result<Json<ErrandInfo>, Problem> {
    Ok(Json(cards.allow_second_try(&caller, &card, &errand).await?))
}

/// Makes a ticket with which a workstation's agent goes on with an errand, once. The ticket before is good for nothing from now on.
///
/// It is shown this once: give it to the agent and keep it nowhere.
#[utoipa::path(
    post, path = "/ca/cards/{card}/errands/{errand}/tickets", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("errand" = String, Path, description = "The errand's id")),
    responses(
        (status = 201, description = "The ticket, for the agent", body = RelayTicket),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card or errand, or it is over", body = Body),
        (status = 409, description = "No agent can reach this server, or nobody else has approved the errand", body = Body),
    )
)]
pub(super) async fn ticket(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, errand)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let ticket = cards.ticket(&caller, &card, &errand).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(ticket)).into_response())
}
