//! Crashes between the steps, by killing a real process and by taking the token away.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use audit::{Config, Log, Sequencer, VerifierKey, verify};
use hsm::Hsm;
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::support::{ORIGIN, Rig, START, copied, note, settle};

const URL: &str = "LANYARD_AUDIT_CRASH_URL";
const TOKEN: &str = "LANYARD_AUDIT_CRASH_TOKEN";

/// What the killed process does: it places what waits and says so, again and again, and never signs. Started by the tests
/// below with the database in its environment; by itself there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_child() {
    let (Ok(url), Ok(token)) = (std::env::var(URL), std::env::var(TOKEN)) else { return };
    let config: hsm::Config = serde_json::from_str(&token).unwrap();
    let key = Hsm::open(config).await.unwrap().key("lanyard-audit").await.unwrap();
    let db = Db::connect(&platform::db::Config::new(url), Clock::system()).await.unwrap();
    let log = Log::open(db, key, Config::new(ORIGIN), Clock::system()).await.unwrap();
    let mut sequencer = Sequencer::new(&log);
    loop {
        if sequencer.sequence().await.is_ok_and(|placed| placed > 0) {
            println!("\nplaced");
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn killed_between_tree_and_signature(engine: Engine) {
    platform::db::install_drivers();
    let rig = Rig::new().await;
    let test_db = TestDb::new(engine).await;
    let log =
        Log::open(test_db.db.clone(), rig.key.clone(), Config::new(ORIGIN), Clock::system()).await.unwrap();
    for round in 1..=3_u64 {
        let from = i64::try_from(round * 400).unwrap();
        note(&test_db.db, START, from..from + 400).await;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::crash_child", "--nocapture"])
            .env(URL, &test_db.config.url)
            .env(TOKEN, token_config(&rig))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let placed =
            BufReader::new(child.stdout.take().unwrap()).lines().any(|line| line.unwrap() == "placed");
        assert!(placed, "the child ended before it placed anything");
        child.kill().unwrap();
        child.wait().unwrap();
        let signed: i64 = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM audit_checkpoint")
            .fetch_one(test_db.db.read())
            .await
            .unwrap();
        assert_eq!(signed, i64::try_from(round - 1).unwrap(), "the child signed");
        // The dead child's lease ends by itself, within two seconds of real time.
        let mut next = Sequencer::new(&log);
        let ends = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let head = loop {
            next.sequence().await.unwrap();
            if let Some(head) = next.publish().await.unwrap() {
                break head;
            }
            assert!(std::time::Instant::now() < ends, "the next holder does not sign");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(head.size, 1 + round * 400);
        // So that the child of the next round may place.
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    }
    let dir = copied(&log).await;
    assert_eq!(verify::directory(dir.path(), &log.verifier_key(), None).unwrap().entries, 1_201);
}

fn token_config(rig: &Rig) -> String {
    let token = rig.token.token_config();
    serde_json::json!({
        "tokens": [{
            "module": token.module,
            "label": token.label,
            "pin": { "file": rig.token.dir().join("pin") },
        }],
    })
    .to_string()
}

/// A process killed between storing the tree and signing it loses nothing: the next one signs exactly what was stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_between_tree_and_signature_on_sqlite() {
    killed_between_tree_and_signature(Engine::Sqlite).await;
}

/// The same on the other engine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_between_tree_and_signature_on_postgres() {
    killed_between_tree_and_signature(Engine::Postgres).await;
}

/// A database as the next process finds it after a crash between deciding on a head and signing it.
async fn undo_signature(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            sqlx::query("UPDATE audit_checkpoint SET note = NULL, signed_at = NULL").execute(tx).await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

platform::both_engines! {
    /// A head that was decided on is signed before any other, with the same note, even when more waits behind it.
    async fn decided_head_is_signed_first(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = crate::support::settled(&rig, &db, 10).await;
        let signed = log.checkpoint().await.unwrap();
        undo_signature(&db).await;
        note(&db, START, 10..20).await;
        rig.outlive_lease();
        let again = rig.log(&db).await;
        let mut next = Sequencer::new(&again);
        assert_eq!(next.publish().await.unwrap().unwrap().size, 11);
        assert_eq!(again.checkpoint().await.unwrap(), signed, "the same head got another signature");
        settle(&mut next).await;
        verify::directory(copied(&again).await.path(), &again.verifier_key(), signed.as_deref()).unwrap();
    }

    /// A tree that is not the signed one is never signed, neither smaller nor with another root.
    async fn other_root_is_never_signed(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = crate::support::settled(&rig, &db, 10).await;
        let before = log.checkpoint().await.unwrap();
        note(&db, START, 10..20).await;
        db.write(|tx| Box::pin(async move {
            sqlx::query("UPDATE audit_tile SET hashes = $1").bind(vec![7_u8; 352]).execute(tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        rig.outlive_lease();
        let again = rig.log(&db).await;
        let mut next = Sequencer::new(&again);
        assert!(matches!(next.sequence().await, Err(audit::Error::RootChanged { size: 11 })));
        db.write(|tx| Box::pin(async move {
            sqlx::query("UPDATE audit_sequencer SET size = 5").execute(tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        assert!(matches!(next.publish().await, Err(audit::Error::Behind { ours: 5, seen: 11 })));
        assert_eq!(again.checkpoint().await.unwrap(), before);
    }
}

/// While the token is away nothing is signed and nothing is lost; when it is back the log goes on with no restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_lost_and_found_again() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, mut sequencer) = crate::support::settled(&rig, &test_db.db, 10).await;
    let key: VerifierKey = log.verifier_key();
    let (place, away) = (rig.token.token_dir().to_owned(), rig.token.dir().join("away"));
    std::fs::rename(&place, &away).unwrap();
    note(&test_db.db, START, 10..20).await;
    assert_eq!(sequencer.sequence().await.unwrap(), 10, "without the token events must still be placed");
    sequencer.publish().await.expect_err("the token is away");
    assert_eq!(key.open(&log.checkpoint().await.unwrap().unwrap()).unwrap().size, 11);
    std::fs::rename(&away, &place).unwrap();
    let ends = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while sequencer.publish().await.is_err() {
        assert!(std::time::Instant::now() < ends, "the log does not go on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(key.open(&log.checkpoint().await.unwrap().unwrap()).unwrap().size, 21);
    verify::directory(copied(&log).await.path(), &key, None).unwrap();
}
