//! Whoever dies when: an act on a profile is whole or not there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use http::StatusCode;
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use platform::id::UserId;
use serde_json::json;

use crate::people_rig::{assign, new_person, staff, texts};
use crate::rig::{Rig, person};

/// Where the child writes. Without it `child_of_the_kill_test` has nothing to do.
const CHILD_URL: &str = "LANYARD_TEST_PEOPLE_URL";
const AGENT: u64 = 900;
/// How many answers the parent reads before it kills.
const ANSWERS: usize = 60;

/// The child: it makes, closes and merges people for ever, and prints a line for each answer.
#[test]
fn child_of_the_kill_test() {
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::connect(&Config::new(url), Clock::system()).await.unwrap();
        let rig = Rig::new(db.clone());
        let manager = person(UserId::from_number(AGENT).unwrap().as_str());
        let mut number = 100_000_000u32;
        let mut before: Option<(UserId, String)> = None;
        loop {
            number += 1;
            // Nobody sounds like somebody else on the same day but the second of two that are merged, who was looked at.
            let birth = match &before {
                Some((_, birth)) => birth.clone(),
                None => {
                    format!("19{:02}-{:02}-{:02}", 50 + number % 45, 1 + number % 12, 13 + number / 180 % 15)
                }
            };
            let mut body = new_person("Ann", &format!("N{number}"), &birth, &number.to_string());
            body["looked_at"] = json!(before.iter().map(|(other, _)| other).collect::<Vec<_>>());
            let id = rig.make(&manager, &body).await;
            assign(&db, &id, None, "RXX", "2026-01-01").await;
            let answered = match before.take() {
                Some((other, _)) => {
                    let body = json!({"duplicate": other, "duplicate_version": 1});
                    rig.act(&manager, &id, "merge", &body).await
                }
                None if number.is_multiple_of(3) => {
                    rig.act(&manager, &id, "close", &json!({"reason": "left"})).await
                }
                None => {
                    before = Some((id, birth));
                    continue;
                }
            };
            assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
            std::io::stdout().write_all(b"answered\n").unwrap();
        }
    });
}

async fn killed_register_is_whole(engine: Engine) {
    let test = TestDb::new(engine).await;
    staff(&test.db, AGENT, Some("ra-manager"), "RXX").await;
    let url = test.config.url.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "people_kill::child_of_the_kill_test", "--nocapture"])
            .env(CHILD_URL, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answered = 0;
        for line in lines {
            answered += usize::from(line.is_ok_and(|line| line == "answered"));
            if answered == ANSWERS {
                child.kill().unwrap(); // SIGKILL
            }
        }
        child.wait().unwrap();
        answered
    })
    .await
    .unwrap();
    assert!(answered >= ANSWERS, "the child ended by itself after {answered} answers");
    let db = Db::connect(&test.config, Clock::system()).await.unwrap();
    whole(&db, answered).await;
    db.close().await;
    test.db.close().await;
}

/// Each state has everything that goes with it, and nothing of another.
async fn whole(db: &Db, answered: usize) {
    let none = [] as [String; 0];
    let closed = texts(db, "SELECT user_id FROM directory_person WHERE state = $1", "closed").await;
    let merged = texts(db, "SELECT user_id FROM directory_person WHERE state = $1", "merged").await;
    assert!(closed.len() + merged.len() >= answered, "an answer was lost");
    for text in [
        "SELECT p.user_id FROM directory_person p JOIN directory_assignment a ON a.user_id = p.user_id \
         WHERE p.state = 'closed' AND a.state = $1",
        "SELECT p.user_id FROM directory_person p JOIN directory_assignment a ON a.user_id = p.user_id \
         WHERE p.state = 'merged' AND a.state = $1",
        "SELECT p.user_id FROM directory_person p WHERE p.state = 'closed' AND $1 = 'live' AND NOT EXISTS \
         (SELECT 1 FROM directory_change c WHERE c.subject = p.user_id AND c.kind = 'person-closed')",
        "SELECT p.user_id FROM directory_person p WHERE p.state = 'merged' AND $1 = 'live' AND NOT EXISTS \
         (SELECT 1 FROM directory_change c WHERE c.subject = p.user_id AND c.kind = 'person-merged')",
        "SELECT p.user_id FROM directory_person p WHERE p.state = 'open' AND $1 = 'live' AND EXISTS \
         (SELECT 1 FROM directory_change c WHERE c.subject = p.user_id AND c.kind = 'person-closed')",
        "SELECT p.user_id FROM directory_person p WHERE p.given <> '' AND $1 = 'live' AND p.version <> \
         (SELECT COUNT(*) FROM directory_person_history h WHERE h.user_id = p.user_id)",
        "SELECT p.user_id FROM directory_person p JOIN directory_evidence e ON e.user_id = p.user_id \
         WHERE p.state = 'merged' AND $1 = 'live'",
    ] {
        assert_eq!(texts(db, text, "live").await, none, "{text}");
    }
    let events = texts(db, "SELECT id FROM audit_event WHERE name = $1", "person-closed").await;
    assert_eq!(events.len(), closed.len());
}

/// After `kill -9` in the middle every profile on SQLite is before an act or after it, with everything that goes with it.
#[tokio::test]
async fn killed_register_is_whole_on_sqlite() {
    killed_register_is_whole(Engine::Sqlite).await;
}

/// After `kill -9` in the middle every profile on `PostgreSQL` is before an act or after it, with everything that goes
/// with it.
#[tokio::test]
async fn killed_register_is_whole_on_postgres() {
    killed_register_is_whole(Engine::Postgres).await;
}
