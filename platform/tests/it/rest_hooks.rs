//! Programs are told over TLS that something has changed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use http::{HeaderMap, StatusCode};
use platform::clock::{Clock, Millis};
use platform::db::{Db, Engine, Error};
use platform::message::{
    self, Carriers, Channel, Config, Message, MessageId, NewKey, Posted, Sender, State, Told, Unseal,
};
use platform::web::{ClientCertificates, Listener, ListenerConfig};

use crate::keys::Keys;

const START: Millis = Millis(1_795_540_800_000);

/// A program that is told, over TLS: what it was sent, and what it answers next.
#[derive(Clone, Default)]
struct Program(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// Headers and length of the body of each request, latest last.
    sent: Vec<(HeaderMap, usize)>,
    answers: Vec<StatusCode>,
}

impl Program {
    /// Begins to listen; the address.
    async fn begin(&self, keys: &Keys) -> String {
        keys.make("program", "localhost");
        let tls = keys.server("program", ClientCertificates::AcceptAny);
        let config = ListenerConfig::new("127.0.0.1:0".parse().unwrap(), Some(tls));
        let listener = Listener::bind(&config).await.unwrap();
        let port = listener.local_addr().port();
        let inside = Arc::clone(&self.0);
        let router = Router::new().route(
            "/hooks/one",
            axum::routing::post(move |headers: HeaderMap, body: String| {
                let inside = Arc::clone(&inside);
                async move {
                    let mut inside = inside.lock().unwrap();
                    inside.sent.push((headers, body.len()));
                    let status = inside.answers.pop().unwrap_or(StatusCode::OK);
                    (status, [("location", "/hooks/other")])
                }
            }),
        );
        tokio::spawn(listener.serve(router, std::future::pending()));
        format!("https://localhost:{port}/hooks/one")
    }

    fn many(&self) -> usize {
        self.0.lock().unwrap().sent.len()
    }

    fn answers(&self, status: StatusCode) {
        self.0.lock().unwrap().answers.push(status);
    }
}

/// Posts a message, with headers that were encrypted for it.
async fn post(db: &Db, now: Millis, address: &str, headers: Option<&'static str>) {
    let address = address.to_owned();
    let posted: Result<Posted, Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let id = MessageId::new(now);
                let text = match headers {
                    Some(headers) => {
                        message::attached(&id, &message::sealed(tx, &id, headers).await?.unwrap())
                    }
                    None => String::new(),
                };
                let message = Message {
                    module: "test",
                    kind: "subscription",
                    about: "1".to_owned(),
                    channel: Channel::Hook,
                    address,
                    subject: String::new(),
                    text,
                    until: now.plus(Duration::from_hours(24)),
                };
                message::post(tx, &message, now).await
            })
        })
        .await;
    assert!(matches!(posted.unwrap(), Posted::Taken(_)));
}

async fn last(db: &Db) -> Told {
    message::of(db.read(), "test", "1", 1).await.unwrap().remove(0)
}

/// Gives a database the key under which messages lie.
async fn keyed(db: &Db) {
    let kept: Result<bool, Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let key = NewKey::generate().unwrap();
                let private = key.private.to_vec();
                message::keep_key(tx, &key, &private, START).await
            })
        })
        .await;
    assert!(kept.unwrap());
}

/// A program gets an empty POST with its own headers, which lie encrypted until then; what it does not take is tried again, what it never will is given up.
/// Nobody is told without TLS, at an address that it is sent on to, or by whom its anchors do not know.
async fn told(db: Db) {
    platform::tls::install_crypto_provider();
    let (clock, hand) = Clock::manual(START);
    let (keys, others, program) = (Keys::new(), Keys::new(), Program::default());
    let address = program.begin(&keys).await;
    keyed(&db).await;
    let unseal: Unseal =
        Arc::new(|sealed: Vec<u8>| Box::pin(async move { Ok(zeroize::Zeroizing::new(sealed)) }));
    let sender = |keys: &Keys| {
        let anchors = keys.path("anchor.pem").display().to_string();
        let config: Config = toml::from_str(&format!("rest_hooks = {{ anchors = '{anchors}' }}")).unwrap();
        Sender::opening(db.clone(), clock.clone(), Carriers::open(&config).unwrap(), Arc::clone(&unseal))
    };
    let (good, mistrusting) = (sender(&keys), sender(&others));

    post(&db, clock.now(), &address, Some(r#"[["authorization","Bearer sesame"],["x-from","lanyard"]]"#))
        .await;
    let row: Vec<u8> =
        sqlx::query_scalar("SELECT sealed FROM platform_message").fetch_one(db.read()).await.unwrap();
    assert!(!row.windows(6).any(|part| part == b"sesame"));
    program.answers(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(good.send_due(Channel::Hook).await.unwrap(), 1);
    assert_eq!(last(&db).await.state, State::Due);
    assert_eq!(good.send_due(Channel::Hook).await.unwrap(), 0, "not at once");
    hand.advance(Duration::from_secs(6));
    assert_eq!(good.send_due(Channel::Hook).await.unwrap(), 1);
    let sent = last(&db).await;
    assert_eq!((sent.state, sent.attempts, sent.outcome.as_deref()), (State::Sent, 2, Some("status 200")));
    for (headers, length) in &program.0.lock().unwrap().sent {
        assert_eq!(
            (&headers["authorization"], &headers["x-from"], *length),
            (&"Bearer sesame".parse().unwrap(), &"lanyard".parse().unwrap(), 0)
        );
    }
    let left: i64 = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM platform_message WHERE body IS NOT NULL OR sealed IS NOT NULL",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    assert_eq!((left, program.many()), (0, 2));

    for (answer, state, outcome) in [
        (StatusCode::GONE, State::GivenUp, "status 410"),
        (StatusCode::TEMPORARY_REDIRECT, State::Due, "status 307"),
    ] {
        hand.advance(Duration::from_millis(1));
        program.answers(answer);
        post(&db, clock.now(), &address, None).await;
        good.send_due(Channel::Hook).await.unwrap();
        let told = last(&db).await;
        assert_eq!((told.state, told.outcome.as_deref()), (state, Some(outcome)));
    }
    assert_eq!(program.many(), 4, "it was sent on to nowhere");
    let plain = address.replace("https://", "http://");
    hand.advance(Duration::from_millis(1));
    post(&db, clock.now(), &plain, None).await;
    good.send_due(Channel::Hook).await.unwrap();
    let states: Vec<(String, String)> =
        sqlx::query_as("SELECT address, state FROM platform_message").fetch_all(db.read()).await.unwrap();
    assert!(states.contains(&(plain, "given-up".to_owned())), "{states:?}");
    hand.advance(Duration::from_mins(1));
    assert!(mistrusting.send_due(Channel::Hook).await.unwrap() > 0);
    assert_eq!(program.many(), 4);
    let folder = tempfile::tempdir().unwrap();
    let config = Config { mailbox: Some(folder.path().to_owned()), ..Config::default() };
    assert!(!Carriers::open(&config).unwrap().carries(Channel::Hook), "there is no other way");
}

/// The story, on SQLite: what is asked of the database is the same as of other messages, which both engines are asked.
#[test]
fn programs_are_told_over_tls() {
    platform::db::testing::run(Engine::Sqlite, told);
}
