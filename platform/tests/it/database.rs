//! The writer, on both engines.

use std::time::Duration;

use platform::db::looking::{Looking, Lookup};
use platform::db::testing::TestDb;
use platform::db::{self, Config, Db, Engine, Tx};
use platform::{Clock, both_engines};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::oneshot;

use crate::rows::{ids, insert, table};

/// The word of a row.
struct Word(i64);

impl Lookup for Word {
    type Found = Option<String>;
    type Error = db::Error;

    async fn find_all(wanted: &[Self], tx: &mut Tx) -> Result<Vec<Option<String>>, db::Error> {
        let ids: Vec<String> = wanted.iter().map(|one| one.0.to_string()).collect();
        let text = format!("SELECT id, word FROM it_row WHERE id IN ({})", ids.join(", "));
        let rows: Vec<(i64, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(text)).fetch_all(&mut *tx).await?;
        let of = |one: &Self| rows.iter().find(|row| row.0 == one.0).and_then(|row| row.1.clone());
        Ok(wanted
            .iter()
            .map(of)
            .inspect(|word| assert_ne!(word.as_deref(), Some("bad"), "on purpose"))
            .collect())
    }
}

/// Counts for ever, and finds nothing.
const ENDLESS: &str = "WITH RECURSIVE c(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM c) \
                       SELECT CAST(COUNT(*) AS BIGINT) FROM c WHERE n < 0";

both_engines! {
    /// What was answered can be read, NULL included, and a refused row is an error of its own job.
    async fn written_rows_can_be_read(db: Db) {
        table(&db).await;
        insert(&db, 1, Some("one")).await.unwrap();
        insert(&db, 2, None).await.unwrap();
        assert!(insert(&db, 1, Some("again")).await.unwrap_err().is_unique_violation());
        assert_eq!(ids(&db).await, [1, 2]);
        let word: Option<String> =
            sqlx::query("SELECT word FROM it_row WHERE id = 2").fetch_one(db.read()).await.unwrap().get("word");
        assert_eq!(word, None);
        let refused = sqlx::query("INSERT INTO it_row (id) VALUES (3)").execute(db.read()).await;
        assert!(refused.is_err(), "the readers must not write");
    }

    /// Jobs that fail or panic in a group undo themselves and nothing of their neighbours.
    async fn neighbours_never_fail(db: Db) {
        table(&db).await;
        insert(&db, 0, None).await.unwrap();
        let jobs = (1..=60).map(|n: i64| {
            let db = db.clone();
            tokio::spawn(async move {
                let outcome: Result<(), db::Error> = db.write(move |tx| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO it_row (id) VALUES ($1)").bind(n).execute(&mut *tx).await?;
                        match n % 6 {
                            // An error of the job, after its row was written.
                            1 => Err(db::Error::Busy),
                            // An error of the database.
                            2 => Ok(sqlx::query("INSERT INTO it_row (id) VALUES (0)").execute(tx).await.map(drop)?),
                            3 => panic!("on purpose"),
                            _ => Ok(()),
                        }
                    })
                }).await;
                (n, outcome.is_ok())
            })
        });
        for job in jobs.collect::<Vec<_>>() {
            let (n, kept) = job.await.unwrap();
            assert_eq!(kept, !matches!(n % 6, 1..=3), "job {n}");
        }
        let expected: Vec<i64> = (0..=60).filter(|n| *n == 0 || !matches!(n % 6, 1..=3)).collect();
        assert_eq!(ids(&db).await, expected);
    }
    /// What is looked for together is found as if it had been looked for alone: each by its key, twice the same, and nothing where there
    /// is nothing. One that cannot be read fails nobody beside it.
    async fn lookups_share_a_statement(db: Db) {
        table(&db).await;
        for (id, word) in [(1, "one"), (2, "two"), (3, "bad")] {
            insert(&db, id, Some(word)).await.unwrap();
        }
        let looking = std::sync::Arc::new(Looking::start(&db));
        let asked = (0..120).map(|n: i64| {
            let looking = looking.clone();
            tokio::spawn(async move { (n % 4, looking.find(Word(n % 4)).await) })
        });
        for one in asked.collect::<Vec<_>>() {
            match one.await.unwrap() {
                (1, found) => assert_eq!(found.unwrap().as_deref(), Some("one")),
                (2, found) => assert_eq!(found.unwrap().as_deref(), Some("two")),
                (3, found) => assert!(matches!(found, Err(db::Error::Panicked)), "it cannot be read"),
                (_, found) => assert_eq!(found.unwrap(), None),
            }
        }
        insert(&db, 4, Some("four")).await.unwrap();
        assert_eq!(looking.find(Word(4)).await.unwrap().as_deref(), Some("four"), "what was written is found");
    }

    /// A job that swallows an error of the database neither loses its neighbours nor is answered as written.
    async fn swallowed_errors_hurt_nobody_else(db: Db) {
        table(&db).await;
        insert(&db, 0, None).await.unwrap();
        let jobs = (1..=20).map(|n: i64| {
            let db = db.clone();
            tokio::spawn(async move {
                let outcome: Result<(), db::Error> = db.write(move |tx| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO it_row (id) VALUES ($1)").bind(n).execute(&mut *tx).await?;
                        if n % 4 == 0 {
                            let _swallowed = sqlx::query("INSERT INTO it_row (id) VALUES (0)").execute(tx).await;
                        }
                        Ok(())
                    })
                }).await;
                outcome.is_ok().then_some(n)
            })
        });
        let mut answered = vec![0];
        for job in jobs.collect::<Vec<_>>() {
            answered.extend(job.await.unwrap());
        }
        assert_eq!(ids(&db).await, answered);
        assert!((1..=20).filter(|n| n % 4 != 0).all(|n| answered.contains(&n)));
    }

    /// Jobs accepted before the close are written and answered; later ones are refused.
    async fn close_finishes_what_was_accepted(db: Db) {
        table(&db).await;
        let (started, start) = oneshot::channel();
        let (go, gone) = oneshot::channel::<()>();
        let holding = tokio::spawn({
            let db = db.clone();
            async move {
                db.write(move |_tx| Box::pin(async move {
                    started.send(()).unwrap();
                    gone.await.unwrap();
                    Ok::<_, db::Error>(())
                })).await
            }
        });
        start.await.unwrap();
        let mut waiting = Box::pin(insert(&db, 7, None));
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut waiting).await.is_err());
        let closing = tokio::spawn({
            let db = db.clone();
            async move { db.close().await }
        });
        go.send(()).unwrap();
        holding.await.unwrap().unwrap();
        waiting.await.unwrap();
        closing.await.unwrap();
        assert!(matches!(insert(&db, 8, None).await, Err(db::Error::Closed)));
    }

    /// A job that holds everybody up is given up, and the writer goes on.
    async fn endless_jobs_are_given_up(db: Db) {
        table(&db).await;
        let test = TestDb::new(db.engine()).await;
        let config = Config { job_time_out_ms: 50, ..test.config.clone() };
        let hasty = Db::connect(&config, Clock::system()).await.unwrap();
        table(&hasty).await;
        let endless = hasty.write(|tx| Box::pin(async move {
            sqlx::query("INSERT INTO it_row (id) VALUES (1)").execute(tx).await?;
            std::future::pending::<Result<(), db::Error>>().await
        }));
        assert!(matches!(endless.await, Err(db::Error::JobTimedOut { .. })));
        insert(&hasty, 2, None).await.unwrap();
        assert_eq!(ids(&hasty).await, [2]);
        hasty.close().await;
        test.db.close().await;
    }

    /// A job that works for too long is given up like one that waits, in the midst of a statement or between many, and nothing of it is
    /// written, whatever it says itself.
    async fn busy_jobs_are_given_up(db: Db) {
        table(&db).await;
        let test = TestDb::new(db.engine()).await;
        let config = Config { job_time_out_ms: 200, ..test.config.clone() };
        let hasty = Db::connect(&config, Clock::system()).await.unwrap();
        table(&hasty).await;
        let at_once = hasty.write(|tx| Box::pin(async move {
            sqlx::query("INSERT INTO it_row (id) VALUES (1)").execute(&mut *tx).await?;
            // It makes nothing of its end.
            let _ended = sqlx::query(ENDLESS).fetch_one(&mut *tx).await;
            Ok::<_, db::Error>(())
        }));
        assert!(matches!(at_once.await, Err(db::Error::JobTimedOut { .. })));
        let again_and_again = hasty.write(|tx| Box::pin(async move {
            sqlx::query("INSERT INTO it_row (id) VALUES (2)").execute(&mut *tx).await?;
            for _ in 0..u64::MAX {
                sqlx::query("SELECT 1").execute(&mut *tx).await?;
            }
            Ok::<_, db::Error>(())
        }));
        assert!(matches!(again_and_again.await, Err(db::Error::JobTimedOut { .. })));
        insert(&hasty, 3, None).await.unwrap();
        assert_eq!(ids(&hasty).await, [3]);
        hasty.close().await;
        test.db.close().await;
    }

    /// Migrating twice changes nothing, and a migration that was changed afterwards is refused by its number.
    async fn changed_migrations_are_refused(db: Db) {
        db.migrate().await.unwrap();
        db.write(|tx| Box::pin(async move {
            sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1").execute(tx).await?;
            Ok::<_, db::Error>(())
        })).await.unwrap();
        let error = db.migrate().await.unwrap_err();
        assert!(matches!(error, db::Error::MigrationChanged { version: 1 }), "{error:?}");
        assert!(error.to_string().starts_with("migration 0001 in this program differs"));
    }

    /// A database of a newer program is refused, and left as it is.
    async fn newer_databases_are_refused(db: Db) {
        db.write(|tx| Box::pin(async move {
            sqlx::raw_sql("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").execute(tx).await?;
            Ok::<_, db::Error>(())
        })).await.unwrap();
        assert!(matches!(db.migrate().await.unwrap_err(), db::Error::MigrationUnknown { version: 9999 }));
        let error = db.pending_migrations().await.unwrap_err();
        assert!(matches!(error, db::Error::MigrationUnknown { version: 9999 }), "{error:?}");
        assert!(error.to_string().contains("restore the backup"), "{error}");
    }
}

/// A full queue refuses at once, and what was accepted is written all the same.
#[tokio::test]
async fn full_queue_refuses() {
    let test = TestDb::new(Engine::Sqlite).await;
    let config = Config { queue: 1, ..test.config.clone() };
    let db = Db::connect(&config, Clock::system()).await.unwrap();
    table(&db).await;
    let (started, start) = oneshot::channel();
    let (go, gone) = oneshot::channel::<()>();
    let holding = tokio::spawn({
        let db = db.clone();
        async move {
            db.write(move |_tx| {
                Box::pin(async move {
                    started.send(()).unwrap();
                    gone.await.unwrap();
                    Ok::<_, db::Error>(())
                })
            })
            .await
        }
    });
    start.await.unwrap();
    let mut accepted = Box::pin(insert(&db, 1, None));
    assert!(tokio::time::timeout(Duration::from_millis(1), &mut accepted).await.is_err());
    assert!(matches!(insert(&db, 2, None).await, Err(db::Error::Busy)));
    go.send(()).unwrap();
    holding.await.unwrap().unwrap();
    accepted.await.unwrap();
    assert_eq!(ids(&db).await, [1]);
}

/// A reader whose question was given up is free again at once, however long the answer would have taken.
#[tokio::test]
async fn a_reader_is_free_when_nobody_waits() {
    let mut test = TestDb::new(Engine::Sqlite).await;
    test.db.close().await;
    test.config.readers = 1;
    let db = Db::connect(&test.config, Clock::system()).await.unwrap();
    let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) \
                   SELECT CAST(COUNT(*) AS BIGINT) FROM c WHERE n < 0";
    for _ in 0..3 {
        let asking = sqlx::query_scalar::<_, i64>(endless).fetch_one(db.read());
        assert!(tokio::time::timeout(Duration::from_millis(20), asking).await.is_err());
        let mut rows = sqlx::query(endless).fetch(db.read());
        let first = futures_util::StreamExt::next(&mut rows);
        assert!(tokio::time::timeout(Duration::from_millis(20), first).await.is_err());
        drop(rows);
        let one: i64 = sqlx::query_scalar("SELECT CAST(1 AS BIGINT)").fetch_one(db.read()).await.unwrap();
        assert_eq!(one, 1, "it would wait for the only reader, and give up after five seconds");
    }
    let mut reading = db.read().begin().await.unwrap();
    let asking = sqlx::query_scalar::<_, i64>(endless).fetch_one(&mut *reading);
    assert!(tokio::time::timeout(Duration::from_millis(20), asking).await.is_err());
    let one: i64 = sqlx::query_scalar("SELECT CAST(2 AS BIGINT)").fetch_one(&mut *reading).await.unwrap();
    reading.commit().await.unwrap();
    assert_eq!(one, 2, "a transaction that reads goes on");
    db.close().await;
}

/// On a `PostgreSQL` whose default is to show a transaction what was there when it began, a job sees what another process
/// has written before it, also in the middle of a group.
#[tokio::test]
async fn a_job_sees_what_was_written_before_it() {
    let test = TestDb::new(Engine::Postgres).await;
    table(&test.db).await;
    let strict = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''serializable''', \
                  current_database()); END $$";
    let changed: Result<(), db::Error> = test
        .db
        .write(move |tx| Box::pin(async move { Ok(sqlx::raw_sql(strict).execute(tx).await.map(drop)?) }))
        .await;
    changed.unwrap();
    let one = Db::connect(&test.config, Clock::system()).await.unwrap();
    let other = Db::connect(&test.config, Clock::system()).await.unwrap();
    let (begun, begins) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let writing = one.clone();
    let first = tokio::spawn(async move {
        let job = writing.write(move |tx| {
            Box::pin(async move {
                sqlx::query("SELECT id FROM it_row").fetch_all(&mut *tx).await?;
                begun.send(()).unwrap();
                released.await.unwrap();
                Ok::<_, db::Error>(())
            })
        });
        job.await.unwrap();
    });
    begins.await.unwrap();
    insert(&other, 7, None).await.unwrap();
    // Waits behind the first job, and joins its group.
    let mut seen = Box::pin(one.write(|tx| {
        Box::pin(async move {
            Ok::<Vec<i64>, db::Error>(sqlx::query_scalar("SELECT id FROM it_row").fetch_all(tx).await?)
        })
    }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(seen.as_mut().poll(&mut context).is_pending());
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(seen.await.unwrap(), [7]);
}
