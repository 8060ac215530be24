//! The order of events, and that there is only one.

use std::time::{Duration, Instant};

use audit::copy::{Depth, Source, copy};
use audit::{Error, GROUP, Sequencer, verify};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::support::{Noted, ORIGIN, Rig, START, copied, note, note_one, python_reads, settle, settled};

platform::both_engines! {
    /// Thousands of events keep the order in which they were committed, and an independent reader finds the same root.
    async fn thousands_of_events_keep_their_order(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = settled(&rig, &db, 3_000).await;
        let dir = copied(&log).await;
        let verified = verify::directory(dir.path(), &log.verifier_key(), None).unwrap();
        assert_eq!((verified.size, verified.leaves, verified.entries), (3_001, 3_001, 3_001));
        assert_eq!(verified.origin, ORIGIN);
        let lines = std::fs::read_to_string(dir.path().join("entries.jsonl")).unwrap();
        let numbers = lines.lines().skip(1).map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["record"]["event"]["number"].as_i64().unwrap()
        });
        assert!(numbers.eq(0..3_000), "the order is not that of the commits");
        let read = python_reads(dir.path(), &log.verifier_key()).unwrap();
        assert_eq!(read, serde_json::json!({"origin": ORIGIN, "size": 3_001, "leaves": 3_001, "entries": 3_001}));
    }

    /// Two sequencers that both believe they may work never fork the log: every checkpoint is a beginning of the last.
    async fn racing_sequencers_never_fork(db: Db) {
        let rig = Rig::new().await;
        let first = rig.log(&db).await;
        let second = rig.log(&db).await;
        let mut tasks = Vec::new();
        for log in [first.clone(), second] {
            let manual = rig.manual.clone();
            tasks.push(tokio::spawn(async move {
                let mut sequencer = Sequencer::new(&log);
                let (mut placed, mut overtaken) = (0, 0);
                let ends = Instant::now() + Duration::from_mins(1);
                while Instant::now() < ends {
                    // Every lease is over at once, so that both always think they may.
                    manual.advance(Duration::from_secs(3));
                    for done in [sequencer.sequence().await, sequencer.publish().await.map(|_| 0)] {
                        match done {
                            Ok(count) => placed += count,
                            Err(Error::Overtaken) => overtaken += 1,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    let note = log.checkpoint().await.unwrap();
                    if note.is_some_and(|note| log.verifier_key().open(&note).unwrap().size == 401) {
                        break;
                    }
                }
                (placed, overtaken)
            }));
        }
        let mut seen = Vec::new();
        for from in (0..400).step_by(10) {
            note(&db, START, from..from + 10).await;
            seen.extend(first.checkpoint().await.unwrap());
        }
        let mut placed = 0;
        for task in tasks {
            placed += task.await.unwrap().0;
        }
        assert_eq!(placed, 400, "an event was placed twice or never");
        let dir = copied(&first).await;
        let key = first.verifier_key();
        assert_eq!(verify::directory(dir.path(), &key, None).unwrap().entries, 401);
        seen.dedup();
        for old in &seen {
            verify::directory(dir.path(), &key, Some(old)).unwrap();
        }
    }

    /// While one node holds the lease another does nothing; when the holder is gone it takes over and nothing is lost.
    async fn lease_keeps_the_other_away_until_it_ends(db: Db) {
        let rig = Rig::new().await;
        let (log, mut holder) = settled(&rig, &db, 10).await;
        let other_log = rig.log(&db).await;
        let mut other = Sequencer::new(&other_log);
        note(&db, START, 10..20).await;
        assert_eq!(other.sequence().await.unwrap(), 0, "the lease was not kept");
        assert!(other.publish().await.unwrap().is_none());
        rig.outlive_lease();
        assert_eq!(other.sequence().await.unwrap(), 10);
        assert_eq!(holder.sequence().await.unwrap(), 0, "the old holder still works");
        assert_eq!(other.publish().await.unwrap().unwrap().size, 21);
        verify::directory(copied(&log).await.path(), &log.verifier_key(), None).unwrap();
    }

    /// A group is bounded, and what was signed says nothing about what waits.
    async fn groups_are_bounded(db: Db) {
        let rig = Rig::new().await;
        let log = rig.log(&db).await;
        for from in (0..1_500).step_by(500) {
            note(&db, START, from..from + 500).await;
        }
        let mut sequencer = Sequencer::new(&log);
        assert_eq!(sequencer.sequence().await.unwrap(), GROUP);
        assert_eq!(sequencer.publish().await.unwrap().unwrap().size, 1 + GROUP as u64);
        settle(&mut sequencer).await;
        assert!(sequencer.publish().await.unwrap().is_none(), "the same tree was signed twice");
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(copy(&Source::Database(&log), dir.path(), Depth::Hashes).await.unwrap(), 1_501);
        let verified = verify::directory(dir.path(), &log.verifier_key(), None).unwrap();
        assert_eq!((verified.leaves, verified.entries), (0, 0), "entries were copied without being asked for");
    }

    /// An act whose event cannot be recorded is undone with it, whether the event or the database is at fault.
    async fn act_without_record_does_not_happen(db: Db) {
        let rig = Rig::new().await;
        let log = rig.log(&db).await;
        db.write(|tx| Box::pin(async move {
            sqlx::query("CREATE TABLE test_act (number BIGINT)").execute(tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        let act = async |event: Noted| {
            db.write(move |tx| Box::pin(async move {
                sqlx::query("INSERT INTO test_act (number) VALUES (1)").execute(&mut *tx).await?;
                audit::record(tx, START, &audit::Actor::system("test"), &event).await
            })).await
        };
        act(crate::support::noted(1)).await.unwrap();
        let refused = act(Noted::Weighed { kilograms: 0.5 }).await.unwrap_err();
        assert_eq!(platform::problem::Problem::from(refused).kind, platform::problem::Kind::Unavailable);
        db.write(|tx| Box::pin(async move {
            sqlx::query("ALTER TABLE audit_event RENAME TO audit_event_away").execute(tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        act(crate::support::noted(2)).await.unwrap_err();
        let acts: i64 = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM test_act")
            .fetch_one(db.read()).await.unwrap();
        assert_eq!(acts, 1, "an act happened without its record");
        drop(log);
    }
}

/// With the tasks running, a committed event is under a signed checkpoint in about a second, and stopping leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_log_includes_events_within_seconds() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let config = audit::Config::new(ORIGIN);
    let clock = platform::clock::Clock::system();
    let log = audit::Log::open(test_db.db.clone(), rig.key.clone(), config, clock).await.unwrap();
    let running = log.start();
    note_one(&test_db.db, START, crate::support::noted(1)).await.unwrap();
    let recorded = Instant::now();
    let covers = async |size: u64| {
        let note = log.checkpoint().await.unwrap();
        note.is_some_and(|note| log.verifier_key().open(&note).unwrap().size >= size)
    };
    while !covers(2).await {
        assert!(recorded.elapsed() < Duration::from_secs(10), "the event is not included");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("included after {:?}", recorded.elapsed());
    note_one(&test_db.db, START, crate::support::noted(2)).await.unwrap();
    running.stop().await;
    assert!(covers(3).await, "stopping left an event behind");
}
