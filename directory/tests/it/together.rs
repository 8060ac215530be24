//! Assignments that come at the same time are written together; one that is wrong is refused by itself, and whoever dies when, each is
//! whole or not there.

use std::future::ready;
use std::io::{BufRead as _, BufReader, Write as _};
use std::pin::pin;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use http::{Method, StatusCode};
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{self, Config, Db, Engine};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::people_rig::texts;
use crate::rig::{Answered, Rig};
use crate::world::{AGENT, NURSE, World, close_person, day, user, who};

const ASSIGNMENTS: &str = "/directory/assignments";

/// Sends requests while the writer is busy, each as far as the writer, and lets it go on then: what has come by then is one group but
/// for those that it had taken before.
async fn together(rig: &Rig, requests: &[(String, Value)]) -> Vec<Answered> {
    let ((started, begun), (open, gate)) = (oneshot::channel(), oneshot::channel::<()>());
    let db = rig.db.clone();
    let busy = tokio::spawn(async move {
        let job = db.write(move |_tx| {
            Box::pin(async move {
                started.send(()).unwrap();
                gate.await.unwrap();
                Ok::<_, db::Error>(())
            })
        });
        job.await.unwrap();
    });
    begun.await.unwrap();
    let agent = who(AGENT);
    let sent = requests.iter().map(|(key, body)| {
        let (rig, agent) = (rig, &agent);
        async move {
            let headers = [("idempotency-key", key.as_str())];
            rig.send(agent, Method::POST, ASSIGNMENTS, &headers, Some(body)).await
        }
    });
    let mut all = pin!(join_all(sent));
    for _ in 0..50 {
        tokio::select! {
            biased;
            _ = &mut all => panic!("the writer was not busy"),
            () = ready(()) => tokio::task::yield_now().await,
        }
    }
    open.send(()).unwrap();
    busy.await.unwrap();
    all.await
}

fn statuses(answered: &[Answered]) -> Vec<u16> {
    answered.iter().map(|one| one.status.as_u16()).collect()
}

/// Requests to put nurses into a position, each with a key of its own.
fn asked(word: &str, position: &str, nurses: std::ops::Range<u64>) -> Vec<(String, Value)> {
    nurses
        .map(|number| {
            (format!("{word}-{number}"), json!({"person": user(NURSE + number), "position": position}))
        })
        .collect()
}

platform::both_engines! {
    /// What comes together is written together and each answered by itself; one that is wrong is refused alone; a key that comes twice is
    /// done once, and two requests for one thing are one assignment and one refusal.
    async fn a_group_is_made_and_one_wrong_is_refused_alone(db: Db) {
        let world = World::new(db.clone()).await;
        let (events, changes) = (world.recorded("position-assigned").await, world.changes(0).await.len());
        let made = together(&world.rig, &asked("good", &world.ward, 0..20)).await;
        assert_eq!(statuses(&made), [201; 20]);
        let people: Vec<&str> = made.iter().map(|one| one.body["person"].as_str().unwrap()).collect();
        assert_eq!(people, (0..20).map(|number| user(NURSE + number)).collect::<Vec<_>>(), "each has the own answer");
        assert_eq!((world.recorded("position-assigned").await - events, world.changes(0).await.len() - changes), (20, 20));
        if db.engine() == Engine::Postgres {
            // What one statement has written is of one transaction; what is written by itself has one of its own.
            let text = "SELECT DISTINCT CAST(xmin AS TEXT) FROM directory_assignment WHERE position_id = $1";
            assert!(texts(&db, text, &world.ward).await.len() <= 2, "they were written one by one");
        }

        close_person(&db, NURSE + 30).await;
        let some = together(&world.rig, &asked("some", &world.clinic, 20..40)).await;
        let (bad, good): (Vec<_>, Vec<_>) = some.iter().partition(|one| one.status != StatusCode::CREATED);
        assert_eq!((bad.len(), good.len(), bad[0].code()), (1, 19, "profile-closed"));
        assert_eq!(world.recorded("position-assigned").await - events, 20 + 19);
        let kept = texts(&db, "SELECT key FROM directory_once WHERE key = $1", "some-30").await;
        assert!(kept.is_empty(), "what was refused may be sent again");

        let mut twice = asked("twice", &world.clinic, 50..60);
        twice.push(twice[3].clone());
        let (_, body) = twice[4].clone();
        twice.push(("another".to_owned(), body));
        let answered = together(&world.rig, &twice).await;
        assert_eq!((answered[3].status, &answered[3].body), (answered[10].status, &answered[10].body));
        let refused: Vec<&Answered> = [&answered[4], &answered[11]].into_iter().filter(|one| one.status != StatusCode::CREATED).collect();
        assert_eq!((refused.len(), refused[0].code()), (1, "assignment-overlaps"));
        assert_eq!(world.recorded("position-assigned").await - events, 20 + 19 + 10);
    }
}

/// Where the child writes, and into which position. Without it `child_of_the_group_test` has nothing to do.
const CHILD: &str = "LANYARD_TEST_TOGETHER";
/// How many answers the parent reads before it kills.
const ANSWERS: usize = 200;

/// The child: it assigns twenty people together for ever, each round for a day of its own, and prints the key of each answer.
#[test]
fn child_of_the_group_test() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let (position, url) = place.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let rig = Rig::new(Db::connect(&Config::new(url.to_owned()), Clock::system()).await.unwrap());
        for round in 1.. {
            let (mut requests, on) = (asked(&format!("round-{round}"), position, 0..20), day(round));
            for (_, body) in &mut requests {
                (body["start"], body["end"]) = (json!(on), json!(on));
            }
            let answered = together(&rig, &requests).await;
            let mut out = std::io::stdout();
            for ((key, _), answered) in requests.iter().zip(answered) {
                assert_eq!(answered.status, StatusCode::CREATED, "{:?}", answered.body);
                writeln!(out, "answered {key}").unwrap();
            }
        }
    });
}

async fn killed_groups_are_whole(engine: Engine) {
    let test = TestDb::new(engine).await;
    let world = World::new(test.db.clone()).await;
    let place = format!("{} {}", world.ward, test.config.url);
    let answered = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "together::child_of_the_group_test", "--nocapture"])
            .env(CHILD, place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answered = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap_or_default();
            answered.extend(line.strip_prefix("answered ").map(str::to_owned));
            if answered.len() == ANSWERS {
                child.kill().unwrap(); // SIGKILL
            }
        }
        child.wait().unwrap();
        answered
    });
    let answered = answered.await.unwrap();
    assert!(answered.len() >= ANSWERS, "the child ended by itself after {} answers", answered.len());
    let db = Db::connect(&test.config, Clock::system()).await.unwrap();
    let kept = texts(&db, "SELECT key FROM directory_once WHERE key LIKE $1", "round-%").await;
    assert!(answered.iter().all(|key| kept.contains(key)), "an answer was lost");
    let made =
        texts(&db, "SELECT assignment_id FROM directory_assignment WHERE position_id = $1", &world.ward)
            .await;
    assert_eq!(
        kept.len(),
        made.len(),
        "an assignment without the answer of its key, or an answer without its assignment"
    );
    let told = texts(
        &db,
        "SELECT c.subject FROM directory_change c JOIN directory_assignment a ON a.assignment_id = c.subject \
         WHERE a.position_id = $1 AND c.kind = 'assignment-changed'",
        &world.ward,
    );
    assert_eq!(told.await.len(), made.len());
    let others =
        texts(&db, "SELECT assignment_id FROM directory_assignment WHERE position_id <> $1", &world.ward)
            .await;
    let events = texts(&db, "SELECT id FROM audit_event WHERE name = $1", "position-assigned").await;
    assert_eq!(events.len(), made.len() + others.len());
    db.close().await;
    test.db.close().await;
}

/// After `kill -9` in the middle of a group every assignment of it on SQLite is there with its event, its change and the answer of its
/// key, or nothing of it is.
#[tokio::test(flavor = "multi_thread")]
async fn killed_groups_are_whole_on_sqlite() {
    killed_groups_are_whole(Engine::Sqlite).await;
}

/// After `kill -9` in the middle of a group every assignment of it on `PostgreSQL` is there with its event, its change and the answer
/// of its key, or nothing of it is.
#[tokio::test(flavor = "multi_thread")]
async fn killed_groups_are_whole_on_postgres() {
    killed_groups_are_whole(Engine::Postgres).await;
}
