//! `kill -9` between consent and answer: what was agreed to is signed when somebody asks again, and each document once.
//!
//! A test starts this very program again as a child, which is another process on the same database and token, takes the answer of the prescriber's key
//! and is killed as soon as the consent is durable, while it signs. RSA makes the same signature of the same document however often it signs, so the
//! same is done with P-256, of which a second signature is another one. The worker that proves what was signed is killed when its time-stamp was given.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use authn::api::{SIGNING, SigningClient};
use axum::body::Body;
use http::Request;
use platform::caller::Caller;
use platform::clock::{Accuracy, Clock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use platform::peer::Peer;
use serde_json::{Value, json};
use signer::SignIn;
use signer::api::{Algorithm, ECDSA_SHA_256};

use super::world::provider;
use super::{ISSUER, World, unprepared};
use crate::rig::{Rig, USER, base64, digest_of, send, token_told};

/// Where the child works. Without it `child_of_the_kill_test` has nothing to do.
const DATABASE: &str = "LANYARD_TEST_DSS_DATABASE";
const TOKEN: &str = "LANYARD_TEST_DSS_TOKEN";
const NOW: &str = "LANYARD_TEST_DSS_NOW";
/// The request that it answers, with what, and what its browser holds.
const REQUEST: &str = "LANYARD_TEST_DSS_REQUEST";
const ANSWER: &str = "LANYARD_TEST_DSS_ANSWER";
const COOKIE: &str = "LANYARD_TEST_DSS_COOKIE";

/// Or the body of a request for signatures with a passphrase's authorisation.
const BODY: &str = "LANYARD_TEST_DSS_BODY";
/// Or nothing more than that it is to prove what was signed.
const PROVES: &str = "LANYARD_TEST_DSS_PROVES";
/// What it says before it makes that.
const BEGUN: &str = "the child has begun";

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
        if let Ok(body) = std::env::var(BODY) {
            writeln!(std::io::stdout(), "{BEGUN}").unwrap();
            let body: Value = serde_json::from_str(&body).unwrap();
            let answered = rig.csc(&rig.system, "signatures/signHash", &body).await;
            assert_eq!(answered.status, 200, "{:?}", answered.body);
            return;
        }
        if std::env::var(PROVES).is_ok() {
            rig.discipline.tell(Ok(Accuracy { bound: Some(Duration::from_millis(20)) }));
            rig.signer.prove_signatures().await.unwrap();
            return;
        }
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

/// The child, not started yet.
fn command(world: &World, test: &TestDb) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill::child_of_the_kill_test", "--nocapture"])
        .env(DATABASE, &test.config.url)
        .env(TOKEN, token_told())
        .env(NOW, world.rig.clock.now().0.to_string());
    command
}

/// Starts the child with the prescriber's answer to a request.
fn child(world: &World, test: &TestDb, request: &str, credential: &Value) -> Child {
    let cookies = &world.browsers[USER].cookies;
    let cookie: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    command(world, test)
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

/// When the child is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// When it has begun: it has signed nothing, or nothing that is stored.
    Begun,
    /// When its signatures are stored, and nobody was told.
    Stored,
}

/// What is stored, base64.
async fn stored(world: &World) -> Vec<String> {
    let sql = "SELECT signature FROM signer_signature";
    let all: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(world.rig.db.read()).await.unwrap();
    all.iter().map(|value| base64(value)).collect()
}

async fn ecdsa_signs_once(engine: Engine) {
    let test = TestDb::new(engine).await;
    let world = World::new(test.db.clone()).await;
    let id = world.rig.ready(Algorithm::P256).await;
    for when in [When::Begun, When::Stored] {
        let hash = |number: u32| digest_of(format!("{when:?} {number}").as_bytes());
        let hashes: Vec<String> = (0..DOCUMENTS).map(hash).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = world.rig.sad(&id, &hashes).await;
        let body = json!({"credentialID": id, "SAD": sad, "hashes": hashes, "signAlgo": ECDSA_SHA_256});
        let known = stored(&world).await;
        let before = known.len();
        let mut child =
            command(&world, &test).env(BODY, body.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(BEGUN)), "the child did not begin");
        let until = Instant::now() + PATIENCE;
        while when == When::Stored && stored(&world).await.len() == before {
            assert!(Instant::now() < until, "the child signed nothing");
            tokio::task::yield_now().await;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let left: Vec<String> =
            stored(&world).await.into_iter().filter(|value| !known.contains(value)).collect();
        let first = world.rig.csc(&world.rig.system, "signatures/signHash", &body).await;
        assert_eq!(first.status, 200, "{:?}", first.body);
        let again = world.rig.twin();
        assert_eq!(again.csc(&again.system, "signatures/signHash", &body).await.body, first.body, "{when:?}");
        let count = DOCUMENTS as usize;
        assert_eq!(stored(&world).await.len() - before, count, "{when:?}: each once");
        assert!(left.is_empty() || left.len() == count, "{when:?}: all or none");
        assert!(left.len() == count || when == When::Begun);
        let told = first.body["signatures"].as_array().unwrap();
        assert!(
            left.iter().all(|value| told.contains(&json!(value))),
            "{when:?}: what was stored is what is told"
        );
    }
    is_proved_once(&world, &test).await;
    accepted_is_signed_once(&world, &test, &id).await;
}

const JOBS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_job";

/// Kills a process as soon as it has accepted what is to be signed later: the same request again is that one, and whoever asks for it gets each
/// signature once, also when the authorisation is over.
async fn accepted_is_signed_once(world: &World, test: &TestDb, id: &str) {
    let mut between = 0;
    for round in 0..ROUNDS {
        let hash = |number: u32| digest_of(format!("later {round} {number}").as_bytes());
        let hashes: Vec<String> = (0..DOCUMENTS).map(hash).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = world.rig.sad(id, &hashes).await;
        let body = json!({"credentialID": id, "SAD": sad, "hashes": hashes, "signAlgo": ECDSA_SHA_256, "operationMode": "A"});
        let (signed, jobs) = (world.count(SIGNED).await, world.count(JOBS).await);
        let mut child =
            command(world, test).env(BODY, body.to_string()).stdout(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + PATIENCE;
        while world.count(JOBS).await == jobs {
            assert!(Instant::now() < until, "the child accepted nothing");
            tokio::task::yield_now().await;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        between += u32::from(world.count(SIGNED).await == signed);
        let again = world.rig.csc(&world.rig.system, "signatures/signHash", &body).await;
        assert_eq!((again.status, world.count(JOBS).await), (200, jobs + 1), "{:?}", again.body);
        world.rig.pass(301_000);
        let asked = json!({"requestID": again.body["responseID"]});
        let first = world.rig.csc(&world.rig.system, "signatures/signPolling", &asked).await;
        assert_eq!(first.status, 200, "{:?}", first.body);
        let twin = world.rig.twin();
        let second = twin.csc(&twin.system, "signatures/signPolling", &asked).await;
        assert_eq!(second.body, first.body, "another process says the same");
        assert_eq!(world.count(SIGNED).await - signed, i64::from(DOCUMENTS), "each once");
        if between > 0 {
            return;
        }
    }
    panic!("in {ROUNDS} rounds it was never killed between accepting and signing");
}

const GIVEN: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE module = 'signer' AND name = 'time-stamps-given'";

/// Kills a process that proves what was signed when it has its time-stamp; then another one does what is left.
async fn is_proved_once(world: &World, test: &TestDb) {
    world.rig.renew_time_stamping().await;
    world.rig.authority.make_lists().await;
    world.rig.pass(3_000);
    let before = world.count(GIVEN).await;
    let mut child = command(world, test).env(PROVES, "yes").stdout(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    while world.count(GIVEN).await == before {
        assert!(Instant::now() < until, "the child got no time-stamp");
        tokio::task::yield_now().await;
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    world.rig.signer.prove_signatures().await.unwrap();
    let unproved = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signing WHERE records_id IS NULL";
    assert_eq!(world.count(unproved).await, 0);
    let proved = world.rig.events("signatures-proved").await;
    let signatures: i64 = proved.iter().map(|event| event["signatures"].as_i64().unwrap()).sum();
    assert_eq!(signatures, world.count(SIGNED).await, "each once");
    let rows = world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_evidence_record").await;
    assert_eq!(rows, i64::try_from(proved.len()).unwrap(), "none without its event");
}

/// What cannot be made twice alike is made once.
mod ecdsa_is_signed_once_whatever_is_killed {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(ecdsa_signs_once(Engine::Sqlite)).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(ecdsa_signs_once(Engine::Postgres)).await;
    }
}

/// The prescriber's consent outlives the process that took it.
mod what_was_agreed_to_survives_a_kill {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(what_was_agreed_to_survives(Engine::Sqlite)).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(what_was_agreed_to_survives(Engine::Postgres)).await;
    }
}
