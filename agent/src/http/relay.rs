//! `POST /relay`: the registration authority's page has the agent go on with an errand.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use card::wire::relay::Errand;
use serde_json::json;

use super::origins::Allowed;
use super::{Shared, refusal};
use crate::clock;
use crate::relay::{self, Asking};

/// The largest errand, in octets.
const LARGEST: usize = 4_096;

/// Goes on with an errand until it is over, and tells the page how it went. The page sees nothing of what is said meanwhile.
pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    body: Bytes,
) -> Response {
    let errand = (body.len() <= LARGEST).then(|| serde_json::from_slice::<Errand>(&body).ok()).flatten();
    let Some(errand) = errand else {
        return refusal(StatusCode::BAD_REQUEST, "This is no errand of the relay.");
    };
    let Ok(_permit) = shared.at_card.try_acquire() else {
        return refusal(StatusCode::CONFLICT, "Another request is waiting for the user.");
    };
    let settings = shared.settings();
    // Readers, cards, people and the server are waited for on a thread of their own.
    let outcome = tokio::task::spawn_blocking(move || {
        let asking = Asking::new(&settings, &origin.0, &errand);
        relay::carry(&settings, &errand, &asking, clock::now_ms())
    });
    match outcome.await {
        Ok(Ok(ended)) => super::json(&json!({ "done": ended.done, "words": ended.words })),
        Ok(Err(error)) => super::json(&json!({ "done": false, "words": error.to_string() })),
        Err(_) => super::json(&json!({ "done": false, "words": "The relay ended unexpectedly." })),
    }
}
