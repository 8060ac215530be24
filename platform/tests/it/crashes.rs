//! What was answered is there, whoever dies when.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use platform::db::testing::{Cluster, TestDb};
use platform::db::{self, Config, Db, Engine};
use platform::{Clock, both_engines};
use sqlx::Row as _;

use crate::rows::{ids, insert, table};

/// Where the child writes. Without it `child_of_the_crash_test` has nothing to do.
const CHILD_URL: &str = "LANYARD_TEST_CHILD_URL";

/// How many answers the parent reads before it kills.
const ANSWERS: usize = 300;

/// The child: it writes for ever and prints each id once it has been answered.
#[test]
fn child_of_the_crash_test() {
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::connect(&Config::new(url), Clock::system()).await.unwrap();
        let next = Arc::new(AtomicI64::new(0));
        let writers: Vec<_> =
            (0..16).map(|_| tokio::spawn(write_for_ever(db.clone(), Arc::clone(&next)))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write_for_ever(db: Db, next: Arc<AtomicI64>) {
    loop {
        let id = next.fetch_add(1, Ordering::SeqCst);
        insert(&db, id, Some("answered")).await.unwrap();
        // One call and one line, so that lines do not mix.
        std::io::stdout().write_all(format!("answered {id}\n").as_bytes()).unwrap();
    }
}

async fn killed_writer_keeps_its_word(engine: Engine) {
    let test = TestDb::new(engine).await;
    table(&test.db).await;
    let url = test.config.url.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::child_of_the_crash_test", "--nocapture"])
            .env(CHILD_URL, url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answered = BTreeSet::new();
        let mut killed = false;
        // What the pipe still holds after the kill was answered too.
        while let Some(Ok(line)) = lines.next() {
            answered.extend(line.strip_prefix("answered ").and_then(|id| id.parse::<i64>().ok()));
            if answered.len() >= ANSWERS && !killed {
                child.kill().unwrap(); // SIGKILL
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself after {} answers", answered.len());
        answered
    })
    .await
    .unwrap();
    let db = Db::connect(&test.config, Clock::system()).await.unwrap();
    let there: BTreeSet<i64> = ids(&db).await.into_iter().collect();
    let lost: Vec<_> = answered.difference(&there).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    insert(&db, -1, None).await.unwrap();
    db.close().await;
    test.db.close().await;
}

/// After `kill -9` of the process every answered write is in SQLite, and the next process writes on.
#[tokio::test]
async fn killed_writer_keeps_its_word_on_sqlite() {
    killed_writer_keeps_its_word(Engine::Sqlite).await;
}

/// After `kill -9` of the process every answered write is in `PostgreSQL`, and the next process writes on.
#[tokio::test]
async fn killed_writer_keeps_its_word_on_postgres() {
    killed_writer_keeps_its_word(Engine::Postgres).await;
}

/// While the server of `PostgreSQL` dies and returns, `Ok` means written, a refusal means not written, and the writer
/// recovers by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_server_leaves_no_doubt() {
    let cluster = Cluster::start();
    let server = cluster.socket_folder().display().to_string();
    let config = Config::new(format!("postgres:///postgres?host={server}&user=lanyard"));
    let db = Db::connect(&config, Clock::system()).await.unwrap();
    db.migrate().await.unwrap();
    table(&db).await;
    let next = Arc::new(AtomicI64::new(0));
    let stop = tokio_stop();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (db, next, stop) = (db.clone(), Arc::clone(&next), stop.1.clone());
            tokio::spawn(async move {
                let (mut written, mut refused) = (BTreeSet::new(), BTreeSet::new());
                while !*stop.borrow() {
                    let id = next.fetch_add(1, Ordering::SeqCst);
                    match insert(&db, id, None).await {
                        Ok(()) => written.insert(id),
                        Err(db::Error::OutcomeUnknown { .. }) => false,
                        Err(_) => refused.insert(id),
                    };
                    tokio::task::yield_now().await;
                }
                (written, refused)
            })
        })
        .collect();
    let cluster = tokio::task::spawn_blocking({
        let next = Arc::clone(&next);
        move || {
            for _ in 0..2 {
                wait_for_progress(&next);
                cluster.stop();
                cluster.launch();
            }
            wait_for_progress(&next);
            cluster
        }
    })
    .await
    .unwrap();
    stop.0.send_replace(true);
    let (mut written, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for writer in writers {
        let (more_written, more_refused) = writer.await.unwrap();
        written.extend(more_written);
        refused.extend(more_refused);
    }
    insert(&db, -1, None).await.unwrap();
    let fresh = Db::connect(&config, Clock::system()).await.unwrap();
    let there: BTreeSet<i64> = ids(&fresh).await.into_iter().collect();
    assert!(written.is_subset(&there), "answered and lost: {:?}", written.difference(&there));
    assert!(refused.is_disjoint(&there), "refused and there: {:?}", refused.intersection(&there));
    assert!(!refused.is_empty(), "the server's death was not noticed");
    drop(cluster);
}

fn tokio_stop() -> (tokio::sync::watch::Sender<bool>, tokio::sync::watch::Receiver<bool>) {
    tokio::sync::watch::channel(false)
}

/// Waits until the writers have begun a hundred more writes.
fn wait_for_progress(next: &AtomicI64) {
    let goal = next.load(Ordering::SeqCst) + 100;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while next.load(Ordering::SeqCst) < goal {
        assert!(std::time::Instant::now() < deadline, "the writers do not come on");
        std::thread::yield_now();
    }
}

both_engines! {
    /// Old commit markers do not pile up where they are used, and none are written where they are not.
    async fn markers_are_only_where_needed(db: Db) {
        table(&db).await;
        insert(&db, 1, None).await.unwrap();
        let row = sqlx::query("SELECT COUNT(*) AS n FROM platform_commit").fetch_one(db.read()).await.unwrap();
        let markers: i64 = row.get("n");
        assert_eq!(markers > 0, db.engine() == Engine::Postgres);
    }
}
