//! The same installation on PostgreSQL: a copy made on SQLite goes there, and the server works on.

use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::signing::{self, Envelope};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::PublicKeyData as _;
use serde_json::Value;
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
