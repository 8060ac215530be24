//! `/sign-in/{interaction}/key`: security keys, this device, passkeys.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use platform::problem::Problem;
use platform::web::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::came::Came;
use super::own::Script;
use super::page::{Failed, page, sealed, set, status};
use crate::authenticator::webauthn::{begin, finish};
use crate::interaction::Method;
use crate::pages::{Frame, Key, label};
use crate::provider::Provider;
use crate::session::{Cookie, SESSION};
use crate::sign_in::{Outcome, Why};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/sign-in/{interaction}/key", get(show).post(take))
        .route("/sign-in/{interaction}/key/options", post(options))
}

/// What the script sends with an answer.
#[derive(Deserialize)]
struct Answer {
    credential: Value,
}

async fn show(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    came: Came,
) -> Result<Response, Failed> {
    let asked = query.as_deref().and_then(|query| query.strip_prefix("kind="));
    let asked = asked.and_then(|word| word.parse().ok()).unwrap_or(Method::SecurityKey);
    let (title, hint) = match asked {
        Method::PlatformKey => ("Sign in with this device", label(asked).1),
        Method::Passkey => ("Sign in with your passkey", label(asked).1),
        _ => ("Sign in with your security key", label(Method::SecurityKey).1),
    };
    let template = Key {
        frame: Frame::new(&provider.config.name, title),
        secret: &came.secret,
        client: &came.interaction.client_name,
        hint,
    };
    page(StatusCode::OK, &template)
}

async fn options(
    State(provider): State<Provider>,
    came: Came,
    Script(_): Script<Value>,
) -> Result<Response, Problem> {
    let options = begin(&provider, &came.visit.interaction, came.now).await?;
    Ok(sealed(Json(options).into_response()))
}

async fn take(
    State(provider): State<Provider>,
    came: Came,
    Script(answer): Script<Answer>,
) -> Result<Response, Problem> {
    match finish(&provider, &came.visit, &answer.credential, came.now).await? {
        Outcome::SignedIn(secret) => {
            let mut response = sealed(Json(json!({ "location": came.onward() })).into_response());
            set(&mut response, &[Cookie::secret(SESSION, &secret)]);
            Ok(response)
        }
        Outcome::Refused(why) => Ok(told(&why)),
    }
}

/// Why somebody is not signed in, for the script: it shows both on the page.
pub(super) fn told(why: &Why) -> Response {
    let body = json!({ "title": why.title(), "detail": why.sentence() });
    sealed((status(why), Json(body)).into_response())
}
