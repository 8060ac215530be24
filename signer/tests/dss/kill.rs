//! `kill -9` between consent and answer: what was agreed to is signed when somebody asks again, and each document once.
//!
//! A test starts this very program again as a child, which is another process on the same database and token, takes the answer of the prescriber's key
//! and is killed as soon as the consent is durable, while it signs.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use authn::api::{SIGNING, SigningClient};
use axum::body::Body;
use http::Request;
use platform::caller::Caller;
use platform::clock::{Clock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use platform::peer::Peer;
use serde_json::{Value, json};
use signer::SignIn;

use super::world::provider;
use super::{ISSUER, World, unprepared};
use crate::rig::{Rig, USER, send, token_told};

/// Where the child works. Without it `child_of_the_kill_test` has nothing to do.
const DATABASE: &str = "LANYARD_TEST_DSS_DATABASE";
const TOKEN: &str = "LANYARD_TEST_DSS_TOKEN";
const NOW: &str = "LANYARD_TEST_DSS_NOW";
/// The request that it answers, with what, and what its browser holds.
const REQUEST: &str = "LANYARD_TEST_DSS_REQUEST";
const ANSWER: &str = "LANYARD_TEST_DSS_ANSWER";
const COOKIE: &str = "LANYARD_TEST_DSS_COOKIE";

/// How many documents a batch has: to sign them takes the token a good while.
const DOCUMENTS: u32 = 250;
/// How often it is tried to kill the child in between.
const ROUNDS: u32 = 10;
/// How long the child may take until the consent.
const PATIENCE: Duration = Duration::from_mins(2);

/// The child: it takes the answer and signs.
#[test]
fn child_of_the_kill_test() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let told = |name: &str| std::env::var(name).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let now = Millis(told(NOW).parse().unwrap());
        let db = Db::connect(&Config::new(url), Clock::manual(now).0).await.unwrap();
        let mut rig = Rig::beside(db, &told(TOKEN), now).await;
        let sign_in = authn::router(provider(&rig).await);
        let client = SigningClient::new(Peer::local(sign_in, Caller::module("signer", &[SIGNING])));
        rig.sign_in = Some(SignIn { client, origin: ISSUER.to_owned(), name: "Care sign-in".to_owned() });
        let request = Request::builder()
            .method("POST")
            .uri(format!("/signing-service/sign/{}", told(REQUEST)))
            .header("content-type", "application/json")
            .header("origin", ISSUER)
            .header("cookie", told(COOKIE));
        let answered = send(rig.twin().router, request.body(Body::from(told(ANSWER))).unwrap()).await;
        assert_eq!(answered.status, 200, "{:?}", answered.body);
    });
}

/// Starts the child with the prescriber's answer to a request.
fn child(world: &World, test: &TestDb, request: &str, credential: &Value) -> Child {
    let cookies = &world.browsers[USER].cookies;
    let cookie: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_of_the_kill_test", "--nocapture"])
        .env(DATABASE, &test.config.url)
        .env(TOKEN, token_told())
        .env(NOW, world.rig.clock.now().0.to_string())
        .env(REQUEST, request)
        .env(ANSWER, json!({"credential": credential}).to_string())
        .env(COOKIE, cookie.join("; "))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

const CONSENTED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request WHERE decision = 'consented'";
const SIGNED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature";

/// Kills the child as soon as a consent more is there; whether it had signed nothing by then.
async fn killed_between(world: &World, mut child: Child, before: i64) -> bool {
    let signed = world.count(SIGNED).await;
    let until = Instant::now() + PATIENCE;
    while world.count(CONSENTED).await == before {
        assert!(Instant::now() < until, "the child agreed to nothing");
        assert!(
            child.try_wait().unwrap().is_none() || world.count(CONSENTED).await > before,
            "the child ended"
        );
        tokio::task::yield_now().await;
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    world.count(SIGNED).await == signed
}

async fn what_was_agreed_to_survives(engine: Engine) {
    let test = TestDb::new(engine).await;
    let mut world = World::new(test.db.clone()).await;
    let mut between = 0;
    for round in 0..ROUNDS {
        let infos: Vec<(String, String)> = (0..DOCUMENTS)
            .map(|number| (format!("d{number}"), unprepared(round * DOCUMENTS + number + 1)))
            .collect();
        let payloads: Vec<(&str, &str)> =
            infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let request = world.asked(&payloads).await;
        let options = world.options(&request).await;
        let credential = world.key.get(&options.json());
        let (agreed, signed) = (world.count(CONSENTED).await, world.count(SIGNED).await);
        let child = child(&world, &test, &request, &credential);
        between += u32::from(killed_between(&world, child, agreed).await);
        let first = world.fetch(&request, &world.token).await;
        assert_eq!(first.status, 200, "{}", first.body);
        assert_eq!(first.json()["signatures"].as_array().unwrap().len(), payloads.len());
        let twin = world.rig.twin();
        let before = std::mem::replace(&mut world.rig, twin);
        assert_eq!(
            world.fetch(&request, &world.token).await.body,
            first.body,
            "another process says the same"
        );
        drop(before);
        assert_eq!(world.count(SIGNED).await - signed, i64::from(DOCUMENTS), "each document once");
        if between > 0 {
            break;
        }
    }
    assert!(between > 0, "in {ROUNDS} rounds it was never killed between consent and signature");
    let once = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signing";
    assert_eq!(world.count(once).await, world.count(CONSENTED).await, "one signing for each consent");
}

/// The prescriber's consent outlives the process that took it.
mod what_was_agreed_to_survives_a_kill {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        what_was_agreed_to_survives(Engine::Sqlite).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        what_was_agreed_to_survives(Engine::Postgres).await;
    }
}
