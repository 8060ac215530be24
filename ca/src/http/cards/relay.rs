//! `/ca/cards/relay`: a workstation's agent goes on with an errand, over a WebSocket.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use card::wire::relay::{FromAgent, LONGEST_MESSAGE, TICKET_HEADER, ToAgent, VERSION};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use platform::problem::{Body as ProblemBody, Problem};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use zeroize::Zeroizing;

use crate::cards::{AgentLine, CardRefused, Cards, Hand, LONGEST_RUN, channel};
use crate::store::cards::ErrandRow;

/// How long an agent may take to say that it has a card, and to hear the last word.
const GREETING: Duration = Duration::from_secs(10);
/// What stands around the octets of a message, at most.
const AROUND: usize = 128;

/// A WebSocket to an agent.
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Connects a workstation's agent (RFC 6455). What is said is described in the agent's documentation.
///
/// Who asks is known by the ticket alone, which is good once.
#[utoipa::path(
    get, path = "/ca/cards/relay", tag = "cards",
    params(("lanyard-relay-ticket" = String, Header, description = "The ticket of an errand")),
    responses(
        (status = 101, description = "The conversation begins"),
        (status = 400, description = "This is no WebSocket", body = ProblemBody),
        (status = 401, description = "The ticket is not good", body = ProblemBody),
    )
)]
pub(super) async fn connect(State(cards): State<Cards>, mut request: Request) -> Result<Response, Problem> {
    let ticket = request.headers().get(TICKET_HEADER).and_then(|value| value.to_str().ok());
    let ticket = Zeroizing::new(ticket.unwrap_or_default().to_owned());
    cards.knows_ticket(&ticket).await?;
    let key = key(request.headers()).ok_or(CardRefused::NotAWebSocket)?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(CardRefused::NotAWebSocket)?;
    let turn = cards.relays().try_acquire_owned().map_err(|_| CardRefused::RelaysBusy)?;
    // Taken before the connection changes: it is used up, whatever becomes of it.
    let errand = cards.take_ticket(&ticket).await?;
    tokio::spawn(async move {
        let conversation = tokio::time::timeout(LONGEST_RUN, converse(&cards, errand, upgrade));
        if conversation.await.is_err() {
            tracing::warn!("a conversation with an agent took too long and was ended");
        }
        drop(turn);
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, key)
        .body(Body::empty());
    answer.map_err(Problem::internal)
}

/// What is answered to the key of a handshake. RFC 6455 4.2.1 and 4.2.2
fn key(headers: &HeaderMap) -> Option<String> {
    let has = |name: HeaderName, word: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let asked = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?;
    Some(derive_accept_key(key.as_bytes()))
}

async fn converse(cards: &Cards, errand: ErrandRow, upgrade: OnUpgrade) {
    let id = errand.errand_id.clone();
    let upgraded = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => {
            tracing::info!(errand = %id, %error, "an agent went away before the conversation: {error}");
            return;
        }
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_MESSAGE))
        .max_frame_size(Some(LONGEST_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(limits)).await;
    let greeting = tokio::time::timeout(GREETING, hear(&mut socket)).await;
    if !matches!(greeting, Ok(Some(FromAgent::Ready { version: VERSION }))) {
        tracing::info!(errand = %id, "an agent did not say that it has a card");
        return;
    }
    let patience = cards.patience();
    let (line, agent) = channel(patience);
    let work = cards.carry_out(errand, Hand::new(Box::new(line)));
    let last = relay(&mut socket, agent, work).await;
    if let Some(last) = last {
        let _ = tokio::time::timeout(GREETING, say(&mut socket, &last)).await;
    }
    let _ = tokio::time::timeout(GREETING, socket.close(None)).await;
}

/// Carries messages until the errand is done or stops: what the agent is told last, if it can be told.
async fn relay(
    socket: &mut Socket,
    agent: AgentLine,
    work: impl Future<Output = Result<ToAgent, crate::error::Error>>,
) -> Option<ToAgent> {
    let AgentLine { mut said, heard } = agent;
    let mut heard = Some(heard);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                return done.inspect_err(|error| tracing::error!(%error, "an errand broke off: {error}")).ok();
            }
            Some(message) = said.recv() => {
                if !say(socket, &message).await {
                    heard = None;
                }
            }
            answer = hear(socket), if heard.is_some() => {
                // Once the agent is gone the errand finds out by its next command, and writes down that it stopped.
                let told = answer.zip(heard.as_ref()).is_some_and(|(answer, line)| line.send(answer).is_ok());
                if !told {
                    heard = None;
                }
            }
        }
    }
}

/// Says something; false if nobody hears it.
async fn say(socket: &mut Socket, message: &ToAgent) -> bool {
    let text = written(message).and_then(|text| Utf8Bytes::try_from(Bytes::from_owner(text)).ok());
    let Some(text) = text else { return false };
    socket.send(Message::Text(text)).await.is_ok()
}

/// A message as it goes out. It may bear a key: it is written into one place, which is wiped once it has gone.
fn written(message: &ToAgent) -> Option<Zeroizing<Vec<u8>>> {
    let body = match message {
        ToAgent::Apdu { octets, .. } => 2 * octets.0.len(),
        // No secret, so that it does not matter if it is longer.
        ToAgent::End { words, .. } => words.len(),
        ToAgent::ChoosePasscode { own, .. } => own.as_ref().map_or(0, |own| 2 * own.0.len()),
        ToAgent::EnterPasscode { .. } => 0,
    };
    // All at once: a vector that grows leaves copies of what it holds.
    let mut text = Zeroizing::new(Vec::<u8>::with_capacity(AROUND + body));
    serde_json::to_writer(&mut *text, message).ok()?;
    Some(text)
}

/// The next that the agent says; none once it is gone or says what cannot be read.
async fn hear(socket: &mut Socket) -> Option<FromAgent> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(text.as_str()).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use card::wire::relay::Octets;

    use super::*;

    /// A message that bears a key is written into one place: nothing is left where it stood while it grew, and the place is wiped.
    #[test]
    fn messages_do_not_grow() {
        for length in [0, 5, 261, 65_544] {
            let octets = Octets(Zeroizing::new(vec![0xA5; length]));
            let said = ToAgent::Apdu { number: u64::MAX, octets };
            let text: Zeroizing<Vec<u8>> = written(&said).unwrap();
            assert_eq!(serde_json::from_slice::<ToAgent>(&text).unwrap(), said);
            assert_eq!(text.capacity(), AROUND + 2 * length, "it did not grow");
            assert!(Utf8Bytes::try_from(Bytes::from_owner(text)).unwrap().as_str().starts_with("{\"say\""));
        }
    }

    /// The handshake of RFC 6455 1.3 is answered as there, and what is no handshake is not.
    #[test]
    fn handshake_is_that_of_the_standard() {
        let mut headers = HeaderMap::new();
        assert_eq!(key(&headers), None);
        headers.insert(header::CONNECTION, "keep-alive, Upgrade".parse().unwrap());
        headers.insert(header::UPGRADE, "websocket".parse().unwrap());
        headers.insert(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        assert_eq!(key(&headers), None, "without a version");
        headers.insert(header::SEC_WEBSOCKET_VERSION, "13".parse().unwrap());
        assert_eq!(key(&headers).as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
