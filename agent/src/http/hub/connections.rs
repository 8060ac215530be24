//! Pages that are connected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// How many pages may be connected.
const MOST: usize = 64;

/// A page that was not heard of for so long is gone: it polls more often.
const IDLE_MS: i64 = 5 * 60 * 1_000;

/// Pages that are connected. The table is held for the length of a look-up only.
#[derive(Default)]
pub(crate) struct Connections(Mutex<BTreeMap<String, Connection>>);

struct Connection {
    origin: String,
    heard_ms: i64,
    aborted: Arc<watch::Sender<bool>>,
}

/// A connection that is open, and whose page it is that asks.
pub(super) struct Token {
    token: String,
    aborted: watch::Receiver<bool>,
}

impl Token {
    /// Returns when the page has ended the connection.
    pub(super) async fn aborted(mut self) {
        // The other end is dropped with the connection, which ends it too.
        let _ = self.aborted.wait_for(|aborted| *aborted).await;
    }
}

impl Connections {
    /// Opens one: its token, and an identifier that is no secret.
    pub(super) fn open(&self, origin: &str, now_ms: i64) -> Option<(String, String)> {
        let mut random = [0; 48];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        let (token, id) = (hex::encode(&random[..32]), hex::encode(&random[32..]));
        let mut table = self.table();
        table.retain(|_, connection| now_ms - connection.heard_ms < IDLE_MS);
        if table.len() >= MOST {
            return None;
        }
        let aborted = Arc::new(watch::Sender::new(false));
        let connection = Connection { origin: origin.to_owned(), heard_ms: now_ms, aborted };
        table.insert(token.clone(), connection);
        Some((token, id))
    }

    /// The connection of a token, where it is this page's.
    pub(super) fn known(&self, token: &str, origin: &str, now_ms: i64) -> Option<Token> {
        let mut table = self.table();
        let connection = table.get_mut(token).filter(|connection| connection.origin == origin)?;
        connection.heard_ms = now_ms;
        Some(Token { token: token.to_owned(), aborted: connection.aborted.subscribe() })
    }

    /// Closes one; its poll ends.
    pub(super) fn close(&self, token: &Token) {
        if let Some(connection) = self.table().remove(&token.token) {
            connection.aborted.send_replace(true);
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<String, Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token is good for the page that opened it and no other, until it is closed; a page that is silent makes room for others.
#[test]
fn connections_belong_to_their_page() {
    let connections = Connections::default();
    let (token, id) = connections.open("https://a.example", 0).unwrap();
    assert_ne!(token, id);
    assert!(connections.known(&token, "https://a.example", 1).is_some());
    assert!(connections.known(&token, "https://b.example", 1).is_none());
    assert!(connections.known(&id, "https://a.example", 1).is_none());
    connections.close(&connections.known(&token, "https://a.example", 1).unwrap());
    assert!(connections.known(&token, "https://a.example", 1).is_none());
    for _ in 0..MOST {
        assert!(connections.open("https://a.example", 0).is_some());
    }
    assert!(connections.open("https://a.example", 1).is_none());
    assert!(connections.open("https://a.example", IDLE_MS).is_some());
}
