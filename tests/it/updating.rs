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
