//! The clock of a running server steps back.
//!
//! The machine's clock is everybody's, so the server runs in a process of this test's own with a clock that the test moves. A
//! test starts this very program again as that process, because the token's library reads its environment once.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::config::Config;
use lanyard::serve::Server;
use lanyard::signing::{self, Envelope};
use lanyard::wiring::{App, Foundation};
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::PublicKeyData as _;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::rig::Site;

/// The installation of the child, and the first of its ports.
const FOLDER: &str = "LANYARD_TEST_FOLDER";
const BASE: &str = "LANYARD_TEST_BASE";
/// A file that the child leaves in the installation when it has come to the end.
const TOLD: &str = "told";

/// While the clock is behind what was done already, nothing is issued or signed, the refusal gives both times, and what only
/// reads goes on. When it is right again so is the server, without a restart, and an authorisation of before still signs. The
/// mark outlives the process.
mod nothing_is_done_in_the_past {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        in_a_child(&Site::of_demo(dir.path()));
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        in_a_child(&site);
    }
}

fn in_a_child(site: &Site) {
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "clock_back::child", "--nocapture"])
        .env("SOFTHSM2_CONF", site.folder.join("token/softhsm2.conf"))
        .env(FOLDER, &site.folder)
        .env(BASE, site.base.to_string())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}");
    assert!(site.folder.join(TOLD).exists(), "{said}");
}

/// Tells the story when another test has started it as a child; otherwise nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let (Ok(folder), Ok(base)) = (std::env::var(FOLDER), std::env::var(BASE)) else { return };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let site = Site { folder: PathBuf::from(folder), base: base.parse().unwrap() };
    let config = || Config::load(&site.folder.join("lanyard.toml")).unwrap();
    let telemetry = platform::telemetry::init(&config().telemetry).unwrap();
    let (foundation, hand) = on_a_clock(config(), Duration::ZERO).await;
    let app = App::open(foundation).await.unwrap();
    let server = Server::start(app.clone(), telemetry).await.unwrap();
    server.ready(crate::rig::PATIENCE).await.unwrap();
    goes_back_and_forth(&site, &hand, app.clock.now()).await;
    server.stop().await.unwrap();
    drop(app);

    let (behind, _hand) = on_a_clock(config(), Duration::from_mins(10)).await;
    let refused = behind.high_water.guard(behind.clock.now()).unwrap_err();
    assert_eq!(refused.code, "clock-behind", "the mark is in the database");
    std::fs::write(site.folder.join(TOLD), "").unwrap();
}

/// The installation on a clock that stands so much before the present.
async fn on_a_clock(config: Config, before: Duration) -> (Foundation, ManualClock) {
    let foundation = Foundation::open(config).await.unwrap();
    let (clock, hand) = Clock::manual(foundation.clock.now().minus(before));
    (Foundation { clock, ..foundation }, hand)
}

async fn goes_back_and_forth(site: &Site, hand: &ManualClock, present: Millis) {
    let (system, desk) = (site.systems(&site.system()), site.systems(&site.desk()));
    let credential = signing::credential(&system, "555000000108", None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let documents = [b"agreed in time".to_vec()];
    let agreement = signing::authorise(&system, &credential, &passphrase, &documents).await.unwrap();
    desk.post::<Value>("/ca/certificates", &request("in-time")).await.unwrap();
    let signed = ledger(site, &credential.id).await;

    // Four seconds are within what machines that share a database may differ by.
    hand.set(present.minus(Duration::from_secs(4)));
    desk.post::<Value>("/ca/certificates", &request("a-little-behind")).await.unwrap();

    let past = present.minus(Duration::from_secs(30));
    hand.set(past);
    let issuing = desk.post::<Value>("/ca/certificates", &request("in-the-past")).await.unwrap_err();
    let signing =
        signing::signatures(&system, &credential, agreement.clone(), &documents, Envelope::Detached);
    let signing = signing.await.unwrap_err();
    let agreeing =
        signing::authorise(&system, &credential, &passphrase, &documents).await.map(drop).unwrap_err();
    for refused in [issuing, signing, agreeing] {
        let told = format!("{refused:#}");
        assert!(told.contains("503"), "{told}");
        assert!(told.contains(&past.to_string()) && told.contains("set the clock right"), "{told}");
    }
    let public = site.client(0, None);
    for path in ["/audit/checkpoint", "/crl/root.crl", "/cps"] {
        assert_eq!(public.status(Method::GET, path, &Value::Null).await.unwrap(), 200, "{path}");
    }

    hand.set(present.plus(Duration::from_secs(1)));
    assert_eq!(ledger(site, &credential.id).await, signed, "something was signed in the past");
    desk.post::<Value>("/ca/certificates", &request("in-the-past")).await.unwrap();
    let again = signing::signatures(&system, &credential, agreement, &documents, Envelope::Detached).await;
    assert_eq!(again.unwrap().len(), 1);
    assert_eq!(ledger(site, &credential.id).await, signed + 1);
}

async fn ledger(site: &Site, credential: &str) -> usize {
    let path = format!("/signer/signatures?credential={credential}");
    let page: Value = site.systems(&site.desk()).get(&path).await.unwrap();
    page["signatures"].as_array().unwrap().len()
}

fn request(id: &str) -> IssueRequest {
    let key = rcgen::KeyPair::generate().unwrap();
    let subject = SubjectData {
        common_name: "Ottoline Marchbanks".to_owned(),
        user_id: Some("555000000108".to_owned()),
        ..SubjectData::default()
    };
    IssueRequest::new(id, "person-sign-in", subject, KeySource::public_key(&key.subject_public_key_info()))
}
