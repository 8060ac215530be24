//! `/authn/card-removals`: what the agent of a workstation tells of a card. The secret in it says of which session, and whoever has
//! it can do no more than this.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use card::wire::sign_in::Became;
use platform::problem::{Body, Problem};
use platform::web::Json;
use utoipa::OpenApi;

use crate::api::{CardRemoval, CardRemovalDone};
use crate::authenticator::smartcard::removal;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/authn/card-removals", post(take))
}

#[derive(OpenApi)]
#[openapi(paths(take))]
pub(super) struct Document;

/// A card was taken out: its session ends, is locked or goes on, as the policy says.
#[utoipa::path(
    post, path = "/authn/card-removals", tag = "authn",
    request_body = CardRemoval,
    responses(
        (status = 200, description = "What was done; it counts on every machine", body = CardRemovalDone),
        (status = 404, description = "No open session has a card with this secret", body = Body),
    )
)]
async fn take(
    State(provider): State<Provider>,
    Json(told): Json<CardRemoval>,
) -> Result<Json<CardRemovalDone>, Problem> {
    let unknown = || Error::unknown("session", "of this secret");
    let secret = Secret::parse(&told.secret).ok_or_else(unknown)?;
    let now = provider.now();
    let removed_at = now.minus(Duration::from_millis(told.ago_ms.unwrap_or(0)));
    let became = removal::removed(&provider, (&secret, removed_at), now).await?.ok_or_else(unknown)?;
    let session = match became {
        Became::Ended => "ended",
        Became::Locked => "locked",
        Became::Kept => "kept",
    };
    Ok(Json(CardRemovalDone { session: session.to_owned() }))
}
