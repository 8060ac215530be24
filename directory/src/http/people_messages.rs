//! `/directory/people/{user_id}/messages`: what somebody was told, and whether it arrived.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use platform::caller::Caller;
use platform::id::UserId;
use platform::message::{self, Told};
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use super::people::reading;
use crate::api::{Channel, MessageState, SentMessage, SentMessages};
use crate::error::Error;
use crate::person::{MODULE, View};
use crate::register::Register;
use crate::store::people;

/// How many messages are listed.
const LISTED: u32 = 100;

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/people/{user_id}/messages", get(list))
}

/// What somebody was told by message, and what became of it. For the registration authority and the holder.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/messages", tag = "people",
    params(("user_id" = String, Path, description = "Twelve digits")),
    responses(
        (status = 200, description = "Latest first, a hundred at most", body = SentMessages),
        (status = 403, description = "They are somebody else's", body = Body),
        (status = 404, description = "There is nobody with this id", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
) -> Result<Json<SentMessages>, Problem> {
    let (doing, view) = reading(&register, &caller).await?;
    if view == View::Colleague && doing.person() != Some(&user_id) {
        let detail = "What somebody was told is for the registration authority and themselves.";
        return Err(Problem::forbidden("messages-of-another", detail));
    }
    let read = register.db.read();
    if people::is_open(read, &user_id).await?.is_none() {
        return Err(Error::unknown("person", &user_id).into());
    }
    let told = message::of(read, MODULE, user_id.as_str(), LISTED).await.map_err(Error::from)?;
    Ok(Json(SentMessages { items: told.into_iter().filter_map(shown).collect() }))
}

fn shown(told: Told) -> Option<SentMessage> {
    Some(SentMessage {
        id: told.id.to_string(),
        kind: told.kind,
        channel: match told.channel {
            message::Channel::Email => Channel::Email,
            message::Channel::Text => Channel::Mobile,
            // Programs are told so, and nobody.
            message::Channel::Hook => return None,
        },
        address: told.address,
        state: match told.state {
            message::State::Due => MessageState::Due,
            message::State::Sent => MessageState::Sent,
            message::State::GivenUp => MessageState::GivenUp,
            message::State::OutOfDate => MessageState::OutOfDate,
            message::State::Withdrawn => MessageState::Withdrawn,
        },
        attempts: told.attempts,
        outcome: told.outcome,
        made_at: told.made_at,
        settled_at: told.settled_at,
    })
}
