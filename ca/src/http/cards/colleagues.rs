//! `/ca/card-unlocks/by-colleague`, and `/ca/cards/{card}/unlocks`: a colleague vouches from afar for whoever has a locked card.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, PeerAddress};

use crate::api::{AskColleague, ColleagueAsked, UnlockCode, WaitingUnlocks};
use crate::cards::Cards;

/// Makes a code that the holder of a card reads out to a colleague who may unlock it. Once the colleague has approved with it, the same
/// code gives a ticket at `/ca/card-unlocks/{unlock}/tickets`.
///
/// Anybody may ask, and is answered the same whether or not there is such a card.
#[utoipa::path(
    post, path = "/ca/card-unlocks/by-colleague", tag = "cards",
    request_body(content = AskColleague, example = json!({"serial": "5437251"})),
    responses(
        (status = 202, description = "What to read out", body = ColleagueAsked),
        (status = 400, description = "The request is refused", body = Body),
        (status = 429, description = "Too many were made from there", body = Body),
    )
)]
pub(super) async fn ask(
    State(cards): State<Cards>,
    peer: Option<Extension<PeerAddress>>,
    Json(asked): Json<AskColleague>,
) -> Result<Response, Problem> {
    let asked = cards.ask_colleague(asked, peer.map(|Extension(peer)| peer)).await?;
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(asked)).into_response())
}

/// The requests for a card that wait for a colleague.
#[utoipa::path(
    get, path = "/ca/cards/{card}/unlocks", tag = "cards",
    params(("card" = String, Path, description = "The card's id")),
    responses(
        (status = 200, description = "Oldest first", body = WaitingUnlocks),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(cards): State<Cards>,
    Path(card): Path<String>,
) -> Result<Json<WaitingUnlocks>, Problem> {
    Ok(Json(cards.waiting(&caller, &card).await?))
}

/// Vouches for whoever read a code out: they hold the card, and are who they say. Whoever may unlock the card does so, and not its
/// holder.
#[utoipa::path(
    post, path = "/ca/cards/{card}/unlocks/{unlock}/approvals", tag = "cards",
    params(("card" = String, Path, description = "The card's id"), ("unlock" = String, Path, description = "The request's id")),
    request_body(content = UnlockCode, example = json!({"code": "012345"})),
    responses(
        (status = 204, description = "The holder can go on"),
        (status = 400, description = "The code is not right, or cannot be used any more", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "Whoever approves is the card's holder, or a program", body = Body),
    )
)]
pub(super) async fn approve(
    caller: Caller,
    State(cards): State<Cards>,
    Path((card, unlock)): Path<(String, String)>,
    Json(given): Json<UnlockCode>,
) -> Result<StatusCode, Problem> {
    cards.vouch(&caller, &card, &unlock, &given.code).await?;
    Ok(StatusCode::NO_CONTENT)
}
