//! `/sign-in/{interaction}/card`: the page before the card is shown, and the two ways back: with a ticket from the port for cards, and
//! with what the agent had the card sign.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use card::wire::sign_in::{Answer, SignedIn, Watch};
use http::StatusCode;
use platform::problem::Problem;
use platform::web::Json;
use serde_json::Value;

use super::came::Came;
use super::own::Script;
use super::page::{Failed, page, reaching, sealed, see_other, set, status};
use super::sign_in_key::told;
use crate::authenticator::smartcard::challenge::{begin, finish};
use crate::authenticator::smartcard::{self, Answered};
use crate::interaction::Method;
use crate::pages::{Card, CardWatched, Frame, Told};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Cookie, SESSION};
use crate::sign_in::Why;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/sign-in/{interaction}/card", get(show))
        .route("/sign-in/{interaction}/card/challenge", post(ask))
        .route("/sign-in/{interaction}/card/answer", post(take))
}

/// Shows the page, or takes the ticket with which the browser comes back. A ticket works once and in the browser that began, so
/// that it may come by GET.
async fn show(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    came: Came,
) -> Result<Response, Failed> {
    let ticket = query.as_deref().and_then(|query| query.strip_prefix("ticket="));
    let refused = |why: Why| form(&provider, &came, (status(&why), Some(Told::from(&why))));
    if !came.visit.acceptable.allows(Method::Smartcard) {
        return refused(Why::NotEnough(Method::Smartcard));
    }
    let Some(ticket) = ticket else { return form(&provider, &came, (StatusCode::OK, None)) };
    match smartcard::finish(&provider, &came.visit, Secret::parse(ticket), came.now).await? {
        Answered::SignedIn { browser, agent, certificate } => {
            signed_in(&provider, &came, (&browser, &agent), &certificate)
        }
        Answered::Refused(why) => refused(why),
    }
}

/// Goes on. Where workstations may have an agent, its page tells the agent first which card to watch: one that signed in by TLS the
/// agent knows nothing of.
fn signed_in(
    provider: &Provider,
    came: &Came,
    (browser, agent): (&Secret, &Secret),
    certificate: &str,
) -> Result<Response, Failed> {
    let cookie = Cookie::secret(SESSION, browser);
    let Some(origin) = &provider.config.card_agent else {
        return Ok(see_other(&came.onward(), &[cookie]));
    };
    let template = CardWatched {
        frame: Frame::new(&provider.config.name, "You are signed in"),
        onward: &came.onward(),
        agent: origin,
        address: &removals(provider),
        secret: &agent.text(),
        certificate,
    };
    let mut shown = reaching(page(StatusCode::OK, &template)?, origin)?;
    set(&mut shown, &[cookie]);
    Ok(shown)
}

/// Where agents tell of cards that were taken out.
fn removals(provider: &Provider) -> String {
    format!("{}/authn/card-removals", provider.config.issuer)
}

fn form(
    provider: &Provider,
    came: &Came,
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let agent = provider.config.card_agent.as_deref();
    let template = Card {
        frame: Frame::new(&provider.config.name, "Sign in with your smartcard").telling(told),
        secret: &came.secret,
        client: &came.interaction.client_name,
        port: provider.config.cards_origin.as_ref().map(|origin| format!("{origin}/card/{}", came.secret)),
        agent,
    };
    let shown = page(status, &template)?;
    match agent {
        Some(agent) => reaching(shown, agent),
        None => Ok(shown),
    }
}

/// There is no agent here, as far as anybody said.
fn without_agent(provider: &Provider) -> Result<(), Problem> {
    let detail = "Nobody signs in with a card through an agent here; authn.card_agent says where agents are.";
    provider.config.card_agent.as_ref().map(drop).ok_or_else(|| Problem::not_found("no-card-agent", detail))
}

async fn ask(
    State(provider): State<Provider>,
    came: Came,
    Script(_): Script<Value>,
) -> Result<Response, Problem> {
    without_agent(&provider)?;
    let challenge = begin(&provider, &came.interaction, came.now).await?;
    Ok(sealed(Json(challenge).into_response()))
}

async fn take(
    State(provider): State<Provider>,
    came: Came,
    Script(answer): Script<Answer>,
) -> Result<Response, Problem> {
    without_agent(&provider)?;
    match finish(&provider, &came.visit, &answer, came.now).await? {
        Answered::SignedIn { browser, agent, .. } => {
            let (address, secret) = (removals(&provider), agent.text().to_string());
            let watch = Watch { address, secret, certificate: None };
            let done = SignedIn { location: came.onward(), watch };
            let mut response = sealed(Json(done).into_response());
            set(&mut response, &[Cookie::secret(SESSION, &browser)]);
            Ok(response)
        }
        Answered::Refused(why) => Ok(told(&why)),
    }
}
