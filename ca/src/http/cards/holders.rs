//! `/ca/card-holders/{person}/cards`: what is somebody's own, for a module that has signed them in.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use directory::api::ACT;
use http::{StatusCode, header};
use platform::caller::{Caller, CallerKind};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::api::{HolderSignedIn, OwnCard, OwnCards, RelayTicket};
use crate::cards::Cards;

/// The holder, calling by way of the module that has signed them in. What they may, the register says as to everybody.
fn holder(person: &UserId, signed_in: HolderSignedIn, module: &Caller) -> Caller {
    let mut holder = Caller::new(CallerKind::Person, person.to_string(), module.client.clone(), [ACT.0]);
    holder.assurance = signed_in.assurance;
    holder.session = signed_in.session;
    holder
}

/// The cards that somebody has, and what they can do about the renewal of each.
#[utoipa::path(
    get, path = "/ca/card-holders/{person}/cards", tag = "cards",
    params(("person" = String, Path, description = "The holder's user id")),
    responses(
        (status = 200, description = "Fifty at most", body = OwnCards),
        (status = 403, description = "The caller may not do ca:holders", body = Body),
    )
)]
pub(super) async fn list(
    module: Caller,
    State(cards): State<Cards>,
    Path(person): Path<UserId>,
) -> Result<Json<OwnCards>, Problem> {
    Ok(Json(cards.own_cards(&holder(&person, HolderSignedIn::default(), &module)).await?))
}

/// One of them.
#[utoipa::path(
    get, path = "/ca/card-holders/{person}/cards/{card}", tag = "cards",
    params(("person" = String, Path, description = "The holder's user id"), ("card" = String, Path, description = "The card's id")),
    responses(
        (status = 200, description = "The card", body = OwnCard),
        (status = 403, description = "The caller may not do ca:holders", body = Body),
        (status = 404, description = "They have no such card", body = Body),
    )
)]
pub(super) async fn show(
    module: Caller,
    State(cards): State<Cards>,
    Path((person, card)): Path<(UserId, String)>,
) -> Result<Json<OwnCard>, Problem> {
    Ok(Json(cards.own_card(&holder(&person, HolderSignedIn::default(), &module), &card).await?))
}

/// Gives a ticket with which the holder's agent renews the card: for the renewal that is open, or for one that is begun now. The ticket
/// before is good for nothing from now on.
#[utoipa::path(
    post, path = "/ca/card-holders/{person}/cards/{card}/renewals", tag = "cards",
    params(("person" = String, Path, description = "The holder's user id"), ("card" = String, Path, description = "The card's id")),
    request_body(content = HolderSignedIn, example = json!({"assurance": "aal3"})),
    responses(
        (status = 201, description = "The ticket, for the agent", body = RelayTicket),
        (status = 403, description = "The caller may not do ca:holders, or the holder did not sign in surely enough", body = Body),
        (status = 404, description = "They have no such card", body = Body),
        (status = 409, description = "Too early or too late, the card's state does not allow it, somebody must approve it, or no agent can reach this \
            server", body = Body),
    )
)]
pub(super) async fn renew(
    module: Caller,
    State(cards): State<Cards>,
    Path((person, card)): Path<(UserId, String)>,
    Json(signed_in): Json<HolderSignedIn>,
) -> Result<Response, Problem> {
    let ticket: RelayTicket = cards.renew_own(&holder(&person, signed_in, &module), &card).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(ticket)).into_response())
}

/// Gives up the renewal of a card of which nothing is done yet: the card is in use as before. What has begun to change the card is gone on with,
/// or is given up by the registration authority.
#[utoipa::path(
    post, path = "/ca/card-holders/{person}/cards/{card}/renewals/endings", tag = "cards",
    params(("person" = String, Path, description = "The holder's user id"), ("card" = String, Path, description = "The card's id")),
    request_body(content = HolderSignedIn, example = json!({"assurance": "aal3"})),
    responses(
        (status = 200, description = "The card as it is now", body = OwnCard),
        (status = 403, description = "The caller may not do ca:holders, or the holder did not sign in surely enough", body = Body),
        (status = 404, description = "They have no such card, or it is not being renewed", body = Body),
        (status = 409, description = "The renewal has begun to change the card", body = Body),
    )
)]
pub(super) async fn give_up(
    module: Caller,
    State(cards): State<Cards>,
    Path((person, card)): Path<(UserId, String)>,
    Json(signed_in): Json<HolderSignedIn>,
) -> Result<Json<OwnCard>, Problem> {
    Ok(Json(cards.give_up_own(&holder(&person, signed_in, &module), &card).await?))
}
