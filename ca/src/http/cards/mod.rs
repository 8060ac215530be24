//! `/ca/cards` and `/ca/card-locations`: for people whom the register allows it, and for programs with `ca:cards`; and
//! `/ca/card-holders`, for sign-in.

mod acts;
mod answer;
mod batches;
mod colleagues;
mod errands;
mod faces;
mod headers;
mod holders;
mod locations;
mod prints;
mod rediversifications;
mod relay;
mod replacements;
mod stock;
mod unlocks;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use directory::api::ACT;
use platform::caller::{Caller, CallerKind};
use platform::problem::Problem;
use utoipa::OpenApi;

use crate::api::{CARDS, HOLDERS};
use crate::cards::Cards;

/// The routes of card management.
pub fn cards_router(cards: Cards) -> Router {
    let known = Router::new()
        .route("/ca/card-locations", post(locations::create).get(locations::list))
        .route("/ca/cards", post(stock::register).get(stock::list))
        .route("/ca/cards/{card}", get(stock::show))
        .route("/ca/cards/{card}/face", get(faces::show))
        .route("/ca/cards/{card}/prints", post(prints::create))
        .route("/ca/cards/{card}/prints/{print}", get(prints::show))
        .route("/ca/cards/{card}/acts", post(acts::create).get(acts::list))
        .route("/ca/cards/{card}/replacements", post(replacements::create))
        .route("/ca/cards/{card}/unblocking-key", post(unlocks::release))
        .route("/ca/cards/{card}/unlocks", get(colleagues::list))
        .route("/ca/cards/{card}/unlocks/{unlock}/approvals", post(colleagues::approve))
        .route("/ca/card-batches", post(batches::create))
        .route("/ca/card-batches/{batch}", get(batches::show))
        .route("/ca/card-batches/{batch}/second-tries", post(batches::allow_second_tries))
        .route("/ca/card-rediversifications", post(rediversifications::create).get(rediversifications::show))
        .route("/ca/cards/{card}/errands", post(errands::create))
        .route("/ca/cards/{card}/errands/{errand}", get(errands::show).delete(errands::end))
        .route("/ca/cards/{card}/errands/{errand}/approvals", post(errands::approve))
        .route("/ca/cards/{card}/errands/{errand}/second-tries", post(errands::allow_second_try))
        .route("/ca/cards/{card}/errands/{errand}/tickets", post(errands::ticket))
        .route_layer(from_fn(may_ask));
    let own = Router::new()
        .route("/ca/card-holders/{person}/cards", get(holders::list))
        .route("/ca/card-holders/{person}/cards/{card}", get(holders::show))
        .route("/ca/card-holders/{person}/cards/{card}/renewals", post(holders::renew))
        .route("/ca/card-holders/{person}/cards/{card}/renewals/endings", post(holders::give_up))
        .route_layer(from_fn(may_ask_for_holders));
    // Whoever comes here is known by a ticket, or by a code.
    known
        .merge(own)
        .route("/ca/cards/relay", get(relay::connect))
        .route("/ca/card-unlocks", post(unlocks::ask))
        .route("/ca/card-unlocks/by-colleague", post(colleagues::ask))
        .route("/ca/card-unlocks/{unlock}/tickets", post(unlocks::ticket))
        .with_state(cards)
}

/// People who act in the register, for whom it decides what they may; and programs that manage cards. Nobody else gets as far as to
/// be told what there is.
async fn may_ask(caller: Caller, request: Request, next: Next) -> Result<Response, Problem> {
    caller.may(if caller.kind == CallerKind::Person { ACT } else { CARDS })?;
    Ok(next.run(request).await)
}

/// What has signed people in, and asks in their names for what is their own.
async fn may_ask_for_holders(caller: Caller, request: Request, next: Next) -> Result<Response, Problem> {
    caller.may(HOLDERS)?;
    Ok(next.run(request).await)
}

#[derive(OpenApi)]
#[openapi(paths(
    locations::create,
    locations::list,
    stock::register,
    stock::list,
    stock::show,
    faces::show,
    prints::create,
    prints::show,
    acts::create,
    acts::list,
    errands::create,
    errands::show,
    errands::end,
    errands::approve,
    errands::allow_second_try,
    errands::ticket,
    holders::list,
    holders::show,
    holders::renew,
    holders::give_up,
    relay::connect,
    replacements::create,
    batches::create,
    batches::show,
    batches::allow_second_tries,
    rediversifications::create,
    rediversifications::show,
    unlocks::release,
    colleagues::ask,
    colleagues::list,
    colleagues::approve,
    unlocks::ask,
    unlocks::ticket,
))]
pub(super) struct Document;
