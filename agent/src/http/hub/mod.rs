//! `signingHub`: the server's side of ASP.NET `SignalR` 2 over long polling, as far as one hub with one method needs it.
//! <https://github.com/SignalR/SignalR>
//!
//! A page negotiates, connects, starts, polls, and sends its request; the answer to a request is the answer to its sending, as the client
//! takes it for this transport. Nothing is ever pushed: a poll ends when its time is over.

mod connections;
mod message;

pub(super) use connections::Connections;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use card::wire::signing::Signed;
use serde_json::json;

use self::connections::Token;
use self::message::Invocation;
use super::origins::Allowed;
use super::{Shared, refusal};
use crate::readers::Readers;
use crate::signing::{self, SigningError};
use crate::{clock, passcode};

/// How long a poll stays open. Proxies and browsers give up later.
const POLL: Duration = Duration::from_secs(90);

/// The versions that clients of `SignalR` 2 speak. What we say is the same in each.
const PROTOCOLS: [&str; 3] = ["1.5", "2.0", "2.1"];

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/negotiate", get(negotiate))
        .route("/connect", get(connect).post(connect))
        .route("/start", get(start))
        .route("/poll", get(poll).post(poll))
        .route("/send", post(send))
        .route("/abort", post(abort))
        .route("/ping", get(ping))
}

async fn negotiate(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = parameter(query.as_deref(), "clientProtocol").unwrap_or_default();
    let protocol = PROTOCOLS.into_iter().find(|known| *known == asked).unwrap_or(PROTOCOLS[0]);
    let Some((token, id)) = shared.connections.open(&origin.0, clock::now_ms()) else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are connected.");
    };
    super::json(&json!({
        "Url": "/signalr",
        "ConnectionToken": token,
        "ConnectionId": id,
        // Long polls are not kept alive by anything between.
        "KeepAliveTimeout": null,
        "DisconnectTimeout": 30.0,
        "ConnectionTimeout": 110.0,
        "TryWebSockets": false,
        "ProtocolVersion": protocol,
        "TransportConnectTimeout": 5.0,
        "LongPollDelay": 0.0,
    }))
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The connection that a request belongs to: one that its own page has opened.
fn connection(shared: &Shared, query: Option<&str>, origin: &Allowed) -> Result<Token, Box<Response>> {
    if parameter(query, "transport").as_deref() != Some("longPolling") {
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, "The agent speaks by long polling only.")));
    }
    let token = parameter(query, "connectionToken").unwrap_or_default();
    shared.connections.known(&token, &origin.0, clock::now_ms()).ok_or_else(|| {
        Box::new(refusal(StatusCode::BAD_REQUEST, "There is no such connection: negotiate first."))
    })
}

async fn connect(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
) -> Response {
    match connection(&shared, query.as_deref(), &origin) {
        Ok(_) => super::json(&json!({ "C": "0", "S": 1, "M": [] })),
        Err(refused) => *refused,
    }
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
) -> Response {
    match connection(&shared, query.as_deref(), &origin) {
        Ok(_) => super::json(&json!({ "Response": "started" })),
        Err(refused) => *refused,
    }
}

async fn poll(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
) -> Response {
    let token = match connection(&shared, query.as_deref(), &origin) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    let aborted = tokio::time::timeout(POLL, token.aborted()).await.is_ok();
    let mut answer = json!({ "C": "0", "M": [] });
    if aborted {
        answer["D"] = 1.into();
    }
    super::json(&answer)
}

async fn abort(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
) -> Response {
    match connection(&shared, query.as_deref(), &origin) {
        Ok(token) => {
            shared.connections.close(&token);
            refusal(StatusCode::OK, "")
        }
        Err(refused) => *refused,
    }
}

async fn ping() -> Response {
    super::json(&json!({ "Response": "pong" }))
}

async fn send(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Allowed>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    if let Err(refused) = connection(&shared, query.as_deref(), &origin) {
        return *refused;
    }
    let Some(invocation) = Invocation::parse(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "This is no invocation of a hub's method.");
    };
    let id = invocation.id();
    match invocation.argument() {
        Ok(argument) => {
            super::json(&json!({ "I": id, "R": request_to_sign(&shared, origin, argument).await }))
        }
        Err(words) => super::json(&json!({ "I": id, "E": words })),
    }
}

async fn request_to_sign(shared: &Arc<Shared>, origin: Allowed, argument: &str) -> Signed {
    let now_ms = clock::now_ms();
    let request = match message::request(argument, origin.0) {
        Ok(request) => request,
        Err(words) => return message::internal(words, now_ms),
    };
    let Ok(_permit) = shared.at_card.try_acquire() else {
        return message::internal("Another request is waiting for the passcode.", now_ms);
    };
    let pinentry = shared.settings().pinentry;
    // Readers, cards and people are waited for on a thread of their own.
    let outcome = tokio::task::spawn_blocking(move || {
        let readers = Readers::open()?;
        let card = signing::find_card(&readers, &request, now_ms)?;
        let passcode =
            passcode::ask(&pinentry, &message::question(&request, card.certificate()), passcode::PATIENCE)?;
        let signed = signing::sign(&readers, &card, passcode, &request)?;
        Ok::<_, SigningError>((card, signed))
    });
    match outcome.await {
        Ok(Ok((card, signed))) => message::signed(card.certificate(), signed, clock::now_ms()),
        Ok(Err(error)) => message::failed(&error, clock::now_ms()),
        Err(_) => message::internal("Signing ended unexpectedly.", now_ms),
    }
}
