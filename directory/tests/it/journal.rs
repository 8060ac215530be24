//! The journal of reads: who was shown is in it before the answer and in the record after it, once, however a process ended between.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use directory::api::READ;
use directory::ldap::LdapConfig;
use directory::{Config, ReadsRecorded};
use http::{Method, StatusCode};
use platform::db::{Db, Engine};
use serde_json::Value;
use tempfile::TempDir;

use crate::ldap_rig::{As, Ldap, at_once, names};
use crate::rig::{Answered, Rig, system};
use crate::workers::with_doctor;
use crate::world::{AGENT, NURSE, World, user, who};

/// What is asked for in one go: the order is seen in the record.
const ASKED: [&str; 5] =
    ["Practitioner", "PractitionerRole", "PractitionerRole", "Practitioner", "Practitioner"];

fn journalled(folder: &Path) -> Config {
    let reads_journal = Some(folder.to_owned());
    Config { reads_recorded: ReadsRecorded::Journal, reads_journal, ..Config::default() }
}

async fn read(rig: &Rig, kind: &str, person: &str) -> Answered {
    read_as("pas", rig, kind, person).await
}

async fn read_as(caller: &str, rig: &Rig, kind: &str, person: &str) -> Answered {
    let by = if kind == "Practitioner" { "identifier" } else { "practitioner.identifier" };
    let path = format!("/healthcare-worker/FHIR/R4/{kind}?{by}={person}");
    rig.send(&system(caller, &[READ]), Method::GET, &path, &[("host", "directory.example")], None).await
}

async fn read_all(rig: &Rig, person: &str) {
    for kind in ASKED {
        let answer = read(rig, kind, person).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.body["total"].as_i64() > Some(0), "somebody is shown: {answer:?}");
    }
}

/// What the record says was asked for, in its order.
async fn recorded(db: &Db) -> Vec<String> {
    let text = "SELECT body FROM audit_event WHERE module = 'directory' AND name IN ('workers-shown', 'reads-together') ORDER BY ordinal";
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(text).fetch_all(db.read()).await.unwrap();
    let mut all = Vec::new();
    for body in rows {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let alone = [serde_json::json!({"shown": body["event"]})];
        let reads = body["event"]["reads"].as_array().map_or(&alone[..], Vec::as_slice);
        all.extend(reads.iter().map(|read| read["shown"]["resource"].as_str().unwrap().to_owned()));
    }
    all
}

/// A folder that nobody else may look into.
fn own_folder() -> TempDir {
    tempfile::Builder::new().permissions(mode(0o700)).tempdir().unwrap()
}

fn mode(mode: u32) -> fs::Permissions {
    fs::Permissions::from_mode(mode)
}

async fn rows(db: &Db) -> i64 {
    let text = "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_reads_journal";
    sqlx::query_scalar(text).fetch_one(db.read()).await.unwrap()
}

/// The files with reads.
fn files(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|end| end == "reads")).collect()
}

/// A process that showed people, and ended before anything of it was recorded; the file that it left.
async fn left(db: &Db, config: &Config) -> PathBuf {
    let (world, ann) = with_doctor(db.clone(), config.clone()).await;
    world.rig.register.begin_journal().await.unwrap();
    read_all(&world.rig, &ann).await;
    files(config.reads_journal.as_deref().unwrap()).pop().unwrap()
}

platform::both_engines! {
    /// Nobody is shown before the journal is there; then they are, with nothing in the record yet, and it has each read in its order once
    /// somebody records them. Nobody else may read the files.
    async fn journal_comes_into_the_record(db: Db) {
        let folder = own_folder();
        let folder = folder.path().join("deep/reads");
        let (world, ann) = with_doctor(db.clone(), journalled(&folder)).await;
        let refused = read(&world.rig, "Practitioner", &ann).await;
        assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!refused.body.to_string().contains("Brien"), "{refused:?}");
        world.rig.register.begin_journal().await.unwrap();
        read_all(&world.rig, &ann).await;
        assert!(recorded(&db).await.is_empty());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&files(&folder)[0]), mode(&folder.join("lock"))), (0o700, 0o600, 0o600));

        let keeping = tokio::spawn(world.rig.register.clone().keep_journal());
        world.rig.register.finish_journal().await;
        assert_eq!(recorded(&db).await, ASKED);
        world.rig.hand.advance(std::time::Duration::from_mins(1));
        read_all(&world.rig, &ann).await;
        world.rig.register.finish_journal().await;
        assert_eq!(recorded(&db).await, [ASKED, ASKED].concat(), "each once");
        keeping.abort();
    }

    /// What a process left is in the record before the next shows anybody, at the time of asking; what it had recorded is not recorded
    /// again; and nothing is left of its files.
    async fn journal_is_recorded_once(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        left(&db, &config).await;
        assert!(recorded(&db).await.is_empty());

        let next = Rig::with(db.clone(), config.clone());
        next.hand.advance(std::time::Duration::from_hours(1));
        next.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, ASKED);
        let times: Vec<i64> = sqlx::query_scalar("SELECT recorded_at FROM audit_event WHERE name = 'reads-together'").fetch_all(db.read()).await.unwrap();
        assert!(!times.is_empty() && times.iter().all(|at| *at < next.now().0 - 3_000_000), "{times:?}");
        assert_eq!((files(folder.path()).len(), rows(&db).await), (1, 0));

        // Recorded, and ended before its file was taken away.
        let ann: String = sqlx::query_scalar("SELECT user_id FROM directory_person WHERE family = $1").bind("O'Brien").fetch_one(db.read()).await.unwrap();
        let keeping = tokio::spawn(next.register.clone().keep_journal());
        read_all(&next, &ann).await;
        next.register.finish_journal().await;
        keeping.abort();
        assert!(keeping.await.unwrap_err().is_cancelled());
        drop(next);
        assert_eq!(recorded(&db).await, [ASKED, ASKED].concat());
        assert_eq!(rows(&db).await, 1);
        let last = Rig::with(db.clone(), config);
        last.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, [ASKED, ASKED].concat());
        assert_eq!((files(folder.path()).len(), rows(&db).await), (1, 0));
    }

    /// Reads that a process left are recorded too when the next records them in another way, as long as the folder is named; nothing new goes
    /// into it, and one that is not there is not made.
    async fn journal_is_recorded_after_it_is_turned_off(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        let before = left(&db, &config).await;
        let next = Rig::with(db.clone(), Config { reads_recorded: ReadsRecorded::BeforeAnswer, ..config.clone() });
        next.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, ASKED);
        assert!(!before.exists() && files(folder.path()).is_empty());
        assert_eq!(rows(&db).await, 0);
        let ann: String = sqlx::query_scalar("SELECT user_id FROM directory_person WHERE family = $1").bind("O'Brien").fetch_one(db.read()).await.unwrap();
        read_all(&next, &ann).await;
        assert_eq!(recorded(&db).await, [ASKED, ASKED].concat());
        assert!(files(folder.path()).is_empty());
        // Another has the folder now.
        let other = Rig::with(db.clone(), config);
        other.register.begin_journal().await.unwrap();

        let none = folder.path().join("none");
        let off = Config { reads_journal: Some(none.clone()), ..Config::default() };
        Rig::with(db, off).register.begin_journal().await.unwrap();
        assert!(!none.exists());
    }

    /// A read that the record refuses stops no other: it is put into a file of its own, and the record says so in its place, once; those before
    /// it and behind it are recorded, once.
    async fn refused_reads_are_set_aside(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        let (world, ann) = with_doctor(db.clone(), config.clone()).await;
        let rules = match db.engine() {
            Engine::Sqlite => "CREATE TRIGGER refused BEFORE INSERT ON audit_event WHEN NEW.actor = 'refused' BEGIN SELECT RAISE(ABORT, 'refused'); END",
            Engine::Postgres => "ALTER TABLE audit_event ADD CONSTRAINT refused CHECK (actor <> 'refused')",
        };
        let changed: Result<(), platform::db::Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(rules).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        changed.unwrap();
        world.rig.register.begin_journal().await.unwrap();
        read_all(&world.rig, &ann).await;
        assert_eq!(read_as("refused", &world.rig, "Practitioner", &ann).await.status, StatusCode::OK);
        read_all(&world.rig, &ann).await;
        let keeping = tokio::spawn(world.rig.register.clone().keep_journal());
        world.rig.register.finish_journal().await;
        keeping.abort();
        assert!(keeping.await.unwrap_err().is_cancelled());
        drop(world);
        let next = Rig::with(db.clone(), config);
        next.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, [ASKED, ASKED].concat());
        let text = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE module = 'directory' AND name = 'read-set-aside'";
        let said: i64 = sqlx::query_scalar(text).fetch_one(db.read()).await.unwrap();
        assert_eq!(said, 1);
        let aside = fs::read_to_string(folder.path().join("0000000001.6.aside")).unwrap();
        assert!(aside.contains("refused") && aside.contains(&ann), "{aside}");
        let asides = fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "aside"));
        assert_eq!(asides.count(), 1);
    }

    /// A frame that was not written to its end is cut off, and those before it are recorded.
    async fn torn_journal_is_recorded(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        let file = left(&db, &config).await;
        let length = fs::metadata(&file).unwrap().len();
        OpenOptions::new().write(true).open(&file).unwrap().set_len(length - 3).unwrap();
        let next = Rig::with(db.clone(), config);
        next.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, &ASKED[..4]);
    }

    /// A machine without power may leave whole frames behind a hole: what is before it is recorded, what is behind it is kept beside the file,
    /// and the start goes on.
    async fn holes_do_not_stop_the_start(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        let file = left(&db, &config).await;
        let mut octets = fs::read(&file).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        fs::write(&file, &octets).unwrap();
        let next = Rig::with(db.clone(), config);
        next.register.begin_journal().await.unwrap();
        let recorded = recorded(&db).await;
        assert!((1..ASKED.len()).contains(&recorded.len()), "{recorded:?}");
        assert_eq!(recorded, &ASKED[..recorded.len()]);
        let tail = fs::read(file.with_extension("tail")).unwrap();
        assert!(!tail.is_empty() && octets.ends_with(&tail));
        assert!(!file.exists());
    }

    /// A file that was changed before where the disk had taken it stops the start with its name and what to do, and nothing more of it is
    /// recorded; moved away, the start goes on.
    async fn damaged_journal_stops_the_start(db: Db) {
        let folder = own_folder();
        let config = journalled(folder.path());
        let (world, ann) = with_doctor(db.clone(), config.clone()).await;
        world.rig.register.begin_journal().await.unwrap();
        read_all(&world.rig, &ann).await;
        let keeping = tokio::spawn(world.rig.register.clone().keep_journal());
        world.rig.register.finish_journal().await;
        keeping.abort();
        assert!(keeping.await.unwrap_err().is_cancelled());
        read_all(&world.rig, &ann).await;
        drop(world);
        let file = files(folder.path()).pop().unwrap();
        let mut octets = fs::read(&file).unwrap();
        octets[100] ^= 1;
        fs::write(&file, &octets).unwrap();
        let next = Rig::with(db.clone(), config);
        let refused = next.register.begin_journal().await.unwrap_err().to_string();
        assert!(refused.contains(file.to_str().unwrap()) && refused.contains("move this one out"), "{refused}");
        assert!(file.exists());
        assert_eq!(recorded(&db).await, ASKED, "what was recorded before it was damaged");
        fs::rename(&file, file.with_extension("damaged")).unwrap();
        next.register.begin_journal().await.unwrap();
        assert_eq!(recorded(&db).await, ASKED);
    }

    /// Two processes never have one folder: the second is refused, and shows nobody.
    async fn journal_is_one_process_own(db: Db) {
        let folder = own_folder();
        let (world, ann) = with_doctor(db.clone(), journalled(folder.path())).await;
        world.rig.register.begin_journal().await.unwrap();
        let other = Rig::with(db.clone(), journalled(folder.path()));
        let refused = other.register.begin_journal().await.unwrap_err().to_string();
        assert!(refused.contains("another process"), "{refused}");
        assert_eq!(read(&other, "Practitioner", &ann).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        read_all(&world.rig, &ann).await;
    }

    /// A folder that others may look into, one of another user, and files that lead to others are refused with what is wrong, and nothing is
    /// made in their place.
    async fn folders_of_others_are_refused(db: Db) {
        let folder = own_folder();
        let rig = Rig::with(db, journalled(folder.path()));
        let refused = || async { rig.register.begin_journal().await.unwrap_err().to_string() };
        for open in [0o755, 0o770, 0o500] {
            fs::set_permissions(folder.path(), mode(open)).unwrap();
            assert!(refused().await.contains("which is not 700"), "{open:o}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        fs::set_permissions(folder.path(), mode(0o700)).unwrap();
        let elsewhere = own_folder();
        let (lock, target) = (folder.path().join("lock"), elsewhere.path().join("target"));
        symlink(&target, &lock).unwrap();
        assert!(refused().await.contains("link"));
        assert!(!target.exists());
        fs::remove_file(&lock).unwrap();
        let reads = folder.path().join("0000000001.reads");
        fs::write(&target, "somebody's").unwrap();
        symlink(&target, &reads).unwrap();
        assert!(refused().await.contains("link"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "somebody's");
        fs::remove_file(&reads).unwrap();
        // Only who may give files away can try this.
        let owner = fs::metadata(folder.path()).unwrap().uid();
        if chown(folder.path(), Some(owner + 12_345), None).is_ok() {
            assert!(refused().await.contains("belongs to the user"));
            chown(folder.path(), Some(owner), None).unwrap();
        }
        rig.register.begin_journal().await.unwrap();
    }

    /// Over LDAP people are shown once they are in the journal, and are in the record after it.
    async fn ldap_reads_go_into_the_journal(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let before = world.recorded("people-shown").await;
        let folder = own_folder();
        let rates = directory::ldap::Rates { known: at_once(1_000_000), strangers: at_once(1_000_000) };
        let ldap = Ldap::around(Rig::with(db, journalled(folder.path())), LdapConfig::default(), rates).await;
        let base = format!("uid={},ou=people,o=nhs", user(NURSE));
        let (code, text) = ldap.search(As::Account, &["-b", &base]).await;
        assert!(code != 0 && names(&text).is_empty(), "there is no journal yet: {text}");
        ldap.rig.register.begin_journal().await.unwrap();
        let (code, text) = ldap.search(As::Account, &["-b", &base]).await;
        assert_eq!((code, names(&text).len()), (0, 3), "{text}");
        assert_eq!(world.recorded("people-shown").await, before);
        tokio::spawn(ldap.rig.register.clone().keep_journal());
        ldap.rig.register.finish_journal().await;
        assert_eq!(world.recorded("people-shown").await, before + 1);
    }
}
