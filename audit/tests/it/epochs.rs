//! Logs after a restore or with a new key, and databases that are behind what was seen outside.

use audit::{Config, Error, Gap, Log, Reason, Sequencer, verify};
use hsm::Alg;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::support::{ORIGIN, Rig, START, copied, note, settle, settled};

async fn begin(rig: &Rig, db: &Db, reason: Reason, seen_outside: Option<String>) -> Result<Log, Error> {
    let gap = Gap { reason, seen_outside };
    Log::begin_epoch(db.clone(), rig.key.clone(), Config::new(ORIGIN), rig.clock.clone(), &gap).await
}

fn first_entry(dir: &std::path::Path) -> serde_json::Value {
    let lines = std::fs::read_to_string(dir.join("entries.jsonl")).unwrap();
    serde_json::from_str::<serde_json::Value>(lines.lines().next().unwrap()).unwrap()["record"]["event"]
        .clone()
}

platform::both_engines! {
    /// After a restore a new log begins under a new name; its first entry names the gap, and waiting events follow.
    async fn new_log_names_the_gap(db: Db) {
        let rig = Rig::new().await;
        let (before, mut old_sequencer) = settled(&rig, &db, 20).await;
        // What was signed after the copy was taken, seen by somebody outside: the same log, longer.
        let longer_db = TestDb::new(Engine::Sqlite).await;
        let (longer, _) = settled(&rig, &longer_db.db, 50).await;
        let seen = longer.checkpoint().await.unwrap().unwrap();
        note(&db, START, 20..23).await;
        rig.outlive_lease();
        let log = begin(&rig, &db, Reason::Restored, Some(seen)).await.unwrap();
        let mut sequencer = Sequencer::new(&log);
        settle(&mut sequencer).await;

        let dir = copied(&log).await;
        assert_ne!(log.verifier_key().origin(), ORIGIN);
        assert_eq!(verify::directory(dir.path(), &log.verifier_key(), None).unwrap().entries, 4);
        let first = first_entry(dir.path());
        assert_eq!(first["act"], "log-began");
        assert_eq!(first["reason"], "restored");
        assert_eq!(first["previous"]["origin"], ORIGIN);
        assert_eq!(first["previous"]["stored_size"], 21);
        assert_eq!(first["previous"]["seen_outside"]["size"], 51);
        assert!(verify::directory(dir.path(), &before.verifier_key(), None).is_err(), "the old name fits the new log");

        // A node that still had the old log in mind goes on with the new one and never signs the old one again.
        note(&db, START, 30..31).await;
        rig.outlive_lease();
        settle(&mut old_sequencer).await;
        let note = before.checkpoint().await.unwrap().unwrap();
        assert_eq!(log.verifier_key().open(&note).unwrap().size, 5);
        // Opening afterwards finds the new log.
        assert_eq!(rig.log(&db).await.verifier_key().origin(), log.verifier_key().origin());
    }

    /// Two logs begun from the same old copy never share a name, so no checkpoint of one fits the other.
    async fn logs_from_one_copy_have_different_names(db: Db) {
        let rig = Rig::new().await;
        settled(&rig, &db, 3).await;
        let first = begin(&rig, &db, Reason::Restored, None).await.unwrap();
        rig.manual.advance(std::time::Duration::from_millis(1));
        let second = begin(&rig, &db, Reason::Restored, None).await.unwrap();
        assert_ne!(first.verifier_key().origin(), second.verifier_key().origin());
        assert_ne!(first.verifier_key().to_string(), second.verifier_key().to_string());
    }

    /// Another key or another name is refused at opening; a new key gets a new log.
    async fn changed_key_or_name_is_refused(db: Db) {
        let rig = Rig::new().await;
        settled(&rig, &db, 3).await;
        let hsm = rig.token.hsm().await;
        let other = hsm.generate("lanyard-audit-2", Alg::Ed25519).await.unwrap();
        let open = async |key, config| Log::open(db.clone(), key, config, rig.clock.clone()).await;
        assert!(matches!(open(other.clone(), Config::new(ORIGIN)).await, Err(Error::KeyChanged { .. })));
        let renamed = open(rig.key.clone(), Config::new("audit.test/renamed")).await;
        assert!(matches!(renamed, Err(Error::OriginChanged { .. })));
        let p256 = hsm.generate("not-for-notes", Alg::P256).await.unwrap();
        assert!(open(p256, Config::new(ORIGIN)).await.is_err(), "a key that cannot sign notes was accepted");
        let gap = Gap { reason: Reason::KeyChanged, seen_outside: None };
        let log = Log::begin_epoch(db.clone(), other, Config::new(ORIGIN), rig.clock.clone(), &gap).await.unwrap();
        settle(&mut Sequencer::new(&log)).await;
        verify::directory(copied(&log).await.path(), &log.verifier_key(), None).unwrap();
    }
}

/// A checkpoint of a stranger is not taken for one that was seen of this log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_checkpoint_must_be_ours() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    settled(&rig, &test_db.db, 3).await;
    let other = Rig::new().await;
    let other_db = TestDb::new(Engine::Sqlite).await;
    let (other_log, _) = settled(&other, &other_db.db, 30).await;
    let seen = other_log.checkpoint().await.unwrap();
    assert!(begin(&rig, &test_db.db, Reason::Restored, seen).await.is_err());
    assert_eq!(rig.log(&test_db.db).await.verifier_key().origin(), ORIGIN, "a log was begun all the same");
}

/// A checkpoint that is older than the copy's own is refused, and one that contradicts it too; the same one will do, when
/// nothing newer was ever seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_checkpoint_is_no_older_than_the_copy() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, mut sequencer) = settled(&rig, &test_db.db, 3).await;
    let old = log.checkpoint().await.unwrap();
    note(&test_db.db, START, 3..9).await;
    settle(&mut sequencer).await;
    let refused = begin(&rig, &test_db.db, Reason::Restored, old).await.map(drop);
    assert!(matches!(refused, Err(Error::Older { ours: 10, seen: 4 })), "{refused:?}");
    let other_db = TestDb::new(Engine::Sqlite).await;
    let (other, _) = settled(&rig, &other_db.db, 9).await;
    let refused =
        begin(&rig, &test_db.db, Reason::Restored, other.checkpoint().await.unwrap()).await.map(drop);
    assert!(matches!(refused, Err(Error::Forked { size: 10 })), "{refused:?}");
    assert_eq!(rig.log(&test_db.db).await.verifier_key().origin(), ORIGIN, "a log was begun all the same");
    let newest = log.checkpoint().await.unwrap();
    assert_ne!(
        begin(&rig, &test_db.db, Reason::Restored, newest).await.unwrap().verifier_key().origin(),
        ORIGIN
    );
}

/// A checkpoint of a log that another had followed before the copy was taken says nothing of the time since. While the newer
/// log has no checkpoint, as after a recovery that broke off, it will do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_checkpoint_is_not_of_an_earlier_log() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (first, _) = settled(&rig, &test_db.db, 9).await;
    let earlier = first.checkpoint().await.unwrap();
    rig.outlive_lease();
    begin(&rig, &test_db.db, Reason::Restored, earlier.clone()).await.unwrap();
    rig.manual.advance(std::time::Duration::from_millis(1));
    let log = begin(&rig, &test_db.db, Reason::Restored, earlier.clone()).await.unwrap();
    rig.outlive_lease();
    settle(&mut Sequencer::new(&log)).await;
    let ours = log.checkpoint().await.unwrap();
    assert!(ours.is_some());

    rig.manual.advance(std::time::Duration::from_millis(1));
    let refused = begin(&rig, &test_db.db, Reason::Restored, earlier).await.map(drop);
    assert!(matches!(&refused, Err(Error::EarlierLog { seen, .. }) if seen == ORIGIN), "{refused:?}");
    let still = rig.log(&test_db.db).await.verifier_key().origin().to_owned();
    assert_eq!(still, log.verifier_key().origin(), "a log was begun all the same");
    begin(&rig, &test_db.db, Reason::Restored, ours).await.unwrap();
}

/// A database that is behind its sink, or tells another past, is refused before anything is signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sink_unmasks_an_old_and_a_rewritten_database() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let sink = folder.path().join("checkpoints.jsonl");
    let with_sink = |path: &std::path::Path| Config { sink: Some(path.to_owned()), ..Config::new(ORIGIN) };
    let test_db = TestDb::new(Engine::Sqlite).await;
    let log = rig.log_with(&test_db.db, with_sink(&sink)).await;
    note(&test_db.db, START, 0..30).await;
    // Started and stopped: all is placed, signed and in the sink.
    log.start().stop().await;
    assert_eq!(std::fs::read_to_string(&sink).unwrap().lines().count(), 1);
    rig.log_with(&test_db.db, with_sink(&sink)).await;

    let open =
        async |db: &Db| Log::open(db.clone(), rig.key.clone(), with_sink(&sink), rig.clock.clone()).await;
    let old_db = TestDb::new(Engine::Sqlite).await;
    settled(&rig, &old_db.db, 10).await;
    assert!(matches!(open(&old_db.db).await, Err(Error::Behind { ours: 11, seen: 31 })));
    let rewritten_db = TestDb::new(Engine::Sqlite).await;
    settled(&rig, &rewritten_db.db, 30).await;
    assert!(matches!(open(&rewritten_db.db).await, Err(Error::Forked { size: 31 })));
}

/// A copy of before a recovery, put back without being told, is refused: the sink ends with the log that the recovery began. After a
/// recovery of its own it is taken, and so is the same copy once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sink_unmasks_a_database_of_before_a_recovery() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let sink = folder.path().join("checkpoints.jsonl");
    let with_sink = || Config { sink: Some(sink.clone()), ..Config::new(ORIGIN) };
    let (lost, copy, same) = (
        TestDb::new(Engine::Sqlite).await,
        TestDb::new(Engine::Sqlite).await,
        TestDb::new(Engine::Sqlite).await,
    );
    for database in [&lost, &copy, &same] {
        settled(&rig, &database.db, 10).await;
    }
    rig.outlive_lease();
    begin(&rig, &lost.db, Reason::Restored, None).await.unwrap();
    let mut newest = rig.log_with(&lost.db, with_sink()).await;
    newest.start().stop().await;
    for database in [&copy, &same] {
        let ends_with = std::fs::read_to_string(&sink).unwrap();
        assert!(ends_with.lines().last().unwrap().contains(newest.verifier_key().origin()), "{ends_with}");
        let opened =
            Log::open(database.db.clone(), rig.key.clone(), with_sink(), rig.clock.clone()).await.map(drop);
        let told = opened.as_ref().map_err(ToString::to_string).unwrap_err();
        assert!(told.contains("`lanyard restore`") && told.contains("`lanyard recover`"), "{told}");
        assert!(
            matches!(&opened, Err(Error::LaterLog { seen, ours })
                if seen == newest.verifier_key().origin() && ours == ORIGIN),
            "{opened:?}"
        );
        rig.outlive_lease();
        let seen = newest.checkpoint().await.unwrap();
        begin(&rig, &database.db, Reason::Restored, seen).await.unwrap();
        newest = rig.log_with(&database.db, with_sink()).await;
        newest.start().stop().await;
    }
}
