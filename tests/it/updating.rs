//! Before and after an update: what a version does with a database that is not of its schema.

use std::path::Path;
use std::process::Output;

use sqlx::{AnyConnection, Connection as _};

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
