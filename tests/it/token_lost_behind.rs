//! A token behind another process, p11-kit's server, which is stopped, killed and started again under load.
//!
//! p11-kit 0.24 passes on neither key wrapping nor Ed25519, so it is the second way here: the first, SoftHSM in the server's
//! own process, has people's keys and the record's.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::client::Refused;
use lanyard::signing::{self, Envelope};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::PublicKeyData as _;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::killing::{Answered, certificates_have_rows, signatures_are_in_the_ledger, the_record_holds_them};
use crate::rig::{Serving, Site, until};

const CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The authority whose certificates are asked for.
const KEY: &str = "ca-sign-in";

/// A copy of the site's token and the server in front of it.
struct Served {
    folder: PathBuf,
    server: Option<Child>,
}

impl Served {
    fn copy_of(site: &Site, folder: PathBuf) -> Self {
        std::fs::create_dir(&folder).unwrap();
        let copied = Command::new("cp").arg("-r").arg(site.folder.join("token/tokens")).arg(&folder).status();
        assert!(copied.unwrap().success());
        let place = folder.join("tokens");
        let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", place.display());
        std::fs::write(folder.join("softhsm2.conf"), conf).unwrap();
        let mut served = Self { folder, server: None };
        served.start();
        served
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.folder.join("socket").display())
    }

    /// Starts it in a process group of its own: it serves each client from a child.
    fn start(&mut self) {
        let socket = self.folder.join("socket");
        if socket.exists() {
            std::fs::remove_file(&socket).unwrap();
        }
        let mut server = Command::new("p11-kit")
            .args(["server", "--foreground", "--sh", "--provider", SOFTHSM, "--name"])
            .arg(&socket)
            .arg("pkcs11:")
            .env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf"))
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        // It prints its address once it listens.
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("P11_KIT_SERVER_ADDRESS"), "{line}");
        self.server = Some(server);
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.server.as_ref().unwrap().id());
        assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
    }

    fn kill(&mut self) {
        self.signal("-KILL");
        self.server.take().unwrap().wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    answered: Mutex<Answered>,
    /// Refusals of issuing.
    refused: AtomicU64,
    stop: AtomicBool,
}

impl Seen {
    fn signed(&self) -> usize {
        self.answered.lock().unwrap().signatures.len()
    }

    fn issued(&self) -> usize {
        self.answered.lock().unwrap().certificates.len()
    }

    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The authority's key is behind the other process only. While that process hangs or is gone, certificates are refused
/// with 503 and a time, and signing goes on; when it is back, both go on without a restart, nothing was left half-done,
/// and no document was signed twice.
mod what_only_it_has_waits_for_it {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        waited_for(Site::of_demo(dir.path()), dir.path()).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        waited_for(site, dir.path()).await;
    }
}

async fn waited_for(site: Site, dir: &Path) {
    let (site, mut served) = behind(site, dir);
    delete_key(&site);
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let (site, seen) = (Arc::new(site), Arc::new(Seen::default()));
    let clients = clients(&site, &seen);
    both_go_on(&seen).await;
    for outage in [Outage::Hangs, Outage::Killed, Outage::HangsAndIsReplaced] {
        outage.begin(&mut served);
        let (refused, signed) = (seen.refused(), seen.signed());
        until("certificates are refused", || seen.refused() > refused + 3).await;
        until("signing goes on", || seen.signed() > signed + 3).await;
        outage.end(&mut served);
        both_go_on(&seen).await;
    }
    ended(&site, seen, clients, dir).await;
    serving.kill();
}

/// Both ways lead to the same keys: when one hangs or goes, the other serves on, and what was caught in between is refused
/// clearly at most.
#[tokio::test(flavor = "multi_thread")]
async fn what_both_have_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (site, mut served) = behind(Site::of_demo(dir.path()), dir.path());
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let (site, seen) = (Arc::new(site), Arc::new(Seen::default()));
    let clients = clients(&site, &seen);
    both_go_on(&seen).await;
    for outage in [Outage::Hangs, Outage::Killed] {
        outage.begin(&mut served);
        both_go_on(&seen).await;
        outage.end(&mut served);
        both_go_on(&seen).await;
    }
    ended(&site, seen, clients, dir.path()).await;
    serving.kill();
}

/// What happens to the process in front of the token.
#[derive(Clone, Copy)]
enum Outage {
    Hangs,
    Killed,
    HangsAndIsReplaced,
}

impl Outage {
    fn begin(self, served: &mut Served) {
        match self {
            Self::Hangs | Self::HangsAndIsReplaced => served.signal("-STOP"),
            Self::Killed => served.kill(),
        }
    }

    fn end(self, served: &mut Served) {
        match self {
            Self::Hangs => return served.signal("-CONT"),
            Self::HangsAndIsReplaced => served.kill(),
            Self::Killed => {}
        }
        served.start();
    }
}

/// An installation whose second token is a copy of its first behind p11-kit.
fn behind(site: Site, dir: &Path) -> (Site, Served) {
    let served = Served::copy_of(&site, dir.join("served"));
    let second = format!(
        "[hsm]\ncall_timeout_ms = 1000\n\n[[hsm.tokens]]\nmodule = \"{CLIENT}\"\nlabel = \"lanyard\"\n\
         pin = {{ file = \"secrets/user.pin\" }}\n\n[[hsm.tokens]]\n"
    );
    site.configure("[[hsm.tokens]]\n", &second);
    let variable = format!("P11_KIT_SERVER_ADDRESS = \"{}\"\nSOFTHSM2_CONF = ", served.address());
    site.configure("SOFTHSM2_CONF = ", &variable);
    (site, served)
}

/// Takes the authority's key out of the token in the server's own process.
fn delete_key(site: &Site) {
    let pin = std::fs::read_to_string(site.folder.join("secrets/user.pin")).unwrap();
    let output = Command::new("p11tool")
        .args(["--provider", SOFTHSM, "--batch", "--login", &format!("--set-pin={}", pin.trim()), "--delete"])
        .arg(format!("pkcs11:token=lanyard;object={KEY}"))
        .env("SOFTHSM2_CONF", site.folder.join("token/softhsm2.conf"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn clients(site: &Arc<Site>, seen: &Arc<Seen>) -> Vec<tokio::task::JoinHandle<()>> {
    let both = (0..2).flat_map(|number| {
        let (site, seen) = (Arc::clone(site), Arc::clone(seen));
        let signs = tokio::spawn(sign(Arc::clone(&site), Arc::clone(&seen), number));
        [signs, tokio::spawn(issue(site, seen, number))]
    });
    both.collect()
}

async fn both_go_on(seen: &Seen) {
    let (signed, issued) = (seen.signed(), seen.issued());
    until("both are answered", || seen.signed() > signed + 3 && seen.issued() > issued + 3).await;
}

/// Stops the clients; what they were told is all there, once.
async fn ended(site: &Site, seen: Arc<Seen>, clients: Vec<tokio::task::JoinHandle<()>>, dir: &Path) {
    seen.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let seen = Arc::into_inner(seen).unwrap();
    let answered = seen.answered.into_inner().unwrap();
    certificates_have_rows(site, &answered).await;
    signatures_are_in_the_ledger(site, &answered).await;
    the_record_holds_them(site, &answered, dir).await;
}

/// A refusal says "later" and when; anything else is a fault.
fn is_clear(error: &anyhow::Error) {
    let refused = error.downcast_ref::<Refused>().unwrap_or_else(|| panic!("no answer: {error:#}"));
    assert!(refused.status == 503 && refused.retry_after.is_some(), "{refused:?}");
}

/// Signs one document after another; what was agreed to and refused is asked for again until it is signed.
async fn sign(site: Arc<Site>, seen: Arc<Seen>, number: usize) {
    let server = site.systems(&site.system());
    let credential = signing::credential(&server, "555000000108", None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    for place in 0.. {
        let documents = [format!("prescription {number}.{place}").into_bytes()];
        let agreement = loop {
            if seen.stopped() {
                return;
            }
            match signing::authorise(&server, &credential, &passphrase, &documents).await {
                Ok(agreement) => break agreement,
                Err(error) => is_clear(&error),
            }
        };
        let signature = loop {
            let asked =
                signing::signatures(&server, &credential, agreement.clone(), &documents, Envelope::Detached);
            match asked.await {
                Ok(mut signatures) => break signatures.remove(0),
                Err(error) => is_clear(&error),
            }
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &documents[0]);
        seen.answered.lock().unwrap().signatures.insert(STANDARD.encode(digest), signature);
    }
}

/// Has one certificate after another issued; what was refused is asked for again under the same name.
async fn issue(site: Arc<Site>, seen: Arc<Seen>, number: usize) {
    let server = site.systems(&site.desk());
    for place in 0.. {
        let key = rcgen::KeyPair::generate().unwrap();
        let subject = SubjectData {
            common_name: "Ottoline Marchbanks".to_owned(),
            user_id: Some("555000000108".to_owned()),
            ..SubjectData::default()
        };
        let key = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new(format!("behind-{number}-{place}"), "person-sign-in", subject, key);
        let issued: Value = loop {
            if seen.stopped() {
                return;
            }
            match server.post("/ca/certificates", &request).await {
                Ok(issued) => break issued,
                Err(error) => {
                    is_clear(&error);
                    seen.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        };
        let serial = issued["serial"].as_str().unwrap().to_owned();
        let certificate = STANDARD.decode(issued["certificate"].as_str().unwrap()).unwrap();
        seen.answered.lock().unwrap().certificates.insert(serial, certificate);
    }
}
