//! The database takes no more: whatever is answered with success is there, and nothing else.

use std::collections::BTreeSet;

use platform::db::testing::TestDb;
use platform::db::{self, Db, Engine};
use platform::problem::{Kind, Problem};

use crate::rows::{ids, insert, table};

/// How many rows are written at the same time, each of some pages.
const ROWS: i64 = 120;

fn on<F: AsyncFn(Db)>(engine: Engine, test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(engine).await;
        table(&database.db).await;
        test(database.db.clone()).await;
        database.db.close().await;
    });
}

async fn said(db: &Db, sql: &'static str) {
    let done = db.write(move |tx| {
        Box::pin(async move {
            sqlx::raw_sql(sql).execute(tx).await?;
            Ok::<_, db::Error>(())
        })
    });
    done.await.unwrap();
}

/// Writes rows in groups, of which some are refused for want of room, and compares what was answered with what is there.
async fn answers_are_true(db: &Db) {
    let word = "x".repeat(16 * 1024);
    let writes = (0..ROWS).map(|id| {
        let (db, word) = (db.clone(), word.clone());
        tokio::spawn(async move { (id, insert(&db, id, Some(&word)).await) })
    });
    let (mut kept, mut refused) = (BTreeSet::new(), 0);
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            (id, Ok(())) => drop(kept.insert(id)),
            (_, Err(error)) => {
                assert!(
                    matches!(error, db::Error::NoRoom { .. } | db::Error::Unavailable { .. }),
                    "{error:?}"
                );
                refused += i32::from(matches!(error, db::Error::NoRoom { .. }));
                let problem = Problem::from(error);
                assert_eq!(problem.kind, Kind::Unavailable);
                assert!(problem.retry_after.is_some());
            }
        }
    }
    assert!(refused > 0, "there was room for all");
    assert_eq!(ids(db).await.into_iter().collect::<BTreeSet<_>>(), kept);
}

/// On SQLite, whose file may not grow beyond some pages.
#[test]
fn a_full_file_is_told_on_sqlite() {
    on(Engine::Sqlite, async |db: Db| {
        said(&db, "PRAGMA max_page_count = 200").await;
        answers_are_true(&db).await;
        said(&db, "PRAGMA max_page_count = 1000000").await;
        insert(&db, ROWS, None).await.unwrap();
    });
}

/// On `PostgreSQL`, which says so at a statement and at COMMIT.
#[test]
fn a_full_disk_is_told_on_postgres() {
    const FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$";
    const AT_STATEMENT: &str = "CREATE TRIGGER full_disk BEFORE INSERT ON it_row FOR EACH ROW \
         WHEN (NEW.id % 3 = 0) EXECUTE FUNCTION full_disk()";
    const AT_COMMIT: &str = "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON it_row DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN (NEW.id % 50 = 7) EXECUTE FUNCTION full_disk()";
    on(Engine::Postgres, async |db: Db| {
        said(&db, FULL).await;
        for trigger in [AT_STATEMENT, AT_COMMIT] {
            said(&db, trigger).await;
            answers_are_true(&db).await;
            said(&db, "DROP TRIGGER full_disk ON it_row").await;
            said(&db, "DELETE FROM it_row").await;
        }
        insert(&db, ROWS, None).await.unwrap();
    });
}
