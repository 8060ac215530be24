//! `POST /watch`: a page whose card has signed somebody in has the agent tell its server when the card is taken out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use card::wire::sign_in::Watch;
use serde_json::json;

use super::origins::Allowed;
use super::{Shared, sentence, trouble};
use crate::clock;
use crate::removals::NotWatched;

/// The largest watch, in octets.
const LARGEST: usize = 4_096;
/// What a page shows above the reason.
const TITLE: &str = "Your smartcard is not watched";

/// Answers once every removal from now on is told.
pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    body: Bytes,
) -> Response {
    let watch = (body.len() <= LARGEST).then(|| serde_json::from_slice::<Watch>(&body).ok()).flatten();
    let Some(watch) = watch else {
        return trouble(StatusCode::BAD_REQUEST, TITLE, "The page did not say what is to be watched.");
    };
    let (removals, roots) = (Arc::clone(&shared.removals), shared.settings().roots());
    // Readers are waited for on a thread of their own.
    let outcome =
        tokio::task::spawn_blocking(move || removals.begin((&origin.0, roots), watch, clock::now_ms()));
    match outcome.await {
        Ok(Ok(())) => super::json(&json!({ "watched": true })),
        Ok(Err(error)) => trouble(status(&error), TITLE, &sentence(&error)),
        Err(_) => trouble(StatusCode::INTERNAL_SERVER_ERROR, TITLE, "Watching ended unexpectedly."),
    }
}

fn status(error: &NotWatched) -> StatusCode {
    match error {
        NotWatched::Malformed => StatusCode::BAD_REQUEST,
        NotWatched::OtherServer => StatusCode::FORBIDDEN,
        NotWatched::NoCard => StatusCode::NOT_FOUND,
        NotWatched::NoRoots => StatusCode::UNPROCESSABLE_ENTITY,
        NotWatched::TooMany | NotWatched::Reader(_) | NotWatched::Late => StatusCode::SERVICE_UNAVAILABLE,
    }
}
