//! Erasing under retention.

use audit::{Actor, ERASE_STEP, RetentionConfig, Sequencer, verify};
use platform::clock::Millis;
use platform::db::Db;

use crate::support::{ORIGIN, Rig, START, copied, note, python_reads, settle, settled};

const DAY: i64 = 86_400_000;

platform::both_engines! {
    /// Erased entries and their salts are gone, the act of erasing is recorded, and the tree still verifies by both readers.
    async fn erased_log_still_verifies(db: Db) {
        let rig = Rig::new().await;
        let (log, mut sequencer) = settled(&rig, &db, 20).await;
        let old = log.checkpoint().await.unwrap().unwrap();
        note(&db, Millis(START.0 + DAY), 20..30).await;
        settle(&mut sequencer).await;
        note(&db, START, 90..91).await;
        rig.manual.advance(std::time::Duration::from_hours(24));
        let erased = log.erase(&Actor::system("test"), "test", Millis(START.0 + DAY)).await.unwrap();
        assert_eq!(erased, 20, "an event without a place must stay, and the younger ones too");
        settle(&mut sequencer).await;
        let left: Vec<(i64, String)> =
            sqlx::query_as("SELECT position, name FROM audit_event ORDER BY position").fetch_all(db.read()).await.unwrap();
        let names: Vec<&str> = left.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names.iter().filter(|name| **name == "noted").count(), 11);
        assert_eq!((names[0], names[12]), ("log-began", "entries-erased"));
        let dir = copied(&log).await;
        let verified = verify::directory(dir.path(), &log.verifier_key(), Some(&old)).unwrap();
        assert_eq!((verified.size, verified.leaves, verified.entries), (33, 33, 13));
        let read = python_reads(dir.path(), &log.verifier_key()).unwrap();
        assert_eq!(read, serde_json::json!({"origin": ORIGIN, "size": 33, "leaves": 33, "entries": 13}));
        assert_eq!(log.erase(&Actor::system("test"), "test", Millis(START.0)).await.unwrap(), 0);
    }

    /// The sweep follows the configuration: modules that are not listed keep everything, long lists go step by step.
    async fn sweep_erases_only_what_is_configured(db: Db) {
        let rig = Rig::new().await;
        let mut config = audit::Config::new(ORIGIN);
        config.retention = vec![RetentionConfig { module: "test".to_owned(), days: 30 }];
        let log = rig.log_with(&db, config).await;
        let many = i64::try_from(ERASE_STEP).unwrap() + 10;
        note(&db, START, 0..many).await;
        settle(&mut Sequencer::new(&log)).await;
        assert_eq!(log.sweep().await.unwrap(), 0, "entries went before their time");
        rig.manual.advance(std::time::Duration::from_hours(744));
        assert_eq!(log.sweep().await.unwrap(), ERASE_STEP + 10);
        settle(&mut Sequencer::new(&log)).await;
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM audit_event ORDER BY position")
            .fetch_all(db.read()).await.unwrap();
        assert_eq!(names, ["log-began", "entries-erased", "entries-erased"]);
        verify::directory(copied(&log).await.path(), &log.verifier_key(), None).unwrap();
    }
}
