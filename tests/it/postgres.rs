//! The same installation on PostgreSQL: a copy made on SQLite goes there, and the server works on.

use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::signing::{self, Envelope};
use platform::Clock;
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use rcgen::PublicKeyData as _;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use zeroize::Zeroizing;

use crate::rig::{Serving, Site, said};

/// The database of a running installation moves from SQLite to PostgreSQL by backup and restore. There prescriptions are
/// signed and certificates issued, `kill -9` loses nothing that was answered, and the record proves itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_postgres() {
    let target = TestDb::new(Engine::Postgres).await;
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let key = site.move_to(&target, dir.path());
    let again = site.try_run(&["restore", dir.path().join("backup").to_str().unwrap()]);
    assert!(!again.status.success() && said(&again).contains("not empty"), "{}", said(&again));

    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let documents = [b"signed on PostgreSQL".to_vec(), b"and another".to_vec()];
    let system = site.systems(&site.system());
    let credential = signing::credential(&system, "555000000108", None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let agreement = signing::authorise(&system, &credential, &passphrase, &documents).await.unwrap();
    let signed = signing::signatures(&system, &credential, agreement.clone(), &documents, Envelope::Detached)
        .await
        .unwrap();
    let serial = issue(&site).await;
    serving.kill();

    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let desk = site.systems(&site.desk());
    let info: Value = desk.get(&format!("/ca/certificates/{serial}")).await.unwrap();
    assert_eq!(info["state"], "issued");
    let system = site.systems(&site.system());
    let same =
        signing::signatures(&system, &credential, agreement, &documents, Envelope::Detached).await.unwrap();
    assert_eq!(same, signed, "the stored signatures are answered, not new ones");
    let copy = dir.path().join("log");
    site.run(&["audit", "copy", copy.to_str().unwrap()]);
    assert!(site.run(&["audit", "verify", copy.to_str().unwrap(), "--key", &key]).contains("PROVED"));
    serving.kill();
}

async fn issue(site: &Site) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let subject = SubjectData {
        common_name: "Ottoline Marchbanks".to_owned(),
        user_id: Some("555000000108".to_owned()),
        ..SubjectData::default()
    };
    let key = KeySource::public_key(&key.subject_public_key_info());
    let request = IssueRequest::new("on-postgres", "person-sign-in", subject, key);
    let issued: Value = site.systems(&site.desk()).post("/ca/certificates", &request).await.unwrap();
    issued["serial"].as_str().unwrap().to_owned()
}

/// A role and a database that are made as `docs/operations.md` says are enough for every migration, without any further right.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_made_as_the_page_says_is_migrated() {
    let page = include_str!("../../docs/operations.md");
    let made = "createdb --owner lanyard --encoding UTF8 --locale C.UTF-8 --template template0 lanyard";
    assert!(page.contains(made) && page.contains("createuser --pwprompt lanyard"));
    let other = TestDb::new(Engine::Postgres).await;
    let name = format!("page_{}", uuid::Uuid::now_v7().simple());
    let mut admin = AnyConnection::connect(&other.config.url).await.unwrap();
    let mut run = async |statement: String| {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    };
    // What the two programs send.
    run(format!("CREATE ROLE {name} NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT LOGIN")).await;
    run(format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"))
        .await;

    let config = Config::new(format!("{}&user={name}&dbname={name}", other.config.url));
    let db = Db::connect(&config, Clock::system()).await.unwrap();
    db.migrate().await.unwrap();
    assert_eq!(db.pending_migrations().await.unwrap(), 0);
    let owners: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT CAST(tableowner AS TEXT) FROM pg_tables WHERE schemaname = 'public'",
    )
    .fetch_all(db.read())
    .await
    .unwrap();
    assert_eq!(owners, [name.as_str()]);
    db.close().await;
    run(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    run(format!("DROP ROLE {name}")).await;
}
