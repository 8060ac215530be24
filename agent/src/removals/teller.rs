//! Telling a server that a card was taken out, until it has heard it.

use std::time::Duration;

use card::wire::sign_in::Removed;
use zeroize::Zeroizing;

use super::Telling;
use crate::clock;
use crate::server::{Patience, ask};

/// How long the server may take to take the connection, and to answer.
const PATIENCE: Patience = Patience { connecting: Duration::from_secs(5), hearing: Duration::from_secs(10) };
/// How long is waited before the second try; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// And no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What was sooner is as good as now.
const WORTH_SAYING_MS: u64 = 1_000;
/// A path is no longer.
const LONGEST_PATH: usize = 500;

/// Where something is told: at the server of an origin.
pub(super) struct Address {
    server: String,
    path: String,
}

impl Address {
    /// An address below the origin of the page that gave it, by TLS.
    pub(super) fn parse(address: &str, origin: &str) -> Option<Self> {
        let (host, path) = (origin.strip_prefix("https://")?, address.strip_prefix(origin)?);
        let plain = path.starts_with('/')
            && path.len() <= LONGEST_PATH
            && path.bytes().all(|octet| octet.is_ascii_graphic());
        let server = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
        plain.then(|| Self { server, path: path.to_owned() })
    }
}

/// Tells it on a thread of its own. There are never more of them than watches.
pub(super) fn begin(telling: Telling) {
    std::thread::spawn(move || tell(&telling));
}

fn tell(telling: &Telling) {
    let (removed_ms, mut says_when) = (clock::now_ms(), true);
    let mut pause = FIRST_PAUSE;
    loop {
        let (server, path) = (&telling.address.server, &telling.address.path);
        let ago_ms = ago(removed_ms, clock::now_ms()).filter(|_| says_when);
        let body = body(&telling.secret, ago_ms);
        let outcome = ask(&telling.roots, server, path, Some(&body), PATIENCE);
        let why = match outcome {
            // A server of before takes no message that says when.
            Ok(answered) if ago_ms.is_some() && matches!(answered.status, 400 | 422) => {
                says_when = false;
                continue;
            }
            Ok(answered) if has_heard(answered.status) => return,
            Ok(answered) => format!("it answered {}", answered.status),
            Err(error) => error.to_string(),
        };
        if clock::now_ms() >= telling.until_ms {
            return;
        }
        eprintln!("lanyard-agent: {server} was not told yet that a card was taken out: {why}");
        std::thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// How long ago a card was taken out, where that is worth saying.
fn ago(removed_ms: i64, now_ms: i64) -> Option<u64> {
    u64::try_from(now_ms.saturating_sub(removed_ms)).ok().filter(|ago| *ago >= WORTH_SAYING_MS)
}

fn body(secret: &str, ago_ms: Option<u64>) -> Zeroizing<String> {
    let removed = Removed { secret: secret.to_owned(), ago_ms };
    Zeroizing::new(serde_json::to_string(&removed).unwrap_or_default())
}

/// Whether the server has heard it, or knows the session no more. One that is too busy has not.
fn has_heard(status: u16) -> bool {
    (200..300).contains(&status) || (400..500).contains(&status) && !matches!(status, 408 | 429)
}

/// What is told goes to the page's own server, by TLS, and to no other that only begins like it.
#[test]
fn addresses_are_the_pages_own() {
    let good = Address::parse("https://id.example/authn/card-removals", "https://id.example").unwrap();
    assert_eq!((good.server.as_str(), good.path.as_str()), ("id.example:443", "/authn/card-removals"));
    let other = Address::parse("https://id.example:8443/x", "https://id.example:8443").unwrap();
    assert_eq!(other.server, "id.example:8443");
    for (address, origin) in [
        ("https://id.example.evil.example/x", "https://id.example"),
        ("https://id.example@evil.example/x", "https://id.example"),
        ("https://id.example:8443/x", "https://id.example"),
        ("http://localhost:80/x", "http://localhost:80"),
        ("https://id.example/x\r\nHost: y", "https://id.example"),
        ("https://id.example", "https://id.example"),
    ] {
        assert!(Address::parse(address, origin).is_none(), "{address}");
    }
}

/// A server that is too busy, or broken, is told again; one that knows the session no more is not.
#[test]
fn telling_ends_when_it_was_heard() {
    for (status, heard) in [(200, true), (404, true), (429, false), (503, false), (302, false)] {
        assert_eq!(has_heard(status), heard, "{status}");
    }
}

/// What is told late says how late it is, and what is told at once is as agents of before tell it.
#[test]
fn late_messages_say_so() {
    for (now_ms, body_is) in [
        (5_000, r#"{"secret":"s"}"#),
        (4_000, r#"{"secret":"s"}"#),
        (5_999, r#"{"secret":"s"}"#),
        (65_000, r#"{"secret":"s","ago_ms":60000}"#),
    ] {
        assert_eq!(body("s", ago(5_000, now_ms)).as_str(), body_is, "{now_ms}");
    }
}
