//! Messages that lie encrypted until they are sent.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform::clock::{Clock, Millis};
use platform::db::{Db, Error};
use platform::message::{
    self, Carriers, Channel, Config, Message, NewKey, Posted, Sender, State, Told, Unseal,
};

const START: Millis = Millis(1_795_540_800_000);
const ABOUT: &str = "555021942107";

async fn post(db: &Db, address: &'static str) {
    let message = Message {
        module: "test",
        kind: "link",
        about: ABOUT.to_owned(),
        channel: Channel::Email,
        address: address.to_owned(),
        subject: "Your link".to_owned(),
        text: format!("https://id.example.org/enrol/of-{address}\n"),
        until: START.plus(Duration::from_mins(30)),
    };
    let posted: Result<Posted, Error> =
        db.write(move |tx| Box::pin(async move { message::post(tx, &message, START).await })).await;
    assert!(matches!(posted.unwrap(), Posted::Taken(_)));
}

/// How many messages lie in clear, and how many encrypted without a word of them to be seen.
async fn lying(db: &Db) -> (usize, usize) {
    let rows: Vec<(Option<String>, Option<Vec<u8>>)> = sqlx::query_as(
        "SELECT body, sealed FROM platform_message WHERE body IS NOT NULL OR sealed IS NOT NULL",
    )
    .fetch_all(db.read())
    .await
    .unwrap();
    let sealed: Vec<&Vec<u8>> = rows.iter().filter_map(|(_, sealed)| sealed.as_ref()).collect();
    assert!(sealed.iter().all(|sealed| !sealed.windows(5).any(|part| part == b"enrol")));
    (rows.iter().filter(|(body, _)| body.is_some()).count(), sealed.len())
}

async fn told(db: &Db) -> Vec<Told> {
    message::of(db.read(), "test", ABOUT, 10).await.unwrap()
}

/// Keeps a key that no token seals: what seals it is its keeper's affair, which `tests/it` shows with a token.
async fn keep(db: &Db, key: NewKey) -> bool {
    let kept: Result<bool, Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let private = key.private.to_vec();
                message::keep_key(tx, &key, &private, START).await
            })
        })
        .await;
    kept.unwrap()
}

platform::both_engines! {
    /// From the moment there is a key nothing lies in clear: what a former version left is encrypted by the next sweep, what is posted
    /// at once; all of it arrives as it was said, and the private key is opened once. Without the key nothing is sent, and what was
    /// put into another row is given up.
    async fn messages_lie_encrypted(db: Db) {
        let (clock, hand) = Clock::manual(START);
        let folder = tempfile::tempdir().unwrap();
        let carriers = || {
            let config = Config { mailbox: Some(folder.path().to_owned()), ..Config::default() };
            Carriers::open(&config).unwrap()
        };
        let opened = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&opened);
        let unseal: Unseal = Arc::new(move |sealed: Vec<u8>| {
            counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Ok(zeroize::Zeroizing::new(sealed)) })
        });
        let sender = Sender::opening(db.clone(), clock.clone(), carriers(), unseal);
        post(&db, "clear@trust.example").await;
        sender.sweep().await.unwrap();
        assert_eq!(lying(&db).await, (1, 0), "there is no key yet");
        assert!(keep(&db, NewKey::generate().unwrap()).await);
        assert!(!keep(&db, NewKey::generate().unwrap()).await, "the first one stays");
        post(&db, "sealed@trust.example").await;
        assert_eq!(lying(&db).await, (1, 1));
        sender.sweep().await.unwrap();
        assert_eq!(lying(&db).await, (0, 2));

        let keyless = Sender::new(db.clone(), clock.clone(), carriers());
        assert_eq!(keyless.send_due(Channel::Email).await.unwrap(), 2);
        assert!(told(&db).await.iter().all(|one| one.state == State::Due && one.attempts == 1));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        hand.advance(Duration::from_mins(1));
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 2);
        assert_eq!((lying(&db).await, opened.load(Ordering::SeqCst)), ((0, 0), 1));
        let letters: Vec<String> = fs::read_dir(folder.path()).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
        assert_eq!(letters.len(), 2);
        for address in ["clear@trust.example", "sealed@trust.example"] {
            let link = format!("https://id.example.org/enrol/of-{address}");
            assert!(letters.iter().any(|letter| letter.contains(&format!("To: {address}")) && letter.contains(&link)), "{letters:?}");
        }

        // Whoever can write rows cannot have one person's link sent to another.
        post(&db, "a@trust.example").await;
        post(&db, "b@trust.example").await;
        let swapped: Result<(), Error> = db.write(|tx| Box::pin(async move {
            let text = "UPDATE platform_message SET sealed = (SELECT other.sealed FROM platform_message other WHERE other.address = 'a@trust.example') \
                        WHERE address = 'b@trust.example'";
            sqlx::query(text).execute(&mut *tx).await?;
            Ok(())
        })).await;
        swapped.unwrap();
        assert_eq!(sender.send_due(Channel::Email).await.unwrap(), 2);
        let states: Vec<_> = told(&db).await.into_iter().map(|one| (one.address, one.state)).collect();
        assert!(states.contains(&("a@trust.example".to_owned(), State::Sent)), "{states:?}");
        assert!(states.contains(&("b@trust.example".to_owned(), State::GivenUp)), "{states:?}");
        assert_eq!(lying(&db).await, (0, 0));
    }
}
