//! `lanyard seed`: registers of any size for trying out.

use std::fs;
use std::path::Path;

use platform::clock::Clock;
use platform::db::{Config, Db};

use crate::rig::{lanyard, said};

/// A configuration and an empty database in a folder.
fn installed() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = lanyard(&["init", "--dir", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let file = dir.path().join("lanyard.toml").to_str().unwrap().to_owned();
    (dir, file)
}

/// Who is in the register, and who holds what.
async fn content(dir: &Path) -> Vec<String> {
    let url = format!("sqlite:{}", dir.join("lanyard.db").display());
    let db = Db::connect(&Config::new(&url), Clock::system()).await.unwrap();
    let mut all = Vec::new();
    for text in [
        "SELECT user_id || state || given || family || birth FROM directory_person ORDER BY user_id",
        "SELECT ods || name || status FROM directory_organisation ORDER BY ods",
        "SELECT assignment_id || user_id || position_id || from_day FROM directory_assignment ORDER BY assignment_id",
    ] {
        let rows: Vec<(String,)> = sqlx::query_as(text).fetch_all(db.read()).await.unwrap();
        all.extend(rows.into_iter().map(|(row,)| row));
    }
    db.close().await;
    all
}

/// A register is filled with the number that was asked for, once, and elsewhere with the same rows; one that is for real work is
/// left alone.
#[tokio::test(flavor = "multi_thread")]
async fn seed_fills_a_register_reproducibly() {
    let (one, file) = installed();
    let seed = |file: &str, more: &[&str]| {
        let mut arguments = vec!["seed", "--people", "1400", "--config", file];
        arguments.extend(more);
        lanyard(&arguments)
    };
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("source = \"host-trusted\"", "source = \"kernel\"")).unwrap();
    let refused = seed(&file, &[]);
    assert!(!refused.status.success() && said(&refused).contains("for trying out"), "{}", said(&refused));
    fs::write(&file, text).unwrap();
    let done = seed(&file, &[]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("1400 people, 300 organisations and 4000 assignments"), "{}", said(&done));
    let first = content(one.path()).await;
    assert_eq!(first.len(), 1400 + 300 + 4000);
    let again = seed(&file, &[]);
    assert!(again.status.success() && said(&again).contains("already"), "{}", said(&again));
    let otherwise = seed(&file, &["--seed", "2"]);
    assert!(!otherwise.status.success(), "{}", said(&otherwise));
    assert_eq!(content(one.path()).await, first);
    let (other, file) = installed();
    assert!(seed(&file, &[]).status.success());
    assert_eq!(content(other.path()).await, first);
}
