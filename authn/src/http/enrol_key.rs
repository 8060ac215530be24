//! `/enrol/{secret}/key`: adding a key, this device or a passkey.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use platform::problem::Problem;
use platform::web::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::enrol::Opened;
use super::own::Script;
use super::page::{Failed, page, sealed};
use crate::authenticator::webauthn::{Kind, begin_enrolment, finish_enrolment};
use crate::pages::{EnrolKey, Frame};
use crate::provider::Provider;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/enrol/{secret}/key", get(show).post(take))
        .route("/enrol/{secret}/key/options", post(options))
}

/// What is to be added.
#[derive(Deserialize)]
struct Asked {
    kind: Kind,
}

/// What the script sends with an answer.
#[derive(Deserialize)]
struct Answer {
    name: String,
    credential: Value,
}

async fn show(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    opened: Opened,
) -> Result<Response, Failed> {
    let (title, kind, name) = match query.as_deref() {
        Some("kind=device") => ("Add this device or a passkey", "device", "This device"),
        _ => ("Add a security key", "security-key", "Security key"),
    };
    let template =
        EnrolKey { frame: Frame::new(&provider.config.name, title), here: &opened.here(), kind, name };
    page(StatusCode::OK, &template)
}

async fn options(
    State(provider): State<Provider>,
    opened: Opened,
    Script(asked): Script<Asked>,
) -> Result<Response, Problem> {
    let options = begin_enrolment(&provider, &opened.enrolment, asked.kind, opened.now).await?;
    Ok(sealed(Json(options).into_response()))
}

async fn take(
    State(provider): State<Provider>,
    opened: Opened,
    Script(answer): Script<Answer>,
) -> Result<Response, Problem> {
    let proposed = (answer.name.as_str(), &answer.credential);
    let made = finish_enrolment(&provider, &opened.enrolment, proposed, opened.now).await?;
    let location = format!("/enrol/done/{}", made.method);
    Ok(sealed(Json(json!({ "location": location })).into_response()))
}
