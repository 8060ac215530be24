//! `/sign-in/unlock-card`: the page on which a holder unlocks their own smartcard. Its script asks the authority for a code and the agent of
//! the workstation for the rest; sign-in knows nothing of it.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use platform::problem::Problem;

use super::page::{Failed, page, reaching};
use crate::pages::{Frame, UnlockCard};
use crate::provider::Provider;

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/sign-in/unlock-card", get(show))
}

/// Shows the page, where workstations have agents.
async fn show(State(provider): State<Provider>) -> Result<Response, Failed> {
    let Some(agent) = provider.config.card_agent.as_deref() else {
        let detail = "Cards are not unlocked here: ask your registration authority.";
        return Err(Problem::not_found("no-card-agent", detail).into());
    };
    let template = UnlockCard { frame: Frame::new(&provider.config.name, "Unlock your smartcard"), agent };
    reaching(page(StatusCode::OK, &template)?, agent)
}
