//! Witnesses: what they sign is served, and what they refuse is understood. The witness here is a foreign service.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audit::witness::{Witness, WitnessError};
use audit::{Config, Log, Sequencer, VerifierKey, WitnessConfig};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use signed_note::{Note, Signature};
use tlog_tiles::{Hash, check_tree};

use crate::support::{ORIGIN, Rig, START, note, settle, settled};

const NAME: &str = "witness.test/w1";

/// A witness as C2SP tlog-witness describes it, for one log.
struct FakeWitness {
    signer: Ed25519KeyPair,
    log_key: VerifierKey,
    state: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    size: u64,
    root: Option<Hash>,
    asked: u32,
    mood: Mood,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Honest,
    /// Signs something else than it was shown.
    Wrong,
    /// Does not answer.
    Silent,
}

impl FakeWitness {
    fn key_bytes(&self) -> Vec<u8> {
        [&[4], self.signer.public_key().as_ref()].concat()
    }

    fn vkey(&self) -> String {
        let key = self.key_bytes();
        format!("{NAME}+{:08x}+{}", signed_note::key_id(NAME, &key), BASE64_STANDARD.encode(key))
    }

    fn judge(&self, body: &str) -> (StatusCode, String) {
        let mut held = self.state.lock().unwrap();
        held.asked += 1;
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let proof: Vec<Hash> = lines.map(|line| Hash::parse_hash(line).unwrap()).collect();
        let shown = self.log_key.open(note).unwrap();
        if old != held.size {
            return (StatusCode::CONFLICT, format!("{}\n", held.size));
        }
        if let Some(root) = held.root
            && check_tree(&proof, shown.size, shown.root, old, root).is_err()
            && (old, root) != (shown.size, shown.root)
        {
            return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
        }
        (held.size, held.root) = (shown.size, Some(shown.root));
        let text = Note::from_bytes(note.as_bytes()).unwrap().text().to_vec();
        let text = if held.mood == Mood::Wrong { b"something else\n".to_vec() } else { text };
        let message = [b"cosignature/v1\ntime 1780000000\n".as_slice(), &text].concat();
        let signed = [&1_780_000_000_u64.to_be_bytes()[..], self.signer.sign(&message).as_ref()].concat();
        let id = signed_note::key_id(NAME, &self.key_bytes());
        let line = Signature::new(NAME.to_owned(), id, signed).unwrap().to_bytes();
        (StatusCode::OK, String::from_utf8(line).unwrap())
    }
}

async fn add_checkpoint(State(witness): State<Arc<FakeWitness>>, body: String) -> (StatusCode, String) {
    if witness.state.lock().unwrap().mood == Mood::Silent {
        std::future::pending::<()>().await;
    }
    witness.judge(&body)
}

/// Start a witness; its address is the submission prefix.
async fn start(log_key: VerifierKey) -> (Arc<FakeWitness>, WitnessConfig) {
    let signer = Ed25519KeyPair::generate().unwrap();
    let witness = Arc::new(FakeWitness { signer, log_key, state: Mutex::default() });
    let routes =
        Router::new().route("/witness/add-checkpoint", post(add_checkpoint)).with_state(witness.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/witness", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let config = WitnessConfig { url, key: witness.vkey() };
    (witness, config)
}

async fn with_witness() -> (Rig, TestDb, Log, Sequencer, Arc<FakeWitness>, Witness) {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, sequencer) = settled(&rig, &test_db.db, 300).await;
    let (fake, config) = start(log.verifier_key()).await;
    let witness = Witness::new(&config, Duration::from_millis(300)).unwrap();
    (rig, test_db, log, sequencer, fake, witness)
}

/// A witness signs each larger checkpoint after checking the proof, and its cosignature is served with ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cosignature_is_served_with_the_checkpoint() {
    let (_rig, test_db, log, mut sequencer, fake, mut witness) = with_witness().await;
    assert_eq!(witness.submit(&log).await.unwrap(), Some(301));
    assert_eq!(witness.submit(&log).await.unwrap(), None, "the same checkpoint was shown twice");
    note(&test_db.db, START, 300..900).await;
    settle(&mut sequencer).await;
    assert!(
        !log.checkpoint().await.unwrap().unwrap().contains(NAME),
        "an old cosignature was put under a new checkpoint"
    );
    assert_eq!(witness.submit(&log).await.unwrap(), Some(901));
    let served = log.checkpoint().await.unwrap().unwrap();
    assert_eq!(served.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2);
    assert!(served.contains(&format!("\u{2014} {NAME} ")));
    assert_eq!(log.verifier_key().open(&served).unwrap().size, 901);
    assert_eq!(fake.state.lock().unwrap().asked, 2);
}

/// A witness that knows more than we remember says so, and is asked again from there; one that knows more than we hold
/// unmasks a rolled-back database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn witness_that_is_further_is_followed_or_believed() {
    let (rig, _test_db, log, _sequencer, fake, mut witness) = with_witness().await;
    witness.submit(&log).await.unwrap();
    // The same witness before a database that lost what was signed.
    let old_db = TestDb::new(Engine::Sqlite).await;
    let (old_log, mut sequencer) = settled(&rig, &old_db.db, 100).await;
    assert!(matches!(
        witness.submit(&old_log).await,
        Err(WitnessError::Holds(301) | WitnessError::Inconsistent)
    ));
    note(&old_db.db, START, 100..500).await;
    settle(&mut sequencer).await;
    assert!(matches!(witness.submit(&old_log).await, Err(WitnessError::Inconsistent)), "a fork was signed");
    assert_eq!(fake.state.lock().unwrap().size, 301);

    let config = WitnessConfig { url: "http://127.0.0.1:1".to_owned(), key: fake.vkey() };
    let mut away = Witness::new(&config, Duration::from_millis(300)).unwrap();
    assert!(matches!(away.submit(&old_log).await, Err(WitnessError::Unreachable(_))));
}

/// A signature over something else is not kept, and a silent witness costs no more than its time-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_and_silent_witnesses_leave_no_trace() {
    let (_rig, _test_db, log, _sequencer, fake, mut witness) = with_witness().await;
    fake.state.lock().unwrap().mood = Mood::Wrong;
    assert!(matches!(witness.submit(&log).await, Err(WitnessError::NotCosigned)));
    fake.state.lock().unwrap().mood = Mood::Silent;
    let asked = Instant::now();
    assert!(matches!(witness.submit(&log).await, Err(WitnessError::Unreachable(_))));
    assert!(asked.elapsed() < Duration::from_secs(5), "the time-out is not kept");
    assert!(!log.checkpoint().await.unwrap().unwrap().contains(NAME));
    fake.state.lock().unwrap().mood = Mood::Honest;
    assert_eq!(witness.submit(&log).await.unwrap(), Some(301), "it does not go on after failures");
}

/// The running log shows its checkpoints by itself, and goes on signing while a witness is silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_log_asks_its_witnesses() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let log_key = rig.log(&test_db.db).await.verifier_key();
    let (_honest, honest_config) = start(log_key.clone()).await;
    let (silent, silent_config) = start(log_key).await;
    silent.state.lock().unwrap().mood = Mood::Silent;
    let config = Config {
        witnesses: vec![silent_config, honest_config],
        witness_time_out_ms: 500,
        ..Config::new(ORIGIN)
    };
    let log = rig.log_with(&test_db.db, config).await;
    let running = log.start();
    let ends = Instant::now() + Duration::from_secs(20);
    while !log.checkpoint().await.unwrap().is_some_and(|note| note.contains(NAME)) {
        assert!(Instant::now() < ends, "no cosignature came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}

/// Keys that are not cosignature keys are refused when the witness is configured.
#[tokio::test]
async fn other_keys_are_not_witness_keys() {
    let plain = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for key in ["", "a+b", plain] {
        let config = WitnessConfig { url: "http://127.0.0.1:1".to_owned(), key: key.to_owned() };
        assert!(Witness::new(&config, Duration::from_secs(1)).is_err(), "{key} was accepted");
    }
}
