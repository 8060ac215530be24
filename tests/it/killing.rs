//! `kill -9` under load, several times: what was answered is there, and nothing is that should not be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::client::Server;
use lanyard::signing::{self, Credential, Envelope};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::PublicKeyData as _;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::rig::{Serving, Site, until};

/// How many documents one request has.
const BATCH: usize = 7;
/// How long an event may take into the tree after a kill: the dead process's lease runs out in two seconds, and the
/// tree is signed within two more. The rest is for a machine that builds something else at the same time.
const RECORDED_WITHIN: Duration = Duration::from_secs(30);

/// What the clients were told.
#[derive(Default)]
pub(crate) struct Answered {
    /// Digest of the document to the signature over it.
    pub(crate) signatures: BTreeMap<String, Vec<u8>>,
    /// Serial to certificate.
    pub(crate) certificates: BTreeMap<String, Vec<u8>>,
}

/// Clients sign and have certificates issued while the server is killed. In the end every answered certificate has its
/// row, every answered signature is in the ledger once, both are in the record, and the log proves itself.
mod nothing_that_was_answered_is_lost {
    use super::*;

    /// With twelve kills, on SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        killed(site, dir.path(), 12).await;
    }

    /// With twelve kills, on PostgreSQL, whose side of a lost connection ends by itself.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        killed(site, dir.path(), 12).await;
    }
}

async fn killed(site: Site, dir: &Path, kills: usize) {
    let site = Arc::new(site);
    let answered = Arc::new(Mutex::new(Answered::default()));
    for round in 0..kills {
        let serving = Serving::spawn(&site);
        site.private("/ready", 200).await;
        let before = counts(&answered);
        let clients = [
            tokio::spawn(sign(Arc::clone(&site), Arc::clone(&answered), format!("{round}-a"))),
            tokio::spawn(sign(Arc::clone(&site), Arc::clone(&answered), format!("{round}-b"))),
            tokio::spawn(issue(Arc::clone(&site), Arc::clone(&answered), format!("{round}-a"))),
            tokio::spawn(issue(Arc::clone(&site), Arc::clone(&answered), format!("{round}-b"))),
        ];
        // Some of each kind have been answered, and others are under way.
        until("some of each kind are answered", || {
            let (signatures, certificates) = counts(&answered);
            signatures >= before.0 + BATCH * (1 + round % 3) && certificates >= before.1 + 3
        })
        .await;
        serving.kill();
        for client in clients {
            client.await.unwrap();
        }
    }
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let answered = Arc::into_inner(answered).unwrap().into_inner().unwrap();
    assert!(answered.signatures.len() >= kills * BATCH && answered.certificates.len() >= kills * 3);
    certificates_have_rows(&site, &answered).await;
    signatures_are_in_the_ledger(&site, &answered).await;
    the_record_holds_them(&site, &answered, dir).await;
    serving.kill();
}

fn counts(answered: &Mutex<Answered>) -> (usize, usize) {
    let answered = answered.lock().unwrap();
    (answered.signatures.len(), answered.certificates.len())
}

/// Signs until the server is gone.
async fn sign(site: Arc<Site>, answered: Arc<Mutex<Answered>>, name: String) {
    let server = site.systems(&site.system());
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let Ok(credential) = signing::credential(&server, "555000000108", None).await else { return };
    for number in 0.. {
        let documents: Vec<Vec<u8>> =
            (0..BATCH).map(|place| format!("{name} {number} {place}").into_bytes()).collect();
        if sign_batch(&server, &credential, &passphrase, &documents, &answered).await.is_err() {
            return;
        }
    }
}

async fn sign_batch(
    server: &Server,
    credential: &Credential,
    passphrase: &Zeroizing<String>,
    documents: &[Vec<u8>],
    answered: &Mutex<Answered>,
) -> anyhow::Result<()> {
    let signatures = signing::sign(server, credential, passphrase, documents, Envelope::Detached).await?;
    let mut answered = answered.lock().unwrap();
    for (document, signature) in documents.iter().zip(signatures) {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document);
        answered.signatures.insert(STANDARD.encode(digest), signature);
    }
    Ok(())
}

/// Has certificates issued until the server is gone.
async fn issue(site: Arc<Site>, answered: Arc<Mutex<Answered>>, name: String) {
    let server = site.systems(&site.desk());
    for number in 0.. {
        let key = rcgen::KeyPair::generate().unwrap();
        let subject = SubjectData {
            common_name: "Ottoline Marchbanks".to_owned(),
            user_id: Some("555000000108".to_owned()),
            ..SubjectData::default()
        };
        let key = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new(format!("kill-{name}-{number}"), "person-sign-in", subject, key);
        let Ok(issued) = server.post::<Value>("/ca/certificates", &request).await else { return };
        let serial = issued["serial"].as_str().unwrap().to_owned();
        let certificate = STANDARD.decode(issued["certificate"].as_str().unwrap()).unwrap();
        answered.lock().unwrap().certificates.insert(serial, certificate);
    }
}

pub(crate) async fn certificates_have_rows(site: &Site, answered: &Answered) {
    let desk = site.systems(&site.desk());
    for (serial, certificate) in &answered.certificates {
        let info: Value = match desk.get(&format!("/ca/certificates/{serial}")).await {
            Ok(info) => info,
            Err(error) => panic!("certificate {serial} was answered and cannot be read: {error:#}"),
        };
        assert_eq!(info["state"], "issued", "certificate {serial} was answered: {info}");
        let stored = info["certificate"].as_str().unwrap();
        assert_eq!(stored, STANDARD.encode(certificate), "certificate {serial} was answered otherwise");
    }
}

pub(crate) async fn signatures_are_in_the_ledger(site: &Site, answered: &Answered) {
    let system = site.systems(&site.system());
    let credential = signing::credential(&system, "555000000108", None).await.unwrap();
    let server = site.systems(&site.desk());
    let (mut found, mut twice) = (BTreeSet::new(), Vec::new());
    let mut after = String::new();
    loop {
        let path = format!("/signer/signatures?credential={}{after}", credential.id);
        let page: Value = server.get(&path).await.unwrap();
        for row in page["signatures"].as_array().unwrap() {
            if !found.insert(row["digest"].as_str().unwrap().to_owned()) {
                twice.push(row.clone());
            }
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(twice.is_empty(), "documents were signed twice: {twice:#?}");
    let lost: Vec<_> = answered.signatures.keys().filter(|digest| !found.contains(*digest)).collect();
    assert!(lost.is_empty(), "the ledger has lost the signatures over {lost:#?}");
}

/// What a copy of the record says.
struct Record {
    issued: BTreeSet<String>,
    /// Serials whose to-be-signed bytes may have been signed, without their end.
    open: BTreeSet<String>,
    signed: BTreeSet<String>,
}

impl Record {
    fn read(copy: &Path) -> Self {
        let (mut issued, mut open, mut signed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for line in std::fs::read_to_string(copy.join("entries.jsonl")).unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let event = &entry["record"]["event"];
            let serial = event["serial"].as_str().unwrap_or_default().to_owned();
            match entry["record"]["name"].as_str().unwrap() {
                "certificate-intended" => drop(open.insert(serial)),
                "certificate-issued" => {
                    open.remove(&serial);
                    issued.insert(serial);
                }
                "certificate-abandoned" | "serial-dropped" => drop(open.remove(&serial)),
                "documents-signed" => {
                    let signatures = event["signatures"].as_array().unwrap().iter();
                    signed.extend(signatures.map(|one| one["digest"].as_str().unwrap().to_owned()));
                }
                _ => {}
            }
        }
        Self { issued, open, signed }
    }

    /// What was answered and is not here, in words.
    fn lacks(&self, answered: &Answered) -> Vec<String> {
        let signatures = answered.signatures.keys().filter(|digest| !self.signed.contains(*digest));
        let certificates = answered.certificates.keys().filter(|serial| !self.issued.contains(*serial));
        let signatures = signatures.map(|digest| format!("the signature over {digest}"));
        signatures.chain(certificates.map(|serial| format!("certificate {serial}"))).collect()
    }
}

/// An answer waits for its event to be durable, not for its place in the signed tree: that follows.
pub(crate) async fn the_record_holds_them(site: &Site, answered: &Answered, dir: &Path) {
    let copy = dir.join("log");
    let deadline = Instant::now() + RECORDED_WITHIN;
    let record = loop {
        site.run(&["audit", "copy", copy.to_str().unwrap()]);
        let record = Record::read(&copy);
        let lost = record.lacks(answered);
        if lost.is_empty() {
            break record;
        }
        assert!(Instant::now() < deadline, "the record has lost {lost:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(record.open.is_empty(), "the record does not say what became of {:#?}", record.open);
    let key = site.run(&["audit", "key"]);
    let proved = site.run(&["audit", "verify", copy.to_str().unwrap(), "--key", key.trim()]);
    assert!(proved.contains("PROVED"), "{proved}");
}
