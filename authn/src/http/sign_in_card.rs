//! `/sign-in/{interaction}/card`: the page before the card is shown, and the way back.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::came::Came;
use super::page::{Failed, page, status};
use super::sign_in::answered;
use crate::authenticator::smartcard;
use crate::interaction::Method;
use crate::pages::{Card, Frame, Told};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::sign_in::{Outcome, Why};

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/sign-in/{interaction}/card", get(show))
}

/// Shows the page, or takes the ticket with which the browser comes back. A ticket works once and in the browser that began, so
/// that it may come by GET.
async fn show(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    came: Came,
) -> Result<Response, Failed> {
    let ticket = query.as_deref().and_then(|query| query.strip_prefix("ticket="));
    let outcome = match ticket {
        _ if !came.visit.acceptable.allows(Method::Smartcard) => {
            Outcome::Refused(Why::NotEnough(Method::Smartcard))
        }
        Some(ticket) => smartcard::finish(&provider, &came.visit, Secret::parse(ticket), came.now).await?,
        None => return form(&provider, &came, (StatusCode::OK, None)),
    };
    answered(&came, outcome, |why| form(&provider, &came, (status(&why), Some(Told::from(&why)))))
}

fn form(
    provider: &Provider,
    came: &Came,
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let origin = provider.config.cards_origin.as_deref().unwrap_or_default();
    let template = Card {
        frame: Frame::new(&provider.config.name, "Sign in with your smartcard").telling(told),
        secret: &came.secret,
        client: &came.interaction.client_name,
        port: &format!("{origin}/card/{}", came.secret),
    };
    page(status, &template)
}
