//! Before and after an update: what a version does with a database that is not of its schema.

use std::fs;
use std::path::Path;
use std::process::Output;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::rig::{lanyard, said};

/// A database that a later version has migrated is a failure to `check`, which says what to do, and is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_later_version_is_told() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    execute(dir.path(), "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    let check = run(dir.path(), &["check"]);
    let told = said(&check);
    assert!(!check.status.success() && told.contains("FAIL  database"), "{told}");
    assert!(told.contains("migration 9999") && told.contains("restore the backup"), "{told}");
    let migrate = run(dir.path(), &["migrate"]);
    assert!(!migrate.status.success() && said(&migrate).contains("migration 9999"), "{}", said(&migrate));
}

/// On a database that lacks a migration what only looks is refused, with the word what to run, and migrates nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_migrates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    installed(dir.path());
    let newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    execute(dir.path(), newest).await;
    let before = migrations(dir.path()).await;
    let backup = dir.path().join("backup");
    for arguments in [
        &["backup", backup.to_str().unwrap()][..],
        &["keys", "list"],
        &["keys", "rewrap", "--dry-run"],
        &["audit", "copy", dir.path().join("log").to_str().unwrap()],
        &["audit", "export"],
        &["audit", "key"],
    ] {
        let refused = run(dir.path(), arguments);
        let told = said(&refused);
        assert!(!refused.status.success(), "{arguments:?}: {told}");
        assert!(
            told.contains("1 migrations are missing") && told.contains("lanyard migrate"),
            "{arguments:?}: {told}"
        );
        assert_eq!(migrations(dir.path()).await, before, "{arguments:?}");
    }
    assert!(!backup.exists());
}

/// `init` that broke off among the migrations goes on with them; once something was recorded it is told to migrate, after a backup.
#[tokio::test(flavor = "multi_thread")]
async fn init_goes_on_among_the_migrations() {
    let dir = tempfile::tempdir().unwrap();
    let init = || lanyard(&["init", "--dir", dir.path().to_str().unwrap()]);
    installed(dir.path());
    let all = migrations(dir.path()).await;
    for had in [1, 5] {
        break_off(dir.path(), had).await;
        assert_eq!(migrations(dir.path()).await, had);
        let again = init();
        assert!(again.status.success() && said(&again).contains("made tables"), "{}", said(&again));
        assert!(said(&run(dir.path(), &["check"])).contains("ok    database"));
        assert_eq!(migrations(dir.path()).await, all);
    }
    execute(
        dir.path(),
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations); \
         INSERT INTO audit_event (id, recorded_at, module, name, actor, body, salt) \
         VALUES ('1', 1, 'server', 'tested', '{}', x'7b7d', x'00')",
    )
    .await;
    let refused = init();
    let told = said(&refused);
    assert!(!refused.status.success() && told.contains("1 migrations are missing"), "{told}");
    assert!(told.contains("take a backup") && told.contains("run `lanyard migrate`"), "{told}");
    assert_eq!(migrations(dir.path()).await, all - 1);
}

/// Puts a database that has had so many migrations in the place of an installation's.
async fn break_off(folder: &Path, had: i64) {
    let whole = folder.join("whole.db");
    let mut connection = open(folder).await;
    let copied = format!("VACUUM INTO '{}'", whole.display());
    sqlx::raw_sql(AssertSqlSafe(copied)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for name in ["lanyard.db", "lanyard.db-wal", "lanyard.db-shm"] {
        let _ = fs::remove_file(folder.join(name));
    }
    let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let many = usize::try_from(had).unwrap();
    let mut statements: Vec<String> =
        files[..many].iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    statements.push(format!("ATTACH '{}' AS whole", whole.display()));
    let url = format!("sqlite:{}?mode=rwc", folder.join("lanyard.db").display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    let text = "SELECT sql FROM whole.sqlite_master WHERE name = '_sqlx_migrations'";
    let table: String = sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(table)).execute(&mut connection).await.unwrap();
    let rows = "INSERT INTO main._sqlx_migrations SELECT * FROM whole._sqlx_migrations WHERE version <= $1";
    sqlx::query(rows).bind(had).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    fs::remove_file(whole).unwrap();
}

async fn migrations(folder: &Path) -> i64 {
    let mut connection = open(folder).await;
    let many = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut connection).await;
    connection.close().await.unwrap();
    many.unwrap()
}

fn installed(folder: &Path) {
    let made = lanyard(&["init", "--dir", folder.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("lanyard.toml");
    lanyard(&[&["--config", config.to_str().unwrap()], arguments].concat())
}

async fn open(folder: &Path) -> AnyConnection {
    platform::db::install_drivers();
    AnyConnection::connect(&format!("sqlite:{}", folder.join("lanyard.db").display())).await.unwrap()
}

async fn execute(folder: &Path, statement: &'static str) {
    let mut connection = open(folder).await;
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
