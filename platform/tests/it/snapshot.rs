//! A picture of the database goes out of one engine and into either, whole or not at all.

use std::io::Write as _;

use platform::clock::{Clock, Millis};
use platform::db::restored::{self, Stage};
use platform::db::snapshot::{SnapshotError, export, import};
use platform::db::testing::TestDb;
use platform::db::{self, Db, Engine};

const NOW: Millis = Millis(1_800_000_000_000);

/// Rows with a text, a number, octets and nothing.
async fn fill(db: &Db) {
    for ordinal in 1..=450_i64 {
        let done: Result<(), db::Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO audit_event (id, recorded_at, module, name, actor, body, salt) \
                         VALUES ($1, $2, 'm', 'n''x', '{\"a\":\"\u{e9}\"}', $3, $4)",
                    )
                    .bind(format!("id-{ordinal}"))
                    .bind(ordinal)
                    .bind(vec![0_u8, 255, 10])
                    .bind(Vec::<u8>::new())
                    .execute(tx)
                    .await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }
}

async fn picture(db: &Db) -> Vec<u8> {
    let mut out = Vec::new();
    export(db, NOW, &mut out).await.unwrap();
    out
}

/// From each engine into each: the second picture equals the first, and the database says that it is in recovery until
/// that is finished. Numbers that the engine gives go on behind the restored ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_fits_both_engines() {
    for (from, to) in [
        (Engine::Sqlite, Engine::Postgres),
        (Engine::Postgres, Engine::Sqlite),
        (Engine::Sqlite, Engine::Sqlite),
    ] {
        let source = TestDb::new(from).await;
        fill(&source.db).await;
        let copy = picture(&source.db).await;
        let target = TestDb::new(to).await;
        assert_eq!(target.db.restored().await.unwrap(), None);
        let summary = import(&target.db, Millis(NOW.0 + 5), copy.as_slice()).await.unwrap();
        assert!(summary.rows >= 450, "{summary:?}");
        assert_eq!(picture(&target.db).await, copy, "{from:?} to {to:?}");
        let restored = target.db.restored().await.unwrap().unwrap();
        assert_eq!((restored.stage, restored.taken_at), (Stage::Recovering, NOW));
        let done: Result<(), db::Error> =
            target.db.write(|tx| Box::pin(async move { restored::finish(tx).await })).await;
        done.unwrap();
        assert_eq!(target.db.restored().await.unwrap(), None);
        let highest: i64 = target
            .db
            .write(|tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO audit_event (id, recorded_at, module, name, actor, body, salt) \
                         VALUES ('next', 1, 'm', 'n', '', $1, $1)",
                    )
                    .bind(vec![1_u8])
                    .execute(&mut *tx)
                    .await?;
                    Ok::<i64, db::Error>(
                        sqlx::query_scalar("SELECT ordinal FROM audit_event WHERE id = 'next'")
                            .fetch_one(tx)
                            .await?,
                    )
                })
            })
            .await
            .unwrap();
        assert_eq!(highest, 451);
    }
}

/// A cut-off, damaged or foreign picture is refused with the place, and the database does not pass for whole.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_picture_is_not_a_database() {
    let source = TestDb::new(Engine::Sqlite).await;
    fill(&source.db).await;
    let copy = picture(&source.db).await;
    let text = String::from_utf8(copy.clone()).unwrap();

    let cut = TestDb::new(Engine::Sqlite).await;
    let refused = import(&cut.db, NOW, &copy[..text.rfind("{\"end\"").unwrap()]).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::CutOff), "{refused:?}");
    assert_eq!(cut.db.restored().await.unwrap().unwrap().stage, Stage::Restoring);

    let fewer = TestDb::new(Engine::Sqlite).await;
    let row = text.lines().position(|line| line.starts_with('[') && line.contains("id-7\"")).unwrap();
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(at, _)| *at != row).map(|(_, line)| line).collect();
    let refused = import(&fewer.db, NOW, without.join("\n").as_bytes()).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::Line { .. }), "{refused:?}");

    let damaged = TestDb::new(Engine::Sqlite).await;
    let wrong = text.replacen("[1,", "[\"one\",", 1);
    let refused = import(&damaged.db, NOW, wrong.as_bytes()).await.unwrap_err();
    assert!(refused.to_string().contains("line "), "{refused}");

    let foreign = TestDb::new(Engine::Sqlite).await;
    let other = text.replacen("\"migrations\":[1,", "\"migrations\":[", 1);
    let refused = import(&foreign.db, NOW, other.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::OtherSchema { .. }), "{refused:?}");
    assert_eq!(foreign.db.restored().await.unwrap(), None, "nothing was begun");

    let refused = import(&source.db, NOW, copy.as_slice()).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::NotEmpty { .. }), "{refused:?}");
}

/// While others write, the picture is of one moment: every row it has is there with all that was written with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_of_one_moment() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let source = TestDb::with_clock(engine, Clock::system()).await;
        let writing = source.db.clone();
        let writer = tokio::spawn(async move {
            for number in 0..400_i64 {
                let done: Result<(), db::Error> = writing
                    .write(move |tx| {
                        Box::pin(async move {
                            sqlx::query(
                                "INSERT INTO audit_cursor (name, log_epoch, position) VALUES ($1, 0, $2)",
                            )
                            .bind(format!("c{number}"))
                            .bind(number)
                            .execute(&mut *tx)
                            .await?;
                            sqlx::query("INSERT INTO ca_ceremony_line (number, at, line) VALUES ($1, 0, '')")
                                .bind(number)
                                .execute(tx)
                                .await?;
                            Ok(())
                        })
                    })
                    .await;
                done.unwrap();
            }
        });
        let mut seen = Vec::new();
        while !writer.is_finished() {
            let text = String::from_utf8(picture(&source.db).await).unwrap();
            let rows = |table: &str| {
                let head = format!("{{\"table\":\"{table}\"");
                text.lines()
                    .skip_while(|line| !line.starts_with(&head))
                    .skip(1)
                    .take_while(|line| line.starts_with('['))
                    .count()
            };
            assert_eq!(rows("audit_cursor"), rows("ca_ceremony_line"), "{engine:?}");
            seen.push(rows("audit_cursor"));
        }
        writer.await.unwrap();
        let mut sink = Vec::new();
        sink.flush().unwrap();
        export(&source.db, NOW, &mut sink).await.unwrap();
        assert!(String::from_utf8(sink).unwrap().contains("\"c399\""), "{seen:?}");
    }
}
