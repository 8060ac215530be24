//! `/ca/card-unlocks`, and `/ca/cards/{card}/unblocking-key`: unlocking by the holder, and off line.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};
use zeroize::Zeroizing;

use crate::api::{AskUnlock, PukReleased, RelayTicket, ReleasePuk, UnlockAsked, UnlockCode};
use crate::cards::Cards;

/// An unblocking key and what stands around it, at most.
const LONGEST_RELEASE: usize = 64;

/// Sends the holder of a card a code, at an address that was shown to be theirs, so that they unlock it themselves.
///
/// Anybody may ask, and is answered the same whatever the card and the address are. A code can be used for fifteen minutes and tried
/// six times; nobody is sent more than six in a day, and none goes to an address that was shown to be theirs only just now.
#[utoipa::path(
    post, path = "/ca/card-unlocks", tag = "cards",
    request_body(content = AskUnlock,
        example = json!({"serial": "5437251", "channel": "email", "address": "a.nurse@trust.example"})),
    responses(
        (status = 202, description = "A code is on its way, if all of it is right", body = UnlockAsked),
        (status = 400, description = "The request is refused", body = Body),
    )
)]
pub(super) async fn ask(
    State(cards): State<Cards>,
    Json(asked): Json<AskUnlock>,
) -> Result<Response, Problem> {
    let asked = cards.ask_unlock(asked).await?;
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(asked)).into_response())
}

/// A ticket for the agent of whoever has the code: with the card in a reader its holder chooses a new passcode.
///
/// Where that broke off the same code gives another ticket, for as long as it can be used.
#[utoipa::path(
    post, path = "/ca/card-unlocks/{unlock}/tickets", tag = "cards",
    params(("unlock" = String, Path, description = "The id that was answered")),
    request_body(content = UnlockCode, example = json!({"code": "012345"})),
    responses(
        (status = 201, description = "The ticket, for the agent", body = RelayTicket),
        (status = 400, description = "The code is not right, cannot be used any more, or no colleague has approved yet", body = Body),
        (status = 409, description = "The card's certificates have ended, or something else is being done with it", body = Body),
    )
)]
pub(super) async fn ticket(
    State(cards): State<Cards>,
    Path(unlock): Path<String>,
    Json(given): Json<UnlockCode>,
) -> Result<Response, Problem> {
    let ticket = cards.unlock_ticket(&unlock, &given.code).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(ticket)).into_response())
}

/// Tells the unblocking key of a card, once, to whoever has identified its holder and has no contact to the server at the card's
/// place. The card gets another one at its next contact, before anything else is done with it. An unlock of the card that is open, since
/// its network went away, ends.
///
/// It is shown this once: let it be typed into the agent, and keep it nowhere.
#[utoipa::path(
    post, path = "/ca/cards/{card}/unblocking-key", tag = "cards",
    params(("card" = String, Path, description = "The card's id")),
    request_body(content = ReleasePuk, example = json!({"identified": "by their passport"})),
    responses(
        (status = 201, description = "The unblocking key", body = PukReleased),
        (status = 400, description = "The request is refused", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such card", body = Body),
        (status = 409, description = "It was told before, is not certain, or the card is being worked on", body = Body),
    )
)]
pub(super) async fn release(
    caller: Caller,
    State(cards): State<Cards>,
    Path(card): Path<String>,
    Json(asked): Json<ReleasePuk>,
) -> Result<Response, Problem> {
    let released = cards.release_puk(&caller, &card, asked).await?;
    // Written into one place, which is wiped once it has gone.
    let mut text = Zeroizing::new(Vec::<u8>::with_capacity(LONGEST_RELEASE));
    serde_json::to_writer(&mut *text, &released).map_err(Problem::internal)?;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::CREATED, headers, Bytes::from_owner(text)).into_response())
}
