//! Copies that were tampered with, and logs that did not only grow.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use audit::verify::{self, Refused};
use audit::{Log, Sequencer, VerifierKey};
use platform::db::Engine;
use platform::db::testing::TestDb;

use crate::support::{Rig, START, copied, note, python_reads, settle, settled};

fn files_of(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for item in std::fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(files_of(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn name_of(dir: &Path, file: &Path) -> String {
    file.strip_prefix(dir).unwrap().to_str().unwrap().to_owned()
}

/// What is found when one octet of a file is another.
fn with_octet_changed(dir: &Path, key: &VerifierKey, file: &Path, at: usize) -> Refused {
    let bytes = std::fs::read(file).unwrap();
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    std::fs::write(file, &changed).unwrap();
    let refused = verify::directory(dir, key, None);
    std::fs::write(file, &bytes).unwrap();
    refused.expect_err(&format!("{} with octet {at} changed was accepted", file.display()))
}

/// Whichever octet of a copy is changed, it is refused, and the file is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_changed_octet_is_found_and_its_file_named() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, _) = settled(&rig, &test_db.db, 300).await;
    let (dir, key) = (copied(&log).await, log.verifier_key());
    let files = files_of(dir.path());
    let names: Vec<String> = files.iter().map(|file| name_of(dir.path(), file)).collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "entries.jsonl",
            "tile/0/000",
            "tile/0/001.p/45",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/45"
        ]
    );
    // Opening every entry each time would take minutes, so they are there only while their own file is changed.
    let hidden = tempfile::tempdir().unwrap();
    let (entries, aside) = (dir.path().join("entries.jsonl"), hidden.path().join("entries.jsonl"));
    for file in &files {
        let name = name_of(dir.path(), file);
        if *file != entries {
            std::fs::rename(&entries, &aside).unwrap();
        }
        let length = usize::try_from(std::fs::metadata(file).unwrap().len()).unwrap();
        // The checkpoint octet by octet, the long files in steps that reach every kind of place.
        let step = if length < 200 { 1 } else { length / 61 };
        for at in (0..length).step_by(step).chain([length - 1]) {
            let refused = with_octet_changed(dir.path(), &key, file, at);
            let named = refused.findings.iter().any(|finding| finding.place.starts_with(&name));
            assert!(named, "{name} octet {at}: {refused}");
            let mut others = refused.findings.iter().filter(|finding| !finding.place.starts_with(&name));
            assert_eq!(others.next(), None, "{name} octet {at} was blamed on another file too");
        }
        if *file != entries {
            std::fs::rename(&aside, &entries).unwrap();
        }
    }
    verify::directory(dir.path(), &key, None).unwrap();
}

/// Where only hashes were copied, a changed hash is still found and blamed on its tile as far as the hashes can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_hashes_are_found_without_leaves() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, _) = settled(&rig, &test_db.db, 600).await;
    let (dir, key) = (copied(&log).await, log.verifier_key());
    std::fs::remove_file(dir.path().join("entries.jsonl")).unwrap();
    std::fs::remove_dir_all(dir.path().join("tile/entries")).unwrap();
    for (name, at, place) in [
        ("tile/0/000", 40, "tile/0/000"),
        ("tile/0/001", 8_191, "tile/0/001"),
        ("tile/1/000.p/2", 33, "tile/1/000.p/2, hash 1"),
        // Nothing above says which; the partial tile is pointed at.
        ("tile/0/002.p/89", 5, "checkpoint"),
    ] {
        let refused = with_octet_changed(dir.path(), &key, &dir.path().join(name), at);
        assert!(refused.findings.iter().any(|finding| finding.place == place), "{name}: {refused}");
        assert!(refused.to_string().contains(name), "{name} is not told: {refused}");
        let python = {
            let file = dir.path().join(name);
            let bytes = std::fs::read(&file).unwrap();
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&file, changed).unwrap();
            let read = python_reads(dir.path(), &key);
            std::fs::write(&file, bytes).unwrap();
            read
        };
        assert!(python.is_err(), "the independent reader accepts {name}");
    }
}

/// Files that are missing, cut short, or do not belong are told, each by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_short_and_foreign_files_are_told() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, _) = settled(&rig, &test_db.db, 300).await;
    let key = log.verifier_key();
    let check = async |change: &dyn Fn(&Path), place: &str| {
        let dir = copied(&log).await;
        change(dir.path());
        let refused = verify::directory(dir.path(), &key, None).unwrap_err();
        assert!(refused.findings.iter().any(|finding| finding.place == place), "{place}: {refused}");
    };
    let put = |name: &'static str, bytes: Vec<u8>| {
        move |dir: &Path| {
            std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.join(name), &bytes).unwrap();
        }
    };
    let gone = |name: &'static str| move |dir: &Path| std::fs::remove_file(dir.join(name)).unwrap();
    check(&gone("checkpoint"), "checkpoint").await;
    check(&gone("tile/0/000"), "tile/0/000").await;
    check(&gone("tile/1/000.p/1"), "tile/1/000.p/1").await;
    check(&put("tile/0/000", vec![0; 31]), "tile/0/000").await;
    check(&put("tile/0/002", vec![0; 8_192]), "tile/0/002").await;
    check(&put("tile/0/001.p/9", vec![7; 288]), "tile/0/001.p/9").await;
    check(&put("tile/notes.txt", vec![7]), "tile/notes.txt").await;
    check(&put("tile/entries/000", vec![7; 5]), "tile/entries/000").await;
    check(&put("entries.jsonl", b"{}\n".to_vec()), "entries.jsonl, line 1").await;
}

async fn checkpoint_of(log: &Log) -> String {
    log.checkpoint().await.unwrap().unwrap()
}

/// An older checkpoint proves that the log only grew; a shorter log, another log, and a rewritten one are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_checkpoint_proves_growth_and_nothing_else() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, mut sequencer) = settled(&rig, &test_db.db, 299).await;
    let key = log.verifier_key();
    let (old, old_copy) = (checkpoint_of(&log).await, copied(&log).await);
    note(&test_db.db, START, 299..700).await;
    settle(&mut sequencer).await;
    let dir = copied(&log).await;
    assert_eq!(verify::directory(dir.path(), &key, Some(&old)).unwrap().since, Some(300));
    let newer = checkpoint_of(&log).await;
    assert_eq!(verify::directory(dir.path(), &key, Some(&newer)).unwrap().since, Some(701));
    let shrunk = verify::directory(old_copy.path(), &key, Some(&newer)).unwrap_err();
    assert!(shrunk.to_string().contains("the log shrank"), "{shrunk}");

    // Whoever holds token and database makes another history under the same name and key.
    let forged_db = TestDb::new(Engine::Sqlite).await;
    let forged = rig.log(&forged_db.db).await;
    note(&forged_db.db, START, 0..700).await;
    settle(&mut Sequencer::new(&forged)).await;
    let forged_copy = copied(&forged).await;
    verify::directory(forged_copy.path(), &key, None).unwrap();
    let rewritten = verify::directory(forged_copy.path(), &key, Some(&old)).unwrap_err();
    assert!(rewritten.to_string().contains("the past was rewritten"), "{rewritten}");

    let other = VerifierKey::from_public("audit.test/other", &[9; 32]).unwrap();
    assert!(verify::directory(dir.path(), &other, None).is_err(), "another key's log was accepted");
}

/// A copy that is brought up to date keeps what it has, and the old partial tiles in it do no harm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_can_be_brought_up_to_date() {
    let rig = Rig::new().await;
    let test_db = TestDb::new(Engine::Sqlite).await;
    let (log, mut sequencer) = settled(&rig, &test_db.db, 100).await;
    let dir = copied(&log).await;
    note(&test_db.db, START, 100..600).await;
    settle(&mut sequencer).await;
    let source = audit::copy::Source::Database(&log);
    let size = audit::copy::copy(&source, dir.path(), audit::copy::Depth::Entries).await.unwrap();
    assert_eq!(size, 601);
    assert!(dir.path().join("tile/0/000.p/101").exists());
    assert_eq!(verify::directory(dir.path(), &log.verifier_key(), None).unwrap().entries, 601);
}
