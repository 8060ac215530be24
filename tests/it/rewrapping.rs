//! `lanyard keys rewrap`: what the token wraps moves under a new wrapping key, beside a server that signs.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ca::api::SubjectData;
use lanyard::signing::{self, Credential, Envelope};
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::Value;
use signer::api::{Algorithm, CreateCredential};
use zeroize::Zeroizing;

use crate::rig::{LANYARD, Serving, Site, said, until};

/// How many keys there are beside the demo's own: more than two pages.
const KEYS: usize = 150;

/// Keys move under a new wrapping key while a prescriber signs without a single refusal. A move that is killed leaves every key
/// whole, the old wrapping key in place, and goes on; at the end nothing is under the old one, every event is in the record,
/// and a server that starts afterwards signs.
mod keys_move_while_they_sign {
    use super::*;

    /// On SQLite, where the move and the server take turns at writing.
    #[tokio::test(flavor = "multi_thread")]
    async fn through_kills_sqlite() {
        let dir = tempfile::tempdir().unwrap();
        told(Site::of_demo(dir.path()), dir.path()).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn through_kills_postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        told(site, dir.path()).await;
    }
}

async fn told(site: Site, dir: &Path) {
    let site = Arc::new(site);
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let credential = prescriber(&site).await;
    many_keys(&site).await;
    nothing_is_done_unasked(&site);
    let seen = Arc::new(Seen::default());
    let signing = tokio::spawn(sign(Arc::clone(&site), Arc::clone(&seen), credential.clone()));
    goes_on(&seen).await;

    killed(&site, &["keys", "rewrap", "--new"]);
    let (first, second) = (wraps(&site, 1), wraps(&site, 2));
    assert!(first > 0 && second > 0, "{first} and {second}: it was to be killed in the middle");
    let early = site.try_run(&["keys", "rewrap", "--new"]);
    assert!(
        !early.status.success() && said(&early).contains("not under lanyard-wrap-2 yet"),
        "{}",
        said(&early)
    );
    goes_on(&seen).await;
    killed(&site, &["keys", "rewrap"]);
    assert!(wraps(&site, 2) > second, "it goes on where it stopped");
    let end = site.run(&["keys", "rewrap"]);
    assert!(end.contains("0 left") && end.contains("wrap nothing here any more"), "{end}");
    assert_eq!(wraps(&site, 1), 0);
    assert!(wraps(&site, 2) > KEYS as u64);
    assert!(site.run(&["keys", "rewrap"]).contains("everything is under lanyard-wrap-2"));
    goes_on(&seen).await;
    seen.stop.store(true, Ordering::Relaxed);
    signing.await.unwrap();
    the_record_tells(&site, dir).await;
    serving.kill();

    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    one_signature(&site, &credential, "after it started again").await.unwrap();
    create(&site, "made-afterwards").await;
    assert_eq!(wraps(&site, 1), 0, "new keys go under the new wrapping key");
    serving.kill();
}

/// What would be done is said without doing it, and without a new key there is nothing to do.
fn nothing_is_done_unasked(site: &Site) {
    let dry = site.run(&["keys", "rewrap", "--new", "--dry-run"]);
    assert!(dry.contains("lanyard-wrap-2 would be made") && dry.contains("nothing was done"), "{dry}");
    assert!(site.run(&["keys", "rewrap"]).contains("everything is under lanyard-wrap-1"));
    let list = site.run(&["keys", "list"]);
    assert!(
        list.contains("ca-root\tsigns, p-384") && list.contains("lanyard-audit\tsigns, ed25519"),
        "{list}"
    );
    assert!(!list.contains("lanyard-wrap-2"), "{list}");
}

/// How many people's keys are under this version of the wrapping key.
fn wraps(site: &Site, version: u32) -> u64 {
    let list = site.run(&["keys", "list"]);
    let label = format!("lanyard-wrap-{version}\twraps ");
    let line =
        list.lines().find_map(|line| Some(line.split_once(&label)?.1)).unwrap_or_else(|| panic!("{list}"));
    line.split(' ').next().unwrap().parse().unwrap()
}

/// Starts the command and ends it as `kill -9` does once it has moved something.
fn killed(site: &Site, arguments: &[&str]) {
    let mut child = Command::new(LANYARD)
        .arg("--config")
        .arg(site.folder.join("lanyard.toml"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let moved: Vec<String> = lines.take_while(|line| !line.starts_with("moved ")).collect();
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    assert!(!ended.success(), "it ended before it was killed: {moved:?}");
}

/// What the prescriber saw.
#[derive(Default)]
struct Seen {
    signed: AtomicU64,
    stop: AtomicBool,
}

async fn goes_on(seen: &Seen) {
    let signed = seen.signed.load(Ordering::Relaxed);
    until("prescriptions are signed", || seen.signed.load(Ordering::Relaxed) > signed + 2).await;
}

async fn prescriber(site: &Site) -> Credential {
    signing::credential(&site.systems(&site.system()), "555000000108", None).await.unwrap()
}

async fn sign(site: Arc<Site>, seen: Arc<Seen>, credential: Credential) {
    for number in 0.. {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let done = one_signature(&site, &credential, &format!("prescription {number}")).await;
        done.expect("signing goes on");
        seen.signed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn one_signature(site: &Site, credential: &Credential, text: &str) -> anyhow::Result<()> {
    let server = site.systems(&site.system());
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let documents = [text.as_bytes().to_vec()];
    signing::sign(&server, credential, &passphrase, &documents, Envelope::Detached).await.map(drop)
}

async fn many_keys(site: &Arc<Site>) {
    let mut makers = tokio::task::JoinSet::new();
    for maker in 0..5 {
        let site = Arc::clone(site);
        makers.spawn(async move {
            for number in 0..KEYS / 5 {
                create(&site, &format!("many-{maker}-{number}")).await;
            }
        });
    }
    makers.join_all().await;
}

async fn create(site: &Site, request_id: &str) {
    let user = "555021942107";
    let request = CreateCredential {
        request_id: request_id.to_owned(),
        subject: SubjectData {
            common_name: format!("{user}_Aisha_Rahman"),
            user_id: Some(user.to_owned()),
            given_name: Some("Aisha".to_owned()),
            family_name: Some("Rahman".to_owned()),
            ..SubjectData::default()
        },
        algorithm: Algorithm::P256,
        key: signer::api::KeyLife::Kept,
    };
    site.systems(&site.desk()).post::<Value>("/signer/credentials", &request).await.unwrap();
}

/// Each run's beginning, each key's move once, and one end.
async fn the_record_tells(site: &Site, dir: &Path) {
    let copy = dir.join("log");
    let ended = "rewrapping-ended";
    let deadline = std::time::Instant::now() + crate::rig::PATIENCE;
    let entries = loop {
        site.run(&["audit", "copy", copy.to_str().unwrap()]);
        let text = std::fs::read_to_string(copy.join("entries.jsonl")).unwrap();
        if text.contains(ended) {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "the end never came into the record");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let (mut names, mut keys) = (Vec::new(), Vec::new());
    for line in entries.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        names.push(entry["record"]["name"].as_str().unwrap().to_owned());
        if let Some(moved) = entry["record"]["event"]["keys"].as_array() {
            keys.extend(moved.iter().map(|key| key.as_str().unwrap().to_owned()));
        }
    }
    let count = |name: &str| names.iter().filter(|found| *found == name).count();
    assert_eq!((count("rewrapping-began"), count(ended)), (3, 1));
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "a key was moved twice");
    assert!(keys.len() > KEYS && count("secrets-rewrapped") > 0, "{} keys", keys.len());
    let verifier = site.run(&["audit", "key"]);
    let proved = site.run(&["audit", "verify", copy.to_str().unwrap(), "--key", verifier.trim()]);
    assert!(proved.contains("PROVED"), "{proved}");
}
