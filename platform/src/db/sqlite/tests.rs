use std::path::Path;
use std::time::Duration;

use super::*;

/// Counts for ever, and finds nothing.
const ENDLESS: &str = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) \
                       SELECT CAST(COUNT(*) AS BIGINT) FROM c WHERE n < 0";
/// A hundred thousand rows, which take longer than a statement may in place.
const MANY: &str = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) \
                    SELECT n, 'x' || n AS t FROM c";

fn reader(folder: &Path, limit: Duration) -> InPlace {
    let path = folder.join("a.db");
    drop(InPlace::open(&path, Use::Writing, LIMIT).unwrap());
    InPlace::open(&path, Use::Reading, limit).unwrap()
}

async fn ask(reader: &mut InPlace, text: &'static str) -> Result<Option<AnyRow>, Error> {
    AnyConnectionBackend::fetch_optional(reader, SqlStr::from_static(text), false, None).await
}

async fn numbers(reader: &mut InPlace, text: &'static str) -> Vec<i64> {
    use sqlx::Row as _;
    let rows = AnyConnectionBackend::fetch_many(reader, SqlStr::from_static(text), false, None);
    let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
    rows.iter().filter_map(|found| found.as_ref().right()).map(|row| row.get("n")).collect()
}

/// A statement that takes longer than any may ends with SQLite's code for it, and its connection goes on.
#[tokio::test]
async fn statements_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), Duration::from_millis(50));
    let late = ask(&mut reader, ENDLESS).await.err().expect("it is interrupted");
    let code = late.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("9"), "{late}");
    assert!(ask(&mut reader, "SELECT 1").await.unwrap().is_some());
}

/// One that nobody waits for ends, whatever its limit, and what is asked next is not taken for it.
#[tokio::test]
async fn what_is_given_up_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), Duration::from_hours(1));
    for _ in 0..3 {
        let given_up = tokio::time::timeout(Duration::from_millis(50), ask(&mut reader, ENDLESS)).await;
        assert!(given_up.is_err() && reader.watch.is_left());
        let next = tokio::time::timeout(Duration::from_secs(30), ask(&mut reader, "SELECT 1")).await;
        assert!(next.expect("the connection is free").unwrap().is_some());
        assert!(!reader.watch.is_left());
    }
}

/// What takes longer than it may in place is answered from the first row to the last, each once, and a short one stays in place.
#[tokio::test]
async fn long_answers_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    assert_eq!(numbers(&mut reader, "SELECT 7 AS n").await, [7]);
    assert!(matches!(reader.place, Place::Here(_)));
    assert_eq!(numbers(&mut reader, MANY).await, (1..=100_000).collect::<Vec<_>>());
    assert!(matches!(reader.place, Place::Away(_)), "it had a thread");
    assert_eq!(numbers(&mut reader, "SELECT 7 AS n").await, [7]);
    assert!(matches!(reader.place, Place::Here(_)));
}

/// Who stops reading in the middle of a long answer leaves a connection that answers the next.
#[tokio::test]
async fn half_an_answer_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    let rows = AnyConnectionBackend::fetch_many(&mut reader, SqlStr::from_static(MANY), false, None);
    assert_eq!(rows.take(10).count().await, 10);
    assert_eq!(numbers(&mut reader, "SELECT 7 AS n").await, [7]);
}

/// A transaction that is dropped in the middle of a long statement is undone before anything else is asked.
#[tokio::test]
async fn dropped_transactions_are_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    AnyConnectionBackend::begin(&mut reader, None).await.unwrap();
    assert_eq!(reader.get_transaction_depth(), 1);
    let rows = AnyConnectionBackend::fetch_many(&mut reader, SqlStr::from_static(MANY), false, None);
    assert_eq!(rows.take(10).count().await, 10);
    reader.start_rollback();
    assert_eq!(numbers(&mut reader, "SELECT 7 AS n").await, [7]);
    assert_eq!(reader.get_transaction_depth(), 0);
    AnyConnectionBackend::begin(&mut reader, None).await.unwrap();
    AnyConnectionBackend::commit(&mut reader).await.unwrap();
    assert_eq!(reader.get_transaction_depth(), 0);
}

/// A reader cannot write, and says so by SQLite's code.
#[tokio::test]
async fn readers_do_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    let refused = ask(&mut reader, "CREATE TABLE t (a BIGINT)").await.err().expect("it is refused");
    assert_eq!(
        refused.as_database_error().and_then(|error| error.code().map(String::from)).as_deref(),
        Some("8")
    );
}

/// Parameters are numbered, whatever their order in the text; one may be there twice, and one that has no value is refused.
#[tokio::test]
async fn parameters_have_numbers() {
    use sqlx::{Arguments as _, Row as _};
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    let text = "SELECT $2 || $1 || $2 AS t";
    for (one, two) in [("a", "b"), ("c", "d")] {
        let mut arguments = AnyArguments::default();
        arguments.add(one).unwrap();
        arguments.add(two).unwrap();
        let asked = AnyConnectionBackend::fetch_optional(
            &mut reader,
            SqlStr::from_static(text),
            true,
            Some(arguments),
        );
        let said: String = asked.await.unwrap().unwrap().get("t");
        assert_eq!(said, [two, one, two].concat());
    }
    let mut arguments = AnyArguments::default();
    arguments.add("a").unwrap();
    let asked =
        AnyConnectionBackend::fetch_optional(&mut reader, SqlStr::from_static(text), true, Some(arguments));
    assert!(asked.await.is_err());
}

/// Transactions that are dropped one in the other, while their statement is away, are all undone before anything else is asked; a
/// connection that has one open without a word does not go back into the pool.
#[tokio::test]
async fn every_dropped_transaction_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = reader(folder.path(), LIMIT);
    for _ in 0..2 {
        AnyConnectionBackend::begin(&mut reader, None).await.unwrap();
    }
    let rows = AnyConnectionBackend::fetch_many(&mut reader, SqlStr::from_static(MANY), false, None);
    assert_eq!(rows.take(10).count().await, 10);
    for _ in 0..2 {
        reader.start_rollback();
    }
    AnyConnectionBackend::ping(&mut reader).await.unwrap();
    assert_eq!(reader.get_transaction_depth(), 0);
    ask(&mut reader, "BEGIN").await.unwrap();
    assert!(AnyConnectionBackend::ping(&mut reader).await.is_err());
}

/// Of several statements in one text all run until there is a row, and what is done is none.
#[tokio::test]
async fn texts_run_to_their_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = InPlace::open(&folder.path().join("a.db"), Use::Writing, LIMIT).unwrap();
    let text = "CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7); SELECT n FROM t";
    assert!(ask(&mut writer, text).await.unwrap().is_some());
    assert_eq!(numbers(&mut writer, "SELECT n FROM t").await, [7]);
}

/// A transaction that SQLite has undone is not gone on with: what follows in it would stand by itself.
#[tokio::test]
async fn undone_transactions_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = InPlace::open(&folder.path().join("a.db"), Use::Writing, LIMIT).unwrap();
    ask(&mut writer, "CREATE TABLE t (n BIGINT)").await.unwrap();
    ask(&mut writer, "BEGIN IMMEDIATE").await.unwrap();
    ask(&mut writer, "INSERT INTO t VALUES (1)").await.unwrap();
    let deadline = Deadline::after(Duration::from_millis(50));
    let endless = "INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0";
    assert!(ask(&mut writer, endless).await.is_err());
    drop(deadline);
    assert!(ask(&mut writer, "INSERT INTO t VALUES (2)").await.is_err());
    assert!(ask(&mut writer, "ROLLBACK; BEGIN IMMEDIATE").await.is_err(), "there is none to be undone");
    ask(&mut writer, "BEGIN IMMEDIATE").await.unwrap();
    ask(&mut writer, "COMMIT").await.unwrap();
    assert!(numbers(&mut writer, "SELECT n FROM t").await.is_empty());
}
